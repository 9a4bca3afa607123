"""The same operation on neighbouring slices as one operation on the whole."""

from collections import defaultdict
from collections.abc import Iterable
from math import gcd
from typing import Any

from ..ir import Builder, Node, Program, exchange, substitute
from ..kernels import ELEMENTWISE
from .associative import is_parameter
from .matmul import join
from .stacking import is_column_slice

__all__ = ["pack_slices", "unpack"]


#: Narrower blocks gain nothing: starting anew on every row of a slice costs NumPy as much as so many entries.
_NARROW = 64


def unpack(program: Program, builder: Builder, notes: list[str]) -> Program:
    """f(x)[:, kw:(k+1)w] = f(X)[k], where X[k] = x[:, kw:(k+1)w], for elementwise f.

    A product of all gates gives them side by side, [a_i, a_f, a_o, a_g], and the activation functions are
    applied to all at once. If they write gate after gate, (4, B, H), each gate is an array without gaps from
    there on. Only where nothing but slices of columns is taken of the results.
    """
    uses = program.uses()
    members = _members(uses, set(program.outputs))
    groups = _groups(members, uses)
    widths = {root: _block_width(group, uses) for root, group in groups.items()}
    group_of = {node: root for root, group in groups.items() for node in group}
    worthwhile = {root for root, group in groups.items() if _gains(group, members, uses, widths[root])}
    new: dict[Node, Node] = {}
    replacement: dict[Node, Node] = {}
    for node in program.nodes() if worthwhile else ():
        root = group_of.get(node)
        if root not in worthwhile:
            continue
        width = widths[root]
        builder.order = node.order
        args = [_blocked(builder, arg, new, width) if type(arg) is Node else arg for arg in node.args]
        shape = (node.shape[1] // width, node.shape[0], width)
        new[node] = builder.make(node.op, args, node.params, shape=shape, dtype=node.dtype)
        for user in uses[node]:
            if user not in members and user.shape[1] == width:
                builder.order = user.order
                index = {"index": (_span(user)[0] // width,)}
                part = builder.make("getitem", (new[node],), index, shape=user.shape, dtype=user.dtype)
                replacement[user] = part
    if replacement:
        notes.append(f"{len(new)} operations write {len(replacement)} blocks one after another, not side by side")
    return substitute(program, replacement)


def _members(uses: dict[Node, list[Node]], kept: set[Node]) -> set[Node]:
    """Elementwise operations on rows of which only slices of columns, or more such operations, are taken."""
    members = {
        node
        for node in uses
        if node.op in ELEMENTWISE and len(node.shape) == 2 and node.shape[0] > 1 and node.dtype.kind == "f"
        if node.shape[1] >= 2 * _NARROW and node not in kept
        if all(type(arg) is not Node or (arg.shape, arg.dtype) == (node.shape, node.dtype) for arg in node.args)
    }
    waiting = list(members)
    while waiting:
        node = waiting.pop()
        if node in members and not all(user in members or _is_slice(user, kept) for user in uses[node]):
            members.discard(node)
            waiting += [arg for arg in node.sources if arg in members]
    return members


def _is_slice(node: Node, kept: set[Node]) -> bool:
    return is_column_slice(node) and node.params["index"][1].step in (None, 1) and node not in kept


def _span(node: Node) -> tuple[int, int]:
    start, stop, _ = node.params["index"][1].indices(node.args[0].shape[1])
    return start, stop


def _groups(members: set[Node], uses: dict[Node, list[Node]]) -> dict[Node, list[Node]]:
    """Members that take each other, or slices of each other, together."""
    root: dict[Node, Node] = {}

    def find(node: Node) -> Node:
        while root.setdefault(node, node) is not node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    ordered = [node for node in uses if node in members]
    for node in ordered:
        for arg in node.sources:
            source = arg.args[0] if arg not in members and is_column_slice(arg) else arg
            if source in members:
                root[find(node)] = find(source)
    groups: dict[Node, list[Node]] = defaultdict(list)
    for node in ordered:
        groups[find(node)].append(node)
    return groups


def _block_width(group: list[Node], uses: dict[Node, list[Node]]) -> int:
    """The widest blocks of which every slice consists."""
    width = 0
    for node in group:
        width = gcd(width, node.shape[1])
        for user in uses[node]:
            if is_column_slice(user):
                width = gcd(width, *_span(user))
    return width


def _gains(group: list[Node], members: set[Node], uses: dict[Node, list[Node]], width: int) -> bool:
    """True if slices are used more often than rows have to be read in blocks, and all of them are one block or stay."""
    if width < _NARROW:
        return False
    entries = blocks = 0
    for node in group:
        for arg in node.sources:
            inside = arg in members or (is_column_slice(arg) and arg.args[0] in members)
            entries += not inside
        for user in uses[node]:
            if user in members:
                continue
            if user.shape[1] == width:
                blocks += len(uses[user])
            elif not all(following in members for following in uses[user]):
                return False
    return blocks > 2 * entries


def _blocked(builder: Builder, arg: Node, new: dict[Node, Node], width: int) -> Node:
    """An operand of (rows, k w) as (k, rows, w): a new node, some blocks of one, or a view of something else."""
    if arg in new:
        return new[arg]
    rows, count = arg.shape[0], arg.shape[1] // width
    shape: Any = (count, rows, width)
    if is_column_slice(arg) and arg.args[0] in new:
        start, stop = _span(arg)
        index = {"index": (slice(start // width, stop // width),)}
        return builder.make("getitem", (new[arg.args[0]],), index, shape=shape, dtype=arg.dtype)
    split = (rows, count, width)
    parts = builder.make("reshape", (arg,), {"shape": split}, shape=split, dtype=arg.dtype)
    return builder.make("transpose", (parts,), {"axes": (1, 0, 2)}, shape=shape, dtype=arg.dtype)


def pack_slices(program: Program, builder: Builder, notes: list[str]) -> Program:
    """f(x[:, a:b]), f(x[:, b:c]) = f(x)[:, a:b], f(x)[:, b:c] for elementwise f, over neighbouring slices.

    A second operand may be the slices of another array at the same places, one number, or parameters, which
    are put side by side once in a call. Repeated until nothing is left to pack: gates that were fused into
    one product stay together through biases and activation functions.
    """
    packed = 0
    uses, outputs = program.uses(), program.outputs
    candidates = dict.fromkeys(uses)
    while True:
        replacement = _one_round(builder, candidates)
        if not replacement:
            break
        packed += len(replacement)
        outputs = exchange(outputs, uses, replacement)
        for node in replacement:
            candidates.pop(node)
        # Only what takes a new slice can have become a candidate; siblings that wait for it stay in the list.
        candidates = {node: None for node in candidates if _takes_slice(node)}
    if packed:
        notes.append(f"{packed} operations on slices packed into operations on the whole")
    return Program(program.inputs, outputs) if packed else program


def _takes_slice(node: Node) -> bool:
    """True if a node may be packed once its other operands are slices too."""
    return node.op in ELEMENTWISE and any(arg.op in ("getitem", *ELEMENTWISE) for arg in node.sources)


def _one_round(builder: Builder, candidates: Iterable[Node]) -> dict[Node, Node]:
    """Replacements for all groups that can be packed now."""
    groups: dict[Any, dict[int, Node]] = defaultdict(dict)
    for node in candidates:
        if node.op in ELEMENTWISE and 1 <= len(node.args) <= 2 and not node.params:
            signature = _signature(node)
            if signature is not None:
                groups[signature[0]].setdefault(signature[1], node)
    replacement: dict[Node, Node] = {}
    for (_, kinds), members in groups.items():
        for run in _runs(members):
            if len(run) > 1:
                replacement |= _pack(builder, run, kinds)
    return replacement


def _signature(node: Node) -> tuple[tuple[Any, ...], int] | None:
    """The key that members of one group share, and the start of this one; None if the node is no candidate."""
    kinds: list[Any] = []
    start = None
    for arg in node.args:
        if type(arg) is not Node:
            kinds.append(("number", type(arg), arg))
        elif is_column_slice(arg) and arg.shape == node.shape and arg.dtype == node.dtype:
            span = arg.params["index"][1]
            if start is not None and start != span.start:
                return None
            start = span.start
            kinds.append(("slice", arg.args[0]))
        elif is_parameter(arg) and arg.shape == node.shape[-1:] and arg.dtype == node.dtype:
            kinds.append(("parameter", None))
        else:
            return None
    return None if start is None else ((node.op, tuple(kinds)), start)


def _runs(members: dict[int, Node]) -> list[list[Node]]:
    """Neighbours without gaps, from left to right."""
    runs: list[list[Node]] = []
    end = -1
    for start in sorted(members):
        if start != end:
            runs.append([])
        runs[-1].append(members[start])
        end = start + members[start].shape[-1]
    return runs


def _pack(builder: Builder, run: list[Node], kinds: tuple[Any, ...]) -> dict[Node, Node]:
    """One operation in the place of a run of them, and the slices of its result."""
    first = run[0]
    builder.order = first.order
    width = sum(node.shape[-1] for node in run)
    shape = (*first.shape[:-1], width)
    starts = [_start(node) for node in run]
    operands: list[Any] = []
    for position, kind in enumerate(kinds):
        if kind[0] == "number":
            operands.append(first.args[position])
        elif kind[0] == "parameter":
            operands.append(join(builder, [node.args[position] for node in run], 0))
        elif width == kind[1].shape[-1]:
            operands.append(kind[1])
        else:
            span = {"index": (Ellipsis, slice(starts[0], starts[0] + width))}
            operands.append(builder.make("getitem", (kind[1],), span, shape=shape, dtype=kind[1].dtype))
    whole = builder.make(first.op, operands, shape=shape, dtype=first.dtype)
    found = {}
    for node, start in zip(run, starts, strict=True):
        span = {"index": (Ellipsis, slice(start - starts[0], start - starts[0] + node.shape[-1]))}
        found[node] = builder.make("getitem", (whole,), span, shape=node.shape, dtype=node.dtype)
    return found


def _start(node: Node) -> int:
    part = next(arg for arg in node.args if type(arg) is Node and is_column_slice(arg))
    return part.params["index"][1].start
