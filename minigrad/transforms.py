"""Steps that every transform shares: fresh nodes in, one sweep, derivatives out in the argument's structure.

If the arguments are Tensors already, or another transform is at work around this one, the sweep is
recorded, so that derivatives of derivatives come out right; otherwise it runs on plain arrays.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from operator import index
from types import MappingProxyType
from typing import Any

import numpy as np

from .errors import (
    DisconnectedOutputWarning,
    DroppedGradientError,
    DtypeError,
    NonScalarOutputError,
    ShapeError,
    TreeError,
)
from .primitive import PRIMITIVES
from .pytree import Structure, flatten, other_container
from .sweep import SparseCotangent, reaches_outside, reverse_sweep
from .tensor import Tensor, bind, constant, describe, is_floating, leaf

__all__ = [
    "argument_names",
    "call",
    "depends_on_others",
    "finish",
    "group",
    "holds_tensor",
    "is_single",
    "is_symbolic",
    "like",
    "output_node",
    "plain",
    "positions_of",
    "pull",
    "real_outputs",
    "start",
    "transpose_of",
    "unit_cotangent",
]


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names that `f` gives its positional arguments; ``args[2]`` where it gives none."""
    try:
        parameters = list(signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [q.name for q in parameters if q.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    return [named[i] if i < len(named) else f"args[{i}]" for i in range(count)]


def _floating_leaf(value: Any, path: str) -> Tensor:
    """A fresh node for one leaf of an argument: the start of a sweep."""
    if isinstance(value, Tensor):
        if not is_floating(value.value):
            raise DtypeError(_wrong_dtype(path, f"dtype {value.dtype}"))
        return bind(PRIMITIVES["alias"], (value,)) if value.tracked else leaf(value.value, path)
    if isinstance(value, bool | int | complex):
        raise DtypeError(_wrong_dtype(path, f"the {type(value).__name__} {value!r}"))
    if (reason := other_container(value)) is not None:
        raise TreeError(f"a gradient with respect to `{path}`: {reason}")
    node = leaf(value, path)
    if not node.tracked:
        raise DtypeError(_wrong_dtype(path, f"dtype {node.dtype}"))
    return node


def _wrong_dtype(path: str, got: str) -> str:
    return (
        f"a gradient with respect to `{path}` needs floating-point numbers, got {got}; "
        "write 3.0 for 3, use .astype(float), or leave this argument out of wrt"
    )


def start(
    f: Callable[..., Any], args: Sequence[Any], wrt: Sequence[int]
) -> tuple[list[Any], list[Tensor], list[Structure]]:
    """The arguments with fresh nodes at the positions `wrt`, those nodes, and the structures."""
    names = argument_names(f, len(args))
    lifted = list(args)
    nodes: list[Tensor] = []
    structures = []
    for i in wrt:
        leaves, structure = flatten(args[i])
        fresh = [_floating_leaf(value, path) for value, path in zip(leaves, structure.paths(names[i]), strict=True)]
        lifted[i] = structure.unflatten(fresh)
        nodes += fresh
        structures.append(structure)
    return lifted, nodes, structures


def is_single(wrt: Any) -> bool:
    """True if `wrt` is one position, so that the derivative is not a tuple."""
    return not isinstance(wrt, tuple | list)


def positions_of(wrt: int | tuple[int, ...], count: int) -> list[int]:
    """The positions that `wrt` names, from 0, for a call with `count` positional arguments.

    Raises
    ------
    TreeError
        If there is no such argument, or one is named twice.
    """
    positions = []
    for which in wrt if isinstance(wrt, tuple | list) else (wrt,):
        try:
            i = index(which)
        except TypeError:
            raise TreeError(
                f"wrt={wrt!r} names argument {which!r}; write its position, an integer from 0, or a tuple"
            ) from None
        if not -count <= i < count:
            allowed = f"use 0 to {count - 1}" if count else "pass the argument by position, not by name"
            raise TreeError(
                f"wrt={wrt!r} names argument {which!r}, but the function was called with {count}; {allowed}"
            )
        positions.append(i % count)
    if len(set(positions)) != len(positions):
        raise TreeError(f"wrt={wrt!r} names an argument twice; name each once")
    return positions


def holds_tensor(args: Sequence[Any]) -> bool:
    """True if any leaf of some trees is a Tensor."""
    return any(isinstance(value, Tensor) for value in flatten(list(args))[0])


def call(f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """The result of a function on Tensors.

    Raises
    ------
    DroppedGradientError
        If the function writes a Tensor into an array, which NumPy reports as an error of value.
    """
    try:
        return f(*args, **kwargs)
    except ValueError as error:
        if isinstance(error.__cause__, DroppedGradientError):
            raise DroppedGradientError(
                "a Tensor was written into a plain array, which would lose its gradient; for h[0] = t collect the "
                f"parts in a list and write h = np.stack(parts), or np.where(mask, t, h). The Tensor: {error.__cause__}"
            ) from error
        raise


def depends_on_others(outputs: Sequence[Tensor], nodes: Sequence[Tensor]) -> bool:
    """True if outputs depend on a Tensor that their function closes over, not only on the fresh `nodes`."""
    return bool(nodes) and reaches_outside(outputs, min(node.serial for node in nodes))


def real_outputs(values: Sequence[Any]) -> list[Tensor]:
    """The outputs of a function as nodes.

    Raises
    ------
    DtypeError
        If one is complex: its derivative is not one array of real numbers.
    """
    nodes = []
    for value in values:
        nodes.append(node := output_node(value))
        if not is_symbolic(node.value) and node.dtype.kind == "c":
            raise DtypeError(
                f"a derivative needs real outputs, got {describe(node)}, dtype {node.dtype}; return real and imaginary "
                "parts as arrays of their own, computed from real numbers"
            )
    return nodes


def output_node(value: Any) -> Tensor:
    """The output as a node; a plain value has a gradient of zero, which deserves a warning."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, dict | list | tuple) or value is None:
        raise TreeError(
            f"the differentiated function must return one scalar Tensor, got a {type(value).__name__}; "
            "return the loss alone, or use vjp or jacobian for several outputs"
        )
    if (reason := other_container(value)) is not None:
        raise TreeError(f"the differentiated function returned {reason}")
    warnings.warn(
        f"the differentiated function returned a plain {type(value).__name__}, so every derivative is 0; "
        "return a Tensor (no .value or .item() on the way)",
        DisconnectedOutputWarning,
        stacklevel=4,
    )
    return constant(value)


def finish(value: Any, node: Tensor, recorded: bool) -> Any:
    """A derivative as the caller gets it: zeros if nothing arrived, of the argument's dtype, its own memory."""
    if recorded and value is None:
        return constant(node.value * 0 if is_symbolic(node.value) else np.zeros(node.shape, node.dtype))
    if recorded:
        return _in_precision(value, node.dtype)
    if is_symbolic(node.value):
        return node.value * 0 if value is None else value
    if not isinstance(node.value, np.ndarray):
        return value
    result = np.zeros(node.shape, node.dtype) if value is None else np.array(value, node.dtype)
    return result[()] if result.ndim == 0 else result


def _in_precision(value: Tensor, dtype: Any) -> Tensor:
    """A derivative in the precision of its argument; of mixed operands it comes in the wider one."""
    same = value.dtype == dtype or is_symbolic(value.value)
    return value if same else bind(PRIMITIVES["astype"], (value,), {"dtype": dtype})


def plain(value: Any) -> Any:
    """A Tensor's value as the caller gets it: 0-d as a NumPy scalar, which prints as a number, else its own memory.

    The rules still need the node's own array, so writing into the result must not reach it.
    """
    if not isinstance(value, Tensor):
        return value
    if not isinstance(value.value, np.ndarray):
        return value.value
    return value.value[()] if value.ndim == 0 else np.array(value.value)


def group(results: list[Any], structures: Sequence[Structure]) -> list[Any]:
    """Put a flat list of leaves back into one tree for each structure."""
    trees = []
    for structure in structures:
        trees.append(structure.unflatten(results[: structure.size]))
        results = results[structure.size :]
    return trees


def unit_cotangent(output: Tensor, seed: Any = None) -> Any:
    """The cotangent that a reverse sweep from one output starts with: the seed, or 1 for a scalar.

    Raises
    ------
    DtypeError
        If the output is not floating point.
    NonScalarOutputError
        If it is no scalar and there is no seed.
    ShapeError
        If the seed does not have its shape.
    """
    if not is_floating(output.value):
        raise DtypeError(
            f"a gradient needs a floating-point output, got {describe(output)}, dtype {output.dtype}; compute in floats"
        )
    if seed is not None:
        return like(output, seed, "seed")
    if output.shape != ():
        raise NonScalarOutputError(
            f"a gradient needs a scalar output, got {describe(output)}; reduce it with .sum() or .mean(), "
            f"pass a seed of shape {output.shape} where there is one to pass, or use jacobian or vjp"
        )
    if is_symbolic(output.value):
        return output.value**0
    return 1.0 if isinstance(output.value, float) else np.ones((), output.dtype)


def pull(seeds: list[tuple[Tensor, Any]], nodes: list[Tensor], recorded: bool) -> tuple[list[Any], bool]:
    """The cotangent of each node, None where nothing arrives; and True if the sweep was recorded.

    It is recorded if asked for, and if it comes upon a Tensor that the differentiated function closes over: the
    derivative depends on that, too, and can be differentiated further.
    """
    if not nodes:
        return [], recorded
    if not recorded:
        found = reverse_sweep(seeds, targets=nodes)
        outputs = [output for output, _ in seeds]
        oldest = min(node.serial for node in nodes)
        suspected = found.reached_outside or any(output.serial < oldest for output in outputs)
        if not (suspected and depends_on_others(outputs, nodes)):
            return [found.nodes.get(node) for node in nodes], False
    seeds = [(output, g if isinstance(g, Tensor) else constant(g)) for output, g in seeds]
    adjoints = reverse_sweep(seeds, targets=nodes, recorded=True).nodes
    return [adjoints.get(node) for node in nodes], True


def transpose_of(linear_map: Callable[[Any], Any], g: Any, like_input: Any) -> Any:
    """``Aᵀ g`` for a linear map A of arrays of the shape of `like_input`, by a reverse sweep of A itself."""
    recorded = isinstance(g, Tensor) or isinstance(like_input, Tensor)
    array = like_input.value if isinstance(like_input, Tensor) else like_input
    point = leaf(array * 0 if is_symbolic(array) else np.zeros(np.shape(array), array.dtype))
    image = linear_map(point)
    image = image.result() if isinstance(image, SparseCotangent) else image
    if not isinstance(image, Tensor):
        return constant(point.value) if recorded else point.value
    (found,), _ = pull([(image, g)], [point], recorded)
    if found is None:
        return constant(point.value) if recorded else point.value
    return found


def is_symbolic(value: Any) -> bool:
    """True for a value with an algebra of its own, as matrix terms have; its 1 is ``value**0``, its 0 ``value * 0``.

    The shapes that the compiler traces on (`is_numeric`) stand for arrays.
    """
    kind = type(value)
    return hasattr(kind, "evaluate_primitive") and not getattr(kind, "is_numeric", False)


def like(node: Tensor, given: Any, what: str) -> Any:
    """A cotangent or tangent, checked against the node that it belongs to."""
    if not isinstance(given, Tensor) and not is_symbolic(given):
        given = np.asarray(given)
        if given.dtype.kind == "c" and node.dtype.kind != "c":
            raise DtypeError(f"a {what} of {describe(node)} must be real, got {given.dtype}; pass its .real and .imag")
    value = given if isinstance(given, Tensor) or is_symbolic(given) else np.array(given, node.dtype)
    if value.shape != node.shape:
        raise ShapeError(f"a {what} of {describe(node)} must have its shape {node.shape}, got {value.shape}")
    return value
