"""Recompute instead of store: one more forward pass for the memory of what lies in between.

Griewank and Walther, "Algorithm 799: revolve", ACM TOMS 26(1), 2000.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from math import prod
from typing import Any

import numpy as np

from .context import checkpoints_are_kept, recording, tracing_is_value_free
from .errors import ImpureFunctionError
from .primitive import PRIMITIVES, Primitive, register
from .primitives import concatenate, reshape
from .pytree import Structure, flatten
from .sweep import ancestors, forward_sweep, reverse_sweep
from .tensor import CONSTANT, INPUT, Tensor, bind, constant, is_floating
from .transforms import is_symbolic

__all__ = ["Segment", "checkpoint", "pulled_back"]

#: Two runs of one function agree to so many units in the last place of the largest entry: BLAS may take sums in another
#: order where arrays lie elsewhere in memory.
_REPEATABLE = 1e4


class Segment:
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
        self.values: list[Any] = []
        self.shapes: list[tuple[int, ...]] = []
        self.dtypes: list[np.dtype] = []

    def __eq__(self, other: object) -> bool:
        """True if two traces of one function may mean the same segment; what is in it is not compared."""
        return isinstance(other, Segment) and self._outside() == other._outside()

    def __hash__(self) -> int:
        return hash(self._outside())

    def _outside(self) -> tuple[Any, ...]:
        return tuple(self.moving), len(self.free), tuple(self.shapes), tuple(self.dtypes)

    def run(self, inputs: Sequence[Tensor]) -> tuple[list[Tensor], Structure]:
        """Call the function on nodes in the place of its Tensor arguments."""
        leaves = list(self.leaves)
        for i, node in zip(self.moving, inputs, strict=True):
            leaves[i] = node
        with recording():
            args, options = self.structure.unflatten(leaves)
            outputs, structure = flatten(self.f(*args, **options))
        return [node if isinstance(node, Tensor) else constant(node) for node in outputs], structure

    def rerun(self, xs: Sequence[Any], recorded: bool, first: Any = None) -> tuple[list[Tensor], list[Tensor]]:
        """Fresh nodes for the inputs, and the outputs computed from them.

        Raises
        ------
        ImpureFunctionError
            If they are not those of the first run, given joined as `first`.
        """
        given = xs[: len(self.moving)]
        fresh = [bind(PRIMITIVES["alias"], (x,)) if recorded else _fresh(x) for x in given]
        outputs = [node for node in self.run(fresh)[0] if is_floating(node.value)]
        if first is not None:
            self._compare([node.value for node in outputs], getattr(first, "value", first))
        return fresh, outputs

    def _compare(self, outputs: Sequence[Any], first: Any) -> None:
        """Refuse outputs that are not those of the first run, but for the rounding of another summation order."""
        name = getattr(self.f, "__name__", "the function")
        advice = (
            f"checkpoint runs {name} once more in the backward pass, and the second run {{}}: it uses a random "
            "generator or something else that changes. Draw the random numbers outside and pass them as an argument, "
            "or make the generator inside from a fixed seed."
        )
        if [(y.shape, y.dtype) for y in outputs] != list(zip(self.shapes, self.dtypes, strict=True)):
            raise ImpureFunctionError(advice.format("returned other shapes"))
        if any(is_symbolic(y) or not isinstance(y, np.ndarray) for y in (*outputs, first)):
            return
        again = np.concatenate([y.reshape(-1) for y in outputs]).astype(first.dtype, copy=False)
        finite = np.abs(first[np.isfinite(first)])
        tolerance = _REPEATABLE * np.finfo(min(self.dtypes, key=lambda dtype: dtype.itemsize)).eps
        if not np.allclose(again, first, rtol=0.0, atol=tolerance * finite.max(initial=0.0), equal_nan=True):
            raise ImpureFunctionError(advice.format("gave other results"))

    def joined(self, inputs: Sequence[Tensor]) -> Any:
        """The floating-point outputs as one vector, computed from nodes in the place of the arguments."""
        return _join([node for node in self.run(inputs)[0] if is_floating(node.value)])

    @property
    def size(self) -> int:
        """The number of entries of all outputs."""
        return sum(map(prod, self.shapes))

    @property
    def dtype(self) -> Any:
        """The precision in which the outputs are joined."""
        return np.result_type(*self.dtypes)

    def split(self, flat: Any) -> list[Any]:
        """The joined outputs, one by one, each in its own precision."""
        return _split(flat, self.shapes, self.dtypes)


def _value(*xs: Any, segment: Segment) -> Any:
    """The outputs, flattened and joined; the graph in between is let go."""
    return _join([node.value for node in segment.rerun(xs, recorded=False)[1]])


def _vjp(g: Any, y: Any, *xs: Any, segment: Segment) -> list[Any]:
    """Run the segment again, now with its graph, and sweep that; where checkpoints are kept, in a node of its own."""
    recorded = isinstance(y, Tensor)
    if not (recorded and checkpoints_are_kept()):
        return _sweep(g, xs, segment, recorded, y)
    moving = [x for x in xs if is_floating(x.value)]
    flat = _pullback_node(g, xs, segment)
    parts = iter(_split(flat, [x.shape for x in moving], [x.dtype for x in moving]))
    return [next(parts) if is_floating(x.value) else None for x in xs]


def _sweep(g: Any, xs: Sequence[Any], segment: Segment, recorded: bool, first: Any = None) -> list[Any]:
    """The cotangents of a segment's inputs; None where nothing arrives."""
    fresh, outputs = segment.rerun(xs, recorded, first)
    targets = [*fresh, *segment.free]
    found = reverse_sweep(zip(outputs, segment.split(g), strict=True), targets=targets, recorded=recorded).nodes
    return [found.get(node) for node in targets]


def pulled_back(g: Any, xs: Sequence[Any], segment: Segment) -> Any:
    """The cotangents of a segment's floating-point inputs, joined to one vector."""
    found = _sweep(g, xs, segment, any(isinstance(x, Tensor) for x in (g, *xs)))
    pairs = [(part, x) for part, x in zip(found, xs, strict=True) if is_floating(getattr(x, "value", x))]
    return _join([np.zeros(x.shape, x.dtype) if part is None else part for part, x in pairs])


def _pullback_node(g: Tensor, xs: Sequence[Tensor], segment: Segment) -> Tensor:
    """The one node that stands for running a segment again and sweeping it, in a trace that is replayed.

    Of its value only shape and dtype are looked at; the inputs' own numbers stand there.
    """
    parts = (g, *xs)
    value = _join([x.value for x in xs if is_floating(x.value)])
    return Tensor(value, _PULLBACK, parts, [part.value for part in parts], {"segment": segment}, True)


def _pullback_value(g: Any, *xs: Any, segment: Segment) -> Any:
    return pulled_back(g, xs, segment)


def _pullback_vjp(h: Any, y: Any, g: Any, *xs: Any, segment: Segment) -> list[Any]:
    """The sweep is written out, and swept."""
    inside = _again(g, xs, segment)
    targets = [*inside, *segment.free]
    flat = pulled_back(inside[0], (*inside[1:], *segment.free), segment)
    found = reverse_sweep([(flat, h)], targets=targets, recorded=True).nodes
    return [found.get(node) for node in targets]


def _pullback_jvp(ts: Sequence[Any], y: Any, g: Any, *xs: Any, segment: Segment) -> Any:
    """The sweep is written out, and tangents are pushed through it."""
    inside = _again(g, xs, segment)
    sources = [*inside, *segment.free]
    flat = pulled_back(inside[0], (*inside[1:], *segment.free), segment)
    tangents = {node: t for node, t in zip(sources, ts, strict=True) if t is not None}
    return forward_sweep([flat], tangents, recorded=True).get(flat, np.zeros(flat.shape, flat.dtype))


def _again(g: Any, xs: Sequence[Any], segment: Segment) -> list[Tensor]:
    """Fresh nodes for a cotangent and for the arguments of a segment, not for what it closes over."""
    return [bind(PRIMITIVES["alias"], (x,)) for x in (g, *xs[: len(segment.moving)])]


def _jvp(ts: Sequence[Any], y: Any, *xs: Any, segment: Segment) -> Any:
    """Run the segment again and push the tangents through it."""
    recorded = isinstance(y, Tensor)
    fresh, outputs = segment.rerun(xs, recorded, y)
    tangents = {node: t for node, t in zip([*fresh, *segment.free], ts, strict=True) if t is not None}
    moving = forward_sweep(outputs, tangents, recorded=recorded)
    return _join([moving[node] if node in moving else np.zeros(node.shape, node.dtype) for node in outputs])


def _split(flat: Any, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[Any]) -> list[Any]:
    """The values that `_join` has joined, one by one, each in its own precision."""
    parts = []
    start = 0
    for shape, dtype in zip(shapes, dtypes, strict=True):
        part = reshape(flat[start : start + prod(shape)], shape)
        parts.append(part if part.dtype == dtype else bind(PRIMITIVES["astype"], (part,), {"dtype": dtype}))
        start += prod(shape)
    return parts


def _join(parts: list[Any]) -> Any:
    return concatenate([reshape(part, -1) for part in parts])


_checkpoint = register("checkpoint", _value, vjps=(_vjp,), jvps=(_jvp,), variadic=True)

#: In no registry, because only a trace that keeps its checkpoints has it.
_PULLBACK = Primitive("checkpoint_pullback", _pullback_value, (_pullback_vjp,), (_pullback_jvp,), None, True)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that stores its inputs and outputs only, and computes the rest again in the backward pass.

    Values and derivatives are those of `f`. With a long sequence cut into segments of about √T steps,
    each behind a checkpoint, memory grows as √T instead of T (Chen, Xu, Zhang and Guestrin, "Training deep nets
    with sublinear memory cost", 2016).

    Parameters
    ----------
    f : callable
        A pure function of trees, returning a tree. It may close over Tensors.

    Returns
    -------
    callable
        Takes and returns what `f` does.

    Raises
    ------
    ImpureFunctionError
        By the backward pass, if the second run gives other results than the first, as dropout does that draws
        its mask inside. Pass the mask as an argument.

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
        seen_through = tracing_is_value_free() and not checkpoints_are_kept()
        if seen_through or any(is_symbolic(node.value) for node in inputs):
            return f(*args, **options)
        segment = Segment(f, leaves, structure)
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


def _joined_node(segment: Segment, parts: tuple[Tensor, ...], outputs: list[Tensor]) -> Tensor:
    """The one node that stands for the whole segment."""
    segment.shapes = [node.shape for node in outputs]
    segment.dtypes = [node.dtype for node in outputs]
    segment.values = values = [part.value for part in parts]
    tracked = any(part.tracked for part in parts)
    return Tensor(_join([node.value for node in outputs]), _checkpoint, parts, values, {"segment": segment}, tracked)


def _fixed(value: Any) -> Any:
    """The value of an argument that is no Tensor in the second run, whatever the caller writes into it."""
    return None if isinstance(value, Tensor) else np.array(value) if isinstance(value, np.ndarray) else value


def _fresh(value: np.ndarray) -> Tensor:
    """A leaf that shares its value's memory: Tensors' values never change."""
    return Tensor(value, INPUT, (), (), {}, is_floating(value))


def _is_outside(arg: Any, start: int) -> bool:
    return isinstance(arg, Tensor) and arg.serial < start and arg.primitive is not CONSTANT


def _closed_over(outputs: list[Tensor], start: int) -> tuple[Tensor, ...]:
    """The Tensors made before `start` that the outputs use."""
    found = {node.serial: node for node in outputs if node.serial < start}
    for node in ancestors(outputs, start):
        if node.serial >= start:
            found.update({arg.serial: arg for arg in node.args if _is_outside(arg, start)})
    return tuple(found[serial] for serial in sorted(found))
