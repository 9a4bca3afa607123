"""The same operation on neighbouring slices as one operation on the whole."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ..ir import Builder, Node, Program, exchange
from ..kernels import ELEMENTWISE
from .chains import is_parameter
from .products import join
from .stacking import is_column_slice

__all__ = ["pack_slices"]


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
    """Whether a node may be packed once its other operands are slices too."""
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
    """What members of one group share, and where this one starts; None if the node is no candidate."""
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
