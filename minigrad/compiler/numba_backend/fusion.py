"""From a list of NumPy calls to a shorter one: stretches that repeat themselves become one call each."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter
from typing import Any

import numpy as np
from numpy import ndarray

from ...errors import BackendError
from ..kernels import Call
from .codegen import grouped, source
from .signatures import Form, addresses, form_of, in_rows

__all__ = ["Loop", "Repeat", "find_repeats", "fuse", "require"]


#: Entries of a period at most, and times that it must come at least: a loop has to be worth compiling.
LONGEST, LEAST = 64, 8


@dataclass(frozen=True)
class Repeat:
    """`count` times `period` entries from `start` on."""

    start: int
    period: int
    count: int

    @property
    def stop(self) -> int:
        """Where the stretch ends."""
        return self.start + self.period * self.count


def find_repeats(tokens: Sequence[int], opens: Callable[[int], bool]) -> list[Repeat]:
    """Stretches that do not overlap, from left to right, those that cover most taken first.

    Parameters
    ----------
    tokens : sequence of int
        Equal numbers for equal entries.
    opens : callable
        Whether a period should begin at a place, if there is a choice.
    """
    numbers = np.asarray(tokens)
    found: list[Repeat] = []
    spans = [(0, len(numbers))]
    while spans:
        start, stop = spans.pop()
        best = _longest(numbers[start:stop])
        if best is None:
            continue
        best = _turned(Repeat(best.start + start, best.period, best.count), numbers[:stop], opens)
        found.append(best)
        spans += [(start, best.start), (best.stop, stop)]
    return sorted(found, key=lambda repeat: repeat.start)


def _longest(numbers: ndarray) -> Repeat | None:
    """The stretch that covers most entries; of equal ones that of the shortest period."""
    best = None
    for period in range(1, min(LONGEST, len(numbers) // LEAST) + 1):
        same = np.concatenate([[False], numbers[period:] == numbers[:-period], [False]])
        edges = np.flatnonzero(same[1:] != same[:-1])
        lengths = edges[1::2] - edges[::2]
        if not len(lengths):
            continue
        i = int(lengths.argmax())
        count = int(lengths[i]) // period + 1
        if count >= LEAST and (best is None or count * period > best.count * best.period):
            best = Repeat(int(edges[2 * i]), period, count)
    return best


def _turned(repeat: Repeat, numbers: ndarray, opens: Callable[[int], bool]) -> Repeat:
    """The same stretch from the first place on at which a period should begin."""
    stop = repeat.stop
    while stop < len(numbers) and numbers[stop] == numbers[stop - repeat.period]:
        stop += 1
    for start in range(repeat.start, repeat.start + repeat.period):
        count = (stop - start) // repeat.period
        if opens(start) and count >= LEAST - 1:
            return Repeat(start, repeat.period, count)
    return repeat


@dataclass(frozen=True)
class Loop:
    """A compiled loop in the place of calls that repeat themselves.

    Attributes
    ----------
    run : callable
        Machine code.
    table : array, shape (repetitions, arrays)
        The addresses that the machine code works on.
    calls : list of (function, arguments)
        What it stands for; here the arrays at those addresses are kept alive.
    """

    run: Callable[[ndarray], None]
    table: ndarray
    calls: list[Call]

    def __call__(self) -> None:
        """Do all that the calls would do."""
        self.run(self.table)


def fuse(calls: list[Call]) -> tuple[list[Call], str]:
    """Replace what repeats by compiled loops; the new list, and what was done, in words; no words for nothing."""
    compiler = require()
    start = perf_counter()
    forms = [form_of(call) for call in calls]
    numbers: dict[Form, int] = {}
    tokens = [-i - 1 if form is None else numbers.setdefault(form, len(numbers)) for i, form in enumerate(forms)]
    repeats = find_repeats(tokens, lambda i: _is_product(forms[i]))
    if not repeats:
        return calls, ""
    result: list[Call] = []
    done = 0
    for repeat in repeats:
        result += calls[done : repeat.start]
        result.append((_loop(repeat, calls, forms, compiler), ()))
        done = repeat.stop
    result += calls[done:]
    seconds = perf_counter() - start
    covered = sum(repeat.stop - repeat.start for repeat in repeats)
    return result, f"{covered} calls in {len(repeats)} compiled loops, made in {seconds:.1f} s"


def _is_product(form: Form | None) -> bool:
    return form is not None and form.is_product


def _loop(repeat: Repeat, calls: list[Call], forms: list[Any], compiler: Any) -> Loop:
    """One stretch as a compiled loop."""
    stretch = calls[repeat.start : repeat.stop]
    table = np.array([address for call in stretch for address in addresses(call)], np.int64)
    table = table.reshape(repeat.count, -1)
    period = _by_rows(forms[repeat.start : repeat.start + repeat.period])
    text = source(period, grouped(period, table))
    return Loop(compiler.compiled_loop(text, period[0].dtype), table, stretch)


def _by_rows(period: list[Form]) -> list[Form]:
    """All operations as on rows, if most of those that are on rows have the same number of them."""
    shapes = [form.layouts[-1].shape for form in period if not form.is_product]
    rows = Counter(shape[0] for shape in shapes if len(shape) > 1).most_common(1)
    return [in_rows(form, rows[0][0]) for form in period] if rows else period


def require() -> Any:
    """The module that needs Numba, or an error that says what to install."""
    try:
        return import_module("minigrad.compiler.numba_backend.jit")
    except ImportError as error:
        raise BackendError(
            f'compile(..., backend="fast") needs Numba and SciPy ({error}); install them with '
            "`pip install numba scipy`, or leave the backend out: NumPy alone does the rest."
        ) from error
