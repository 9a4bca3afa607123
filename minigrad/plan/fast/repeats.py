"""Where a list repeats itself: stretches in which the same few entries come again and again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

__all__ = ["Repeat", "find_repeats"]

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
