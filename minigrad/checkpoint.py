"""Recompute instead of store: one more forward pass for the memory of what lies in between.

Griewank and Walther, "Algorithm 799: revolve", ACM TOMS 26(1), 2000.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from math import prod
from typing import Any

import numpy as np

from .course import course_is_fixed
from .lifting import recording
from .primitive import PRIMITIVES, register
from .primitives import concatenate, reshape
from .sweep import ancestors, forward_sweep, reverse_sweep
from .tensor import INPUT, Tensor, bind, constant, is_floating
from .tree import Structure, flatten

__all__ = ["checkpoint"]


class _Segment:
    """A function of Tensors that can be run again.

    Its inputs are the Tensors among its arguments and those it closes over; its outputs, as a node sees
    them, are the floating-point ones, joined to one vector.
    """

    def __init__(self, f: Callable[..., Any], leaves: list[Any], structure: Structure) -> None:
        self.f = f
        self.leaves = [_fixed(value) for value in leaves]
        self.moving = [i for i, value in enumerate(leaves) if isinstance(value, Tensor)]
        self.structure = structure
        self.free: tuple[Tensor, ...] = ()
        self.shapes: list[tuple[int, ...]] = []
        self.dtypes: list[np.dtype] = []

    def run(self, inputs: Sequence[Tensor]) -> tuple[list[Tensor], Structure]:
        """Call the function on nodes in the place of its Tensor arguments."""
        leaves = list(self.leaves)
        for i, node in zip(self.moving, inputs, strict=True):
            leaves[i] = node
        with recording():
            args, options = self.structure.unflatten(leaves)
            outputs, structure = flatten(self.f(*args, **options))
        return [node if isinstance(node, Tensor) else constant(node) for node in outputs], structure

    def rerun(self, xs: Sequence[Any], recorded: bool) -> tuple[list[Tensor], list[Tensor]]:
        """Fresh nodes for the inputs, and the outputs computed from them."""
        given = xs[: len(self.moving)]
        fresh = [bind(PRIMITIVES["alias"], (x,)) if recorded else _fresh(x) for x in given]
        return fresh, [node for node in self.run(fresh)[0] if is_floating(node.value)]

    def split(self, flat: Any) -> list[Any]:
        """The joined outputs, one by one, each in its own precision."""
        parts = []
        start = 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            part = reshape(flat[start : start + prod(shape)], shape)
            parts.append(part if part.dtype == dtype else bind(PRIMITIVES["astype"], (part,), {"dtype": dtype}))
            start += prod(shape)
        return parts


def _value(*xs: Any, segment: _Segment) -> Any:
    """The outputs, flattened and joined; the graph in between is let go."""
    return _join([node.value for node in segment.rerun(xs, recorded=False)[1]])


def _vjp(g: Any, y: Any, *xs: Any, segment: _Segment) -> list[Any]:
    """Run the segment again, now with its graph, and sweep that."""
    recorded = isinstance(y, Tensor)
    fresh, outputs = segment.rerun(xs, recorded)
    targets = [*fresh, *segment.free]
    found = reverse_sweep(zip(outputs, segment.split(g), strict=True), targets=targets, recorded=recorded).nodes
    return [found.get(node) for node in targets]


def _jvp(ts: Sequence[Any], y: Any, *xs: Any, segment: _Segment) -> Any:
    """Run the segment again and push the tangents through it."""
    recorded = isinstance(y, Tensor)
    fresh, outputs = segment.rerun(xs, recorded)
    tangents = {node: t for node, t in zip([*fresh, *segment.free], ts, strict=True) if t is not None}
    moving = forward_sweep(outputs, tangents, recorded=recorded)
    return _join([moving[node] if node in moving else np.zeros(node.shape, node.dtype) for node in outputs])


def _join(parts: list[Any]) -> Any:
    return concatenate([reshape(part, -1) for part in parts])


_checkpoint = register("checkpoint", _value, vjps=(_vjp,), jvps=(_jvp,), variadic=True)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that stores its inputs and outputs only, and computes the rest again in the backward pass.

    Values and derivatives are those of `f`. With a long sequence cut into segments of about √T steps,
    each behind a checkpoint, memory grows as √T instead of T.

    Parameters
    ----------
    f : callable
        A pure function of trees, returning a tree. It may close over Tensors.

    Returns
    -------
    callable
        Takes and returns what `f` does.

    Examples
    --------
    >>> import minigrad as mg
    >>> float(mg.grad(mg.checkpoint(lambda x: mg.tanh(x) ** 2))(0.5)) == float(mg.grad(lambda x: mg.tanh(x) ** 2)(0.5))
    True
    """

    @wraps(f)
    def checkpointed(*args: Any, **options: Any) -> Any:
        leaves, structure = flatten((args, options))
        inputs = [value for value in leaves if isinstance(value, Tensor)]
        if course_is_fixed() or not all(isinstance(node.value, np.ndarray) for node in inputs):
            return f(*args, **options)
        segment = _Segment(f, leaves, structure)
        start = constant(0.0).serial
        outputs, out_structure = segment.run([_fresh(node.value) for node in inputs])
        floating = [i for i, node in enumerate(outputs) if is_floating(node.value)]
        segment.free = _closed_over(outputs, start)
        parts = (*inputs, *segment.free)
        if not parts:
            return out_structure.unflatten([node.value for node in outputs])
        results = [constant(node.value) for node in outputs]
        if floating:
            joined = _joined_node(segment, parts, [outputs[i] for i in floating])
            for i, part in zip(floating, segment.split(joined), strict=True):
                results[i] = part
        return out_structure.unflatten(results)

    return checkpointed


def _joined_node(segment: _Segment, parts: tuple[Tensor, ...], outputs: list[Tensor]) -> Tensor:
    """The one node that stands for the whole segment."""
    segment.shapes = [node.shape for node in outputs]
    segment.dtypes = [node.dtype for node in outputs]
    values = [part.value for part in parts]
    tracked = any(part.tracked for part in parts)
    return Tensor(_join([node.value for node in outputs]), _checkpoint, parts, values, {"segment": segment}, tracked)


def _fixed(value: Any) -> Any:
    """What an argument that is no Tensor will be in the second run, whatever the caller writes into it."""
    return None if isinstance(value, Tensor) else np.array(value) if isinstance(value, np.ndarray) else value


def _fresh(value: np.ndarray) -> Tensor:
    """A leaf that shares its value's memory: Tensors' values never change."""
    return Tensor(value, INPUT, (), (), {}, is_floating(value))


def _closed_over(outputs: list[Tensor], start: int) -> tuple[Tensor, ...]:
    """The Tensors made before `start` that the outputs use."""
    found = {node.serial: node for node in outputs if node.serial < start}
    for node in ancestors(outputs, start):
        if node.serial >= start:
            found.update({arg.serial: arg for arg in node.args if isinstance(arg, Tensor) and arg.serial < start})
    return tuple(found[serial] for serial in sorted(found))
