"""Folding the middle of a long run into one node that carries the exact norm of what it does to gradients."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cells.analysis.norms import spectral_norm
from minigrad import Graph, Tensor
from minigrad.context import TimeStep, step_of
from minigrad.sweep import reverse_sweep

from .grouping import Group
from .labels import number, short_name
from .picture import StepSpan

__all__ = ["Fold", "FoldEnds", "fold_ends", "fold_label", "fold_of", "fold_tooltip", "folded", "jacobian_norm"]


#: The steps that stay at the beginning and at the end.
FIRST, LAST = 1, 2
#: Entries of a state beyond which the norm of its Jacobian is not computed.
LARGEST_STATE = 600


@dataclass(frozen=True)
class Fold:
    """The spans of steps that are drawn as one step each, in order and apart from each other."""

    spans: tuple[StepSpan, ...]

    def span(self, step: int | None) -> StepSpan | None:
        """The span that holds a step."""
        return next((span for span in self.spans if step is not None and span.first <= step <= span.last), None)

    def column(self, step: int | None) -> int | None:
        """The column of a step, counted as if each span were one step."""
        if step is None:
            return None
        return step - sum(min(step, span.last) - span.first for span in self.spans if span.first <= step)

    def scope(self, scope: tuple[str, ...]) -> tuple[str, ...]:
        """The scope with the span in the place of one of its steps."""
        return tuple((self.span(part.number) or part) if isinstance(part, TimeStep) else part for part in scope)


def fold_of(graph: Graph, longest: int, keep: int | None = None) -> Fold | None:
    """The fold that makes a run of more than `longest` steps short; None if it is short already.

    Parameters
    ----------
    graph : Graph
    longest : int
    keep : int, optional
        A step that is drawn by itself, such as the one in which the first NaN arose.
    """
    steps = {step_of(node.scope) for node in graph.nodes if not node.is_leaf} - {None}
    if len(steps) <= max(longest, FIRST + LAST + 1):
        return None
    inner = sorted(step for step in steps if step is not None)[FIRST:-LAST]
    parts = ([step for step in inner if step < keep], [step for step in inner if step > keep]) if keep else (inner,)
    return Fold(tuple(StepSpan(part[0], part[-1]) for part in parts if len(part) > 1))


def folded(groups: tuple[Group, ...], fold: Fold) -> tuple[Group, ...]:
    """One group for all that a lane computes inside of a span."""
    gathered: dict[tuple[str, ...], list[Tensor]] = {}
    kept = []
    for group in groups:
        if fold.span(step_of(group.face.scope)) is not None:
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
    """A span in one lane: the states with which it begins, those with which it ends, and ‖∂exits/∂entries‖₂."""

    span: StepSpan
    entries: tuple[Tensor, ...]
    exits: tuple[Tensor, ...]
    norm: float | None


def fold_ends(graph: Graph, groups: Sequence[Group], states: Container[int], fold: Fold) -> dict[int, FoldEnds]:
    """The ends of every folded group, by its position."""
    owner = {node.serial: i for i, group in enumerate(groups) for node in group.members}
    spans = {i: fold.span(step_of(group.face.scope)) for i, group in enumerate(groups) if group.kind == "fold"}
    entries: dict[int, dict[int, Tensor]] = {i: {} for i in spans}
    forward: dict[int, bool] = {}
    for edge in graph.edges:
        into = owner.get(edge.target.serial, -1)
        came, goes = step_of(edge.source.scope), step_of(edge.target.scope)
        if into not in entries or edge.source.serial not in states or came is None or goes is None:
            continue
        if fold.span(came) != spans[into] and abs(came - goes) == 1:
            entries[into][edge.source.serial] = edge.source
            forward[into] = came < goes
    found = {}
    for i, span in spans.items():
        if span is None:
            continue
        end = span.last if forward.get(i, True) else span.first
        exits = tuple(n for n in groups[i].members if n.serial in states and step_of(n.scope) == end)
        begins = tuple(entries[i][serial] for serial in sorted(entries[i]))
        found[i] = FoldEnds(span, begins, exits, jacobian_norm(begins, exits))
    return found


def fold_label(ends: FoldEnds) -> str:
    """The number of steps, and what they do to a gradient."""
    count = f"… {ends.span.steps} steps …"
    if ends.norm is None:
        return count
    return f"{count}\n‖∂{_joined(ends.exits)}/∂{_joined(ends.entries)}‖\n= {number(ends.norm)}"


def _joined(nodes: Sequence[Tensor]) -> str:
    """h₂ for one state, (h₂, c₂) for several."""
    return _listed(nodes) if len(nodes) == 1 else f"({_listed(nodes)})"


def fold_tooltip(ends: FoldEnds) -> str:
    """The Jacobian in full."""
    lines = [f"{ends.span}, drawn as one"]
    if ends.entries and ends.exits:
        before, after = _listed(ends.entries), _listed(ends.exits)
        size = "not computed: the state is too large" if ends.norm is None else number(ends.norm)
        lines.append(f"largest singular value of ∂({after})/∂({before}), the product of the steps' Jacobians: {size}")
        lines.append("parts of a state are taken as independent")
    return "\n".join(lines)


def _listed(nodes: Sequence[Tensor]) -> str:
    return ", ".join(short_name(node) or "" for node in nodes)
