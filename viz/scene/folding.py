"""Folding the middle of a long run into one mark that carries the exact norm of what it does to gradients."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cells.analysis.norms import spectral_norm
from minigrad import Graph, Tensor
from minigrad.context import step_of
from minigrad.sweep import reverse_sweep

from .grouping import Group
from .labels import is_time, number, short_name

__all__ = ["Fold", "FoldEnds", "fold_ends", "fold_label", "fold_of", "fold_tooltip", "folded", "jacobian_norm"]


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


@dataclass(frozen=True)
class FoldEnds:
    """The states with which a lane's fold begins, those with which it ends, and ‖∂exits/∂entries‖₂."""

    entries: tuple[Tensor, ...]
    exits: tuple[Tensor, ...]
    norm: float | None


def fold_ends(graph: Graph, groups: Sequence[Group], states: Container[int], fold: Fold) -> dict[int, FoldEnds]:
    """The ends of every fold, by the position of its group."""
    owner = {node.serial: i for i, group in enumerate(groups) for node in group.members}
    entries: dict[int, dict[int, Tensor]] = {i: {} for i, group in enumerate(groups) if group.kind == "fold"}
    forward: dict[int, bool] = {}
    for edge in graph.edges:
        into = owner.get(edge.target.serial, -1)
        came, goes = step_of(edge.source.scope), step_of(edge.target.scope)
        if into not in entries or edge.source.serial not in states or came is None or goes is None:
            continue
        if not fold.holds(came) and abs(came - goes) == 1:
            entries[into][edge.source.serial] = edge.source
            forward[into] = came < goes
    found = {}
    for i, starts in entries.items():
        end = fold.last if forward.get(i, True) else fold.first
        exits = tuple(n for n in groups[i].members if n.serial in states and step_of(n.scope) == end)
        begins = tuple(starts[serial] for serial in sorted(starts))
        found[i] = FoldEnds(begins, exits, jacobian_norm(begins, exits))
    return found


def fold_label(fold: Fold, ends: FoldEnds) -> str:
    """How many steps, and what they do to a gradient."""
    count = f"… {fold.last - fold.first + 1} steps …"
    if ends.norm is None:
        return count
    return f"{count}\n‖∂{_joined(ends.exits)}/∂{_joined(ends.entries)}‖\n= {number(ends.norm)}"


def _joined(nodes: Sequence[Tensor]) -> str:
    """h₂ for one state, (h₂, c₂) for several."""
    return _listed(nodes) if len(nodes) == 1 else f"({_listed(nodes)})"


def fold_tooltip(fold: Fold, ends: FoldEnds) -> str:
    """The Jacobian in full."""
    lines = [f"t={fold.first} … t={fold.last}, drawn as one"]
    if ends.entries and ends.exits:
        before, after = _listed(ends.entries), _listed(ends.exits)
        size = "not computed: the state is too large" if ends.norm is None else number(ends.norm)
        lines.append(f"largest singular value of ∂({after})/∂({before}), the product of the steps' Jacobians: {size}")
        lines.append("parts of a state are taken as independent")
    return "\n".join(lines)


def _listed(nodes: Sequence[Tensor]) -> str:
    return ", ".join(short_name(node) or "" for node in nodes)
