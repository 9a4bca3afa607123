"""How much flows back along a line: the norms of shares, of one use or of several together."""

from collections.abc import Mapping, Sequence
from math import hypot
from typing import Any

from minigrad.sweep import Edge, Piece

from .picture import Line
from .tooltips import called, line_note
from .words import norm

__all__ = ["joint_norm", "line_of", "share_norm"]


def share_norm(share: Any) -> float | None:
    """The Euclidean norm of what an edge carries, without building the zeros around a `Piece`."""
    if type(share) is not Piece:
        return norm(share)
    indices = share.index if isinstance(share.index, tuple) else (share.index,)
    plain = all(isinstance(index, int | slice) or index is None or index is Ellipsis for index in indices)
    return norm(share.g if plain else share.result())


def joint_norm(edges: Sequence[Edge], shares: Mapping[Edge, Any]) -> float | None:
    """The norm of what several uses carry together: added up for one value, side by side for several."""
    by_source: dict[int, list[Any]] = {}
    for edge in edges:
        if edge in shares:
            by_source.setdefault(edge.source.serial, []).append(shares[edge])
    norms = [_norm_of_sum(found) for found in by_source.values()]
    known = [size for size in norms if size is not None]
    return (known[0] if len(known) == 1 else hypot(*known)) if known else None


def _norm_of_sum(shares: list[Any]) -> float | None:
    if len(shares) == 1:
        return share_norm(shares[0])
    dense = [share.result() if type(share) is Piece else share for share in shares]
    return norm(sum(dense[1:], dense[0]))


def line_of(tail: str, head: str, edges: Sequence[Edge], shares: Mapping[Edge, Any]) -> Line:
    """A line with what is said about it and about what flows back along it."""
    source, target = called(edges[0].source), " and ".join(dict.fromkeys(called(edge.target) for edge in edges[:4]))
    share = joint_norm(edges, shares)
    note = "" if share is None else line_note(f"gradient {target} → {source}", share)
    return Line(tail, head, share, f"{source} → {target}", note)
