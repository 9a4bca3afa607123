"""Where each result of a program lives: in a slot of what it is a part of, or in memory that is reused.

Three ideas. *Homes*: a part of a stack or a concatenation is computed right into its slot, so that
joining costs nothing. *Views*: slices, transposes and reshapes are made once, when the plan is made.
*Lifetimes*: memory that nothing reads any more goes to the next result of the same size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from .ir import Node, Program
from .kernels import ELEMENTWISE, is_basic

__all__ = ["JOINS", "Storage", "find_homes", "is_row_slice", "is_view", "slots", "view_of"]

#: Operations that put parts side by side.
JOINS = ("stack", "concatenate")
_VIEWS = ("transpose", "broadcast_to", "reshape", "getitem", "alias", "stop_gradient")


def is_view(node: Node) -> bool:
    """True if a node's value is its argument's memory seen otherwise."""
    if node.op == "getitem":
        return is_basic(node.params["index"])
    return node.op in _VIEWS


def find_homes(nodes: Sequence[Node]) -> dict[Node, tuple[Node, Any]]:
    """For each result that is part of a stack or concatenation: of which, and at which index of it.

    A node has one home; further joins it is part of copy it, unless they are slices of the same row: the
    stacks (h₀, …, h₃) and (h₁, …, h₄) are both slices of one row (h₀, …, h₄). Rows are nodes of their own,
    of the operation "row", which is nothing but memory.
    """
    homes: dict[Node, tuple[Node, Any]] = {}
    rows: list[_Row] = []
    row_of: dict[Node, _Row] = {}
    stacks = [node for node in nodes if node.op == "stack" and node.params["axis"] == 0]
    for node in sorted(stacks, key=lambda node: -len(node.args)):
        row = next((row_of[part] for part in node.args if part in row_of), None)
        if row is None:
            if not all(_fits(part, node) for part in node.args) or len(set(node.args)) < len(node.args):
                continue
            row = _Row(list(node.args), [])
            rows.append(row)
        elif not row.extend(node, row_of):
            continue
        row.stacks.append(node)
        row_of |= dict.fromkeys(node.args, row)
    for row in rows:
        first = row.parts[0]
        memory = Node("row", tuple(row.parts), {"axis": 0}, (len(row.parts), *first.shape), first.dtype, first.order)
        for i, part in enumerate(row.parts):
            homes[part] = (memory, (i, ...))
        for node in row.stacks:
            start = row.parts.index(node.args[0])
            homes[node] = (memory, (slice(start, start + len(node.args)),))
    for node in nodes:
        if node.op in JOINS and not is_row_slice(node, homes):
            for part, index in zip(node.args, slots(node), strict=True):
                if part not in homes and _can_move(part) and part.dtype == node.dtype and node.size:
                    homes[part] = (node, index)
    return homes


def is_row_slice(node: Node, homes: dict[Node, tuple[Node, Any]]) -> bool:
    """True if a node is a stack whose parts lie side by side already."""
    return node in homes and homes[node][0].op == "row" and isinstance(homes[node][1][0], slice)


@dataclass
class _Row:
    """Values side by side, and the stacks that are slices of it."""

    parts: list[Node]
    stacks: list[Node]

    def extend(self, stack: Node, row_of: dict[Node, "_Row"]) -> bool:
        """Make a stack a slice of this row by adding parts at its ends, if that can be."""
        wanted = stack.args
        place = {part: i for i, part in enumerate(self.parts)}
        known = next(i for i, part in enumerate(wanted) if part in place)
        offset = place[wanted[known]] - known
        before: list[Node] = []
        after: list[Node] = []
        if len(set(wanted)) < len(wanted):
            return False
        for i, part in enumerate(wanted, start=offset):
            if 0 <= i < len(self.parts):
                if self.parts[i] is not part:
                    return False
            elif part in row_of or not _fits(part, stack):
                return False
            else:
                (before if i < 0 else after).append(part)
        self.parts = [*before, *self.parts, *after]
        return True


def _fits(part: Node, stack: Node) -> bool:
    """True if a part can be computed in a row; stacks are rows of their own."""
    is_stack = part.op == "stack" and part.params["axis"] == 0
    return _can_move(part) and not is_stack and part.dtype == stack.dtype


def _can_move(node: Node) -> bool:
    """True if a result can be computed anywhere: a view lies where its argument does."""
    return not is_view(node)


def slots(node: Node) -> list[Any]:
    """The index of each part in a stack or concatenation."""
    before = (slice(None),) * node.params["axis"]
    if node.op == "stack":
        return [(*before, i, ...) for i in range(len(node.args))]
    indices, start = [], 0
    for part in node.args:
        length = part.shape[node.params["axis"]]
        indices.append((*before, slice(start, start + length)))
        start += length
    return indices


class Storage:
    """Arrays for all nodes of a program.

    Attributes
    ----------
    arrays : dict of Node to array
    order : list of Node
        As in the program.
    homes : dict
        See `find_homes`.
    """

    def __init__(self, program: Program, *, homes: bool = True, reuse: bool = True) -> None:
        self.order = program.nodes()
        self.homes = find_homes(self.order) if homes else {}
        self.reuse = reuse
        self.arrays: dict[Node, ndarray] = {}
        self.place = {node: i for i, node in enumerate(self.order)}
        self.roots = self._find_roots()
        self.death = self._lifetimes(program)
        self.allocated = 0
        self._allocate(program)

    def _find_roots(self) -> dict[Node, Node]:
        """Whose memory each node's array is part of. A reshape that must copy is found out later."""
        roots: dict[Node, Node] = {}
        for node in self.order:
            if is_view(node):
                roots[node] = roots[node.args[0]]
                continue
            top = node
            while top in self.homes:
                top = self.homes[top][0]
            roots[node] = top
        return roots

    def _lifetimes(self, program: Program) -> dict[Node, int]:
        """When any part of each root is read last."""
        death: dict[Node, int] = {}
        forever = len(self.order)
        for node, place in self.place.items():
            root = self.roots[node]
            death[root] = max(death.get(root, 0), place)
            for arg in node.sources:
                source = self.roots[arg]
                death[source] = max(death[source], place)
            if node.op in ("input", "constant"):
                death[root] = forever
        for node in program.outputs:
            death[self.roots[node]] = forever
        return death

    def _allocate(self, program: Program) -> None:
        """Walk through the program in order and give each root memory when its first part is written."""
        for node in program.inputs:
            if node not in self.place:
                self.arrays[node] = np.empty(node.shape, node.dtype)
        free: dict[int, list[ndarray]] = {}
        memory: dict[Node, ndarray] = {}
        dying: dict[int, list[Node]] = {}
        for root, last in self.death.items():
            dying.setdefault(last, []).append(root)
        for node, place in self.place.items():
            if is_view(node):
                self.arrays[node] = view_of(node, self.arrays[node.args[0]])
                continue
            root = self.roots[node]
            if root not in memory:
                memory[root] = self._memory(node, root, place, memory, free)
                self.arrays[root] = memory[root][: root.size * root.dtype.itemsize].view(root.dtype).reshape(root.shape)
            self._settle(node)
            if node.op == "constant":
                self.arrays[node][...] = node.params["value"]
            for ended in dying.get(place, ()) if self.reuse else ():
                block = memory.pop(ended, None)
                if block is not None:
                    free.setdefault(len(block), []).append(block)

    def _memory(
        self, node: Node, root: Node, place: int, memory: dict[Node, ndarray], free: dict[int, list[ndarray]]
    ) -> ndarray:
        """A block for a root: an operand's that ends here, a free one of the size, or a new one."""
        size = max(root.size * root.dtype.itemsize, 1)
        pinned = self.death[root] >= len(self.order)
        if self.reuse and not pinned:
            if node is root and node.op in ELEMENTWISE:
                for arg in node.sources:
                    same = self.roots[arg] is arg and arg.shape == node.shape and arg.dtype == node.dtype
                    # Another operand that is a part of this one, as in m + mᵀ, would be written over as it is read.
                    same = same and all(other is arg or self.roots[other] is not arg for other in node.sources)
                    if same and self.death[arg] == place and arg in memory:
                        return memory.pop(arg)
            if free.get(size):
                return free[size].pop()
        self.allocated += size
        return np.empty(size, np.uint8)

    def _settle(self, node: Node) -> None:
        """The array of a node that may be at home in others, outermost first."""
        chain = []
        top = node
        while top not in self.arrays:
            chain.append(top)
            top = self.homes[top][0]
        for inner in reversed(chain):
            parent, index = self.homes[inner]
            self.arrays[inner] = self.arrays[parent][index]


def view_of(node: Node, source: ndarray) -> ndarray:
    """A slice, transpose or broadcast of an array; a reshape too, as a view where strides allow it."""
    if node.op == "getitem":
        index = node.params["index"]
        parts = index if isinstance(index, tuple) else (index,)
        return source[parts if Ellipsis in parts else (*parts, ...)]
    if node.op == "transpose":
        return np.transpose(source, node.params["axes"])
    if node.op == "broadcast_to":
        return np.broadcast_to(source, node.params["shape"])
    if node.op == "reshape":
        return source.reshape(node.shape)
    return source
