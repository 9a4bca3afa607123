"""Putting the values of many steps side by side, in an order on which all passes agree."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..ir import Builder, Node, Program, substitute
from .simplify import first_index

__all__ = ["Stacker", "copy_shared_slices", "is_column_slice", "merge_slices"]


class Stacker:
    """Makes stacks, and remembers the place of every part.

    A value can be computed right into one place only, so stacks of the same values should agree on their
    order; the first stack that a value appears in decides.
    """

    def __init__(self, program: Program, builder: Builder) -> None:
        self.builder = builder
        self.position: dict[Node, int] = {}
        for node in program.uses():
            if node.op == "stack" and node.params["axis"] == 0:
                self._note(node.args)

    def _note(self, parts: Sequence[Node]) -> None:
        if len(parts) < 2:
            return
        # Parts that already have places keep them, and tell the others theirs.
        known = next(((i, part) for i, part in enumerate(parts) if part in self.position), None)
        offset = 0 if known is None else self.position[known[1]] - known[0]
        for i, part in enumerate(parts):
            self.position.setdefault(part, i + offset)

    def place(self, node: Node) -> int | None:
        """Where a value stands in a stack or in the array that it is a slice of; None if nowhere yet."""
        found = self.position.get(node)
        if found is None and node.op == "getitem":
            found = first_index(node) if node.args[0].shape else None
            if found is None:
                return self.place(node.args[0])
        return found

    def ordered(self, members: Sequence[Node], keys: Callable[[Node], Sequence[Any]]) -> list[Node]:
        """Members of a family, sorted by the places of the first of their `keys` that has places."""
        columns = list(zip(*(keys(node) for node in members), strict=True))
        by_order = sorted(range(len(members)), key=lambda i: members[i].order)
        for column in columns:
            if any(type(part) is not Node for part in column) or len(set(column)) < len(column):
                continue
            places = [self.place(part) for part in column]
            known = [i for i in by_order if places[i] is not None]
            if len(known) * 2 < len(members):
                continue
            # What has no place stands on the side on which it stands in the trace.
            low = min(known, key=lambda i: places[i] or 0)
            high = max(known, key=lambda i: places[i] or 0)
            rising = column[low].order <= column[high].order
            before, after = (places[low] or 0) - 1, (places[high] or 0) + 1
            keyed = [
                place if place is not None else before if (part.order < column[low].order) == rising else after
                for part, place in zip(column, places, strict=True)
            ]
            return [members[i] for i in sorted(range(len(members)), key=lambda i: keyed[i])]
        return sorted(members, key=lambda node: self._birth(keys(node)))

    @staticmethod
    def _birth(parts: Sequence[Any]) -> int:
        return next((part.order for part in parts if type(part) is Node), 0)

    def stack(self, parts: Sequence[Node]) -> Node:
        """The stack of some nodes along a new first axis, as a slice of what is there if it can be."""
        first = parts[0]
        if first.op == "getitem":
            found = self._slice(parts)
            if found is not None:
                return found
        self._note(parts)
        shape = (len(parts), *first.shape)
        return self.builder.make("stack", parts, {"axis": 0}, shape=shape, dtype=first.dtype)

    def _slice(self, parts: Sequence[Node]) -> Node | None:
        """stack(x[i], x[i+1], …) = x[i:…], and stack(y₀[:, k], y₁[:, k], …) = stack(y₀, y₁, …)[:, :, k]."""
        source, index = parts[0].args[0], parts[0].params["index"]
        if any(part.op != "getitem" for part in parts):
            return None
        start = first_index(parts[0])
        if start is not None:
            if any(part.args[0] is not source or first_index(part) != start + i for i, part in enumerate(parts)):
                return None
            if len(parts) == source.shape[0]:
                return source
            shape = (len(parts), *source.shape[1:])
            span = {"index": (slice(start, start + len(parts)),)}
            return self.builder.make("getitem", (source,), span, shape=shape, dtype=source.dtype)
        if not is_column_slice(parts[0]) or any(part.params["index"] != index for part in parts):
            return None
        if any(part.args[0].shape != source.shape for part in parts):
            return None
        whole = self.stack([part.args[0] for part in parts])
        shape = (len(parts), *parts[0].shape)
        return self.builder.make("getitem", (whole,), {"index": index}, shape=shape, dtype=source.dtype)


def is_column_slice(node: Node) -> bool:
    """True if a node is x[..., a:b]."""
    if node.op != "getitem":
        return False
    index = node.params["index"]
    return isinstance(index, tuple) and len(index) == 2 and index[0] is Ellipsis and isinstance(index[1], slice)


def merge_slices(program: Program, builder: Builder) -> Program:
    """stack(x[i], x[i+1], …) = x[i:…] wherever an earlier pass has made it so."""
    stacker = Stacker(program, builder)
    replacement = {}
    for node in program.uses():
        same_type = all(part.dtype == node.dtype for part in node.sources)
        if node.op == "stack" and node.params["axis"] == 0 and same_type:
            builder.order = node.order
            replacement[node] = stacker.stack(node.args)
    return substitute(program, replacement)


def copy_shared_slices(program: Program, builder: Builder) -> Program:
    """A slice that is part of several stacks is copied once, to lie beside the others, not into every stack."""
    stacks = [node for node in program.uses() if node.op == "stack" and node.params["axis"] == 0]
    counts = Counter(part for node in stacks for part in set(node.args))
    replacement = {}
    for node in stacks:
        if not any(part.op == "getitem" and counts[part] > 1 for part in node.args):
            continue
        parts = []
        for part in node.args:
            builder.order = part.order
            shared = part.op == "getitem" and counts[part] > 1
            parts.append(builder.make("copy", (part,), shape=part.shape, dtype=part.dtype) if shared else part)
        builder.order = node.order
        replacement[node] = builder.make("stack", parts, {"axis": 0}, shape=node.shape, dtype=node.dtype)
    return substitute(program, replacement)
