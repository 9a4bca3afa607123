"""Folding the middle of a long run into one mark that carries the exact norm of what it does to gradients."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import Graph, Tensor
from minigrad.sweep import reverse_sweep

from .grouping import Group
from .words import is_time, spectral_norm, step_of

__all__ = ["Fold", "fold_of", "folded", "jacobian_norm"]

#: The steps that stay at the beginning and at the end.
FIRST, LAST = 1, 2
#: Entries of a state beyond which the norm of its Jacobian is not computed.
LARGEST_STATE = 600


@dataclass(frozen=True)
class Fold:
    """The steps from `first` to `last` are drawn as one."""

    first: int
    last: int

    def holds(self, step: int | None) -> bool:
        """Whether a step is inside."""
        return step is not None and self.first <= step <= self.last

    def column(self, step: int | None) -> int | None:
        """Where a step stands, counted as if the fold were one step."""
        if step is None or step < self.first:
            return step
        return self.first if step <= self.last else step - (self.last - self.first)

    def scope(self, scope: tuple[str, ...]) -> tuple[str, ...]:
        """The frame of the fold, in the place of one of its steps."""
        return tuple(f"t={self.first} … t={self.last}" if is_time(part) else part for part in scope)


def fold_of(graph: Graph, longest: int) -> Fold | None:
    """What to fold so that a run of more than `longest` steps gets short; None if it is short already."""
    steps = {step_of(node.scope) for node in graph.nodes if not node.is_leaf} - {None}
    count = len(steps)
    if count <= max(longest, FIRST + LAST + 1):
        return None
    ordered = sorted(step for step in steps if step is not None)
    return Fold(ordered[FIRST], ordered[-LAST - 1])


def folded(groups: tuple[Group, ...], fold: Fold) -> tuple[Group, ...]:
    """One group for all that a lane computes inside of the fold."""
    gathered: dict[tuple[str, ...], list[Tensor]] = {}
    kept = []
    for group in groups:
        if fold.holds(step_of(group.face.scope)):
            gathered.setdefault(fold.scope(group.face.scope), []).extend(group.members)
        else:
            kept.append(group)
    folds = [Group(members[-1], tuple(members), "fold") for members in gathered.values()]
    return tuple(sorted((*kept, *folds), key=lambda group: group.face.serial))


def jacobian_norm(entries: Sequence[Tensor], exits: Iterable[Tensor]) -> float | None:
    """‖∂(exits)/∂(entries)‖₂, all entries taken as independent: the norm of the product of the steps between.

    One reverse sweep for each entry of the exits; None if there are too many.
    """
    ends = list(exits)
    if not entries or not ends or sum(node.value.size for node in ends) > LARGEST_STATE:
        return None
    return spectral_norm(np.array([row for node in ends for row in _rows(node, entries)]))


def _rows(node: Tensor, entries: Sequence[Tensor]) -> list[np.ndarray]:
    rows = []
    for index in np.ndindex(node.shape):
        seed = np.zeros(node.shape, node.dtype)
        seed[index] = 1.0
        found = reverse_sweep([(node, seed)], targets=entries).nodes
        rows.append(np.concatenate([_flat(found.get(entry), entry) for entry in entries]))
    return rows


def _flat(adjoint: Any, entry: Tensor) -> np.ndarray:
    return np.zeros(entry.value.size) if adjoint is None else np.ravel(adjoint)
