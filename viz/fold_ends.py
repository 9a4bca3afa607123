"""Where states enter a fold and leave it, and what the fold's mark says."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from minigrad import Graph, Tensor

from .folding import Fold, jacobian_norm
from .grouping import Group
from .words import number, short_name, step_of

__all__ = ["FoldEnds", "fold_ends", "fold_label", "fold_tooltip"]


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
