"""Cases of a check of a backward pass: sizes, seeds, and calls of the functions under test on copies."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..errors import DtypeError, GradientCheckError, NonScalarOutputError, OptionError, TreeError
from ..pytree import flatten, flatten_like
from ..tensor import Tensor
from ..transforms import argument_names, positions_of

__all__ = [
    "BackwardError",
    "BadShape",
    "Case",
    "Functions",
    "Leaf",
    "changed",
    "is_real",
    "planned",
    "replaced",
    "written",
]

#: Sizes that are tried at most in one grid; above it they are drawn.
_MOST_CORNERS = 256


def written(sizes: Mapping[str, int]) -> str:
    """Sizes as they stand in messages: ``T=2, H=1``."""
    return ", ".join(f"{name}={size}" for name, size in sizes.items()) or "the only sizes"


@dataclass(frozen=True)
class Case:
    """Sizes, and the seed of the random arguments at these sizes."""

    sizes: Mapping[str, int]
    seed: tuple[int, ...]

    def __str__(self) -> str:
        return written(self.sizes)

    @property
    def rng(self) -> np.random.Generator:
        """A fresh generator: the same arguments whenever it is asked for."""
        return np.random.default_rng(list(self.seed))


def planned(ranges: Mapping[str, tuple[int, int]], examples: int, seed: int) -> list[Case]:
    """The cases to try, small sizes first.

    All sizes if there are no more than `examples` of them. Otherwise the corners, sizes that are all different, and
    random ones.

    Raises
    ------
    OptionError
        If a range is empty, or `examples` or `seed` is not a number of that kind.
    """
    for name, span in ranges.items():
        if len(span) != 2 or not span[0] <= span[1]:
            raise OptionError(f"the sizes of {name} must be (smallest, largest), got {span!r}")
    if examples < 1:
        raise OptionError(f"examples={examples!r} must be 1 or more")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise OptionError(f"seed={seed!r} must be an integer from 0 on")
    rng = np.random.default_rng(seed)
    chosen = _all_sizes(ranges) if _count(ranges) <= examples else _some_sizes(ranges, examples, rng)
    repeated = [chosen[i % len(chosen)] for i in range(max(examples, len(chosen)))]
    repeated.sort(key=lambda sizes: (sum(sizes), sizes))
    return [Case(dict(zip(ranges, sizes, strict=True)), (int(seed), i)) for i, sizes in enumerate(repeated)]


def _count(ranges: Mapping[str, tuple[int, int]]) -> int:
    return prod(high - low + 1 for low, high in ranges.values())


def _all_sizes(ranges: Mapping[str, tuple[int, int]]) -> list[tuple[int, ...]]:
    return list(product(*(range(low, high + 1) for low, high in ranges.values())))


def _some_sizes(
    ranges: Mapping[str, tuple[int, int]], examples: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """Corners, all different, and random ones: as many as asked for, or the corners where those are more."""
    spans = list(ranges.values())
    if 2 ** len(spans) <= _MOST_CORNERS:
        found = dict.fromkeys(product(*spans))
    else:
        found = dict.fromkeys([tuple(low for low, _ in spans), tuple(high for _, high in spans)])
    found[_different(spans)] = None
    for _ in range(20 * examples):
        if len(found) >= examples:
            break
        found[tuple(int(rng.integers(low, high + 1)) for low, high in spans)] = None
    return list(found)


def _different(spans: list[tuple[int, int]]) -> tuple[int, ...]:
    """Large sizes, no two of them equal where the ranges allow it: a wrong axis is then a wrong shape."""
    sizes: dict[int, int] = {}
    for i in sorted(range(len(spans)), key=lambda i: spans[i][1]):
        low, high = spans[i]
        free = (size for size in range(high, max(low, high - len(spans)) - 1, -1) if size not in sizes.values())
        sizes[i] = next(free, high)
    return tuple(sizes[i] for i in range(len(spans)))


class BackwardError(Exception):
    """Carrier of whatever the backward pass raised."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class BadShape:
    """A gradient that cannot be compared: its shape or its type is another than the argument's."""

    got: str


@dataclass(frozen=True)
class Leaf:
    """One array that backward differentiates with respect to: the argument it belongs to, and its path there."""

    position: int
    path: str


class Functions:
    """The functions under test; every call is given copies of its own."""

    def __init__(
        self,
        f: Callable[..., Any],
        backward: Callable[..., Any],
        make_args: Callable[..., Any],
        wrt: int | tuple[int, ...],
    ) -> None:
        self.f = f
        self.backward = backward
        self.make_args = make_args
        self.wrt = wrt

    def arguments(self, case: Case) -> tuple[Any, ...]:
        """Random arguments for the sizes of a case.

        Raises
        ------
        TreeError
            If `make_args` returns anything but a tuple.
        """
        try:
            args = self.make_args(case.rng, **case.sizes)
        except Exception as error:
            error.add_note(f"raised by make_args at {case}")
            raise
        if not isinstance(args, tuple | list):
            raise TreeError(
                f"make_args must return a tuple of arguments, got {type(args).__name__}; write (x,) for one"
            )
        return tuple(args)

    def positions(self, args: tuple[Any, ...]) -> list[int]:
        """The arguments that backward differentiates with respect to."""
        return positions_of(self.wrt, len(args))

    def leaves(self, args: tuple[Any, ...]) -> list[Leaf]:
        """The arrays that backward differentiates with respect to."""
        names = argument_names(self.f, len(args))
        return [Leaf(i, path) for i in self.positions(args) for path in flatten(args[i])[1].paths(names[i])]

    def loss(self, args: tuple[Any, ...], case: Case) -> tuple[float, list[str]]:
        """The loss, and the paths of arguments that f has overwritten.

        Raises
        ------
        NonScalarOutputError
            If f returns more than one number, or something else.
        """
        given = _copied(args)
        try:
            value = self.f(*given)
        except Exception as error:
            error.add_note(f"raised by f at {case}")
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise GradientCheckError(f"f raised {type(error).__name__} at {case}: {error}") from error
        return _number(value), self._overwritten(args, given)

    def gradients(self, args: tuple[Any, ...]) -> tuple[list[np.ndarray | BadShape], list[str]]:
        """The result of backward, array by array, and the paths of arguments that it has overwritten.

        f runs before it on the same arguments, as in training: a pass may use what the forward pass has stored.

        Raises
        ------
        BackwardError
            If it raises anything, `SystemExit` and the exceptions by which tests are skipped included.
        TreeError
            If it returns another structure than that of the arguments.
        """
        self.f(*_copied(args))
        given = _copied(args)
        try:
            result = self.backward(*given)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise BackwardError(error) from error
        return self._arrays(result, args), self._overwritten(args, given)

    def _arrays(self, result: Any, args: tuple[Any, ...]) -> list[np.ndarray | BadShape]:
        several, positions = not isinstance(self.wrt, int), self.positions(args)
        trees = result if several else (result,)
        if several and (not isinstance(result, tuple | list) or len(result) != len(positions)):
            raise TreeError(
                f"backward must return {len(positions)} gradients, one for each of wrt={self.wrt}, "
                f"got {_described(result)}"
            )
        names, found = argument_names(self.f, len(args)), []
        for i, tree in zip(positions, trees, strict=True):
            leaves, structure = flatten(args[i])
            got = flatten_like(structure, tree, f"the gradient of {names[i]}")
            found += [_comparable(g, np.shape(leaf)) for g, leaf in zip(got, leaves, strict=True)]
        return found

    def _overwritten(self, args: tuple[Any, ...], given: tuple[Any, ...]) -> list[str]:
        names = argument_names(self.f, len(args))
        found = []
        for name, before, after in zip(names, args, given, strict=True):
            leaves, structure = flatten(before)
            now = flatten(after)[0]
            if len(now) != len(leaves):
                found.append(name)
                continue
            paths = structure.paths(name)
            found += [path for path, a, b in zip(paths, leaves, now, strict=True) if not _same(a, b)]
        return found


def _copied(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments of its own for a call; what cannot be copied is shared."""
    try:
        return deepcopy(args)
    except Exception:
        copies = []
        for arg in args:
            leaves, structure = flatten(arg)
            copies.append(structure.unflatten([np.array(x) if isinstance(x, np.ndarray) else x for x in leaves]))
        return tuple(copies)


def _same(a: Any, b: Any) -> bool:
    """Return whether an array is what it was before; of other things nothing is known."""
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return True
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _number(value: Any) -> float:
    value = value.value if isinstance(value, Tensor) else value
    if isinstance(value, tuple | list | dict) or value is None:
        raise NonScalarOutputError(
            f"f must return one number, the loss, got {_described(value)}; return the loss alone"
        )
    array = np.asarray(value)
    if array.shape != ():
        raise NonScalarOutputError(f"f must return one number, the loss, got the shape {array.shape}; sum it")
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"f must return a real number, the loss, got dtype {array.dtype}")
    return float(array)


def _comparable(g: Any, shape: tuple[int, ...]) -> np.ndarray | BadShape:
    g = g.value if isinstance(g, Tensor) else g
    if g is None:
        return BadShape("None")
    array = np.asarray(g)
    if array.dtype.kind not in "fiub":
        return BadShape(f"dtype {array.dtype}")
    return array if array.shape == shape else BadShape(f"the shape {array.shape}")


def _described(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"one {type(value).__name__}"


def is_real(value: Any) -> bool:
    """Return whether a leaf holds floating-point numbers."""
    return isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f"


def changed(
    args: tuple[Any, ...], positions: Iterable[int], change: Callable[[np.ndarray], np.ndarray]
) -> tuple[Any, ...]:
    """Copies of the arguments in which every floating-point array at some positions is changed."""
    copies = list(_copied(args))
    for i in positions:
        leaves, structure = flatten(copies[i])
        copies[i] = structure.unflatten([change(np.asarray(x)) if is_real(x) else x for x in leaves])
    return tuple(copies)


def replaced(args: tuple[Any, ...], positions: Iterable[int], arrays: Iterable[np.ndarray]) -> tuple[Any, ...]:
    """Copies of the arguments with other arrays at all leaves of some positions."""
    copies, left = list(_copied(args)), iter(arrays)
    for i in positions:
        leaves, structure = flatten(copies[i])
        copies[i] = structure.unflatten([np.array(next(left)) for _ in leaves])
    return tuple(copies)
