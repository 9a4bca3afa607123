"""Derivatives of functions: grad, vjp, jvp, jacobian, hessian, hvp.

Each transform calls the function on fresh leaves, which records a graph, and sweeps it once. If the
arguments are Tensors already, or another transform is at work around this one, the sweep is recorded as
well, so that derivatives of derivatives come out right; otherwise it runs on plain arrays.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import Parameter, signature
from typing import Any

import numpy as np

from .errors import DisconnectedOutputWarning, DtypeError, NonScalarOutputError, ShapeError, TreeError
from .nans import warn_of_nan
from .primitive import PRIMITIVES
from .primitives import reshape, stack
from .sweep import forward_sweep, reverse_sweep
from .tensor import INPUT, METHODS, Tensor, bind, constant, describe, is_floating, leaf
from .tree import Structure, flatten, flatten_like

__all__ = [
    "argument_names",
    "backward",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "recording",
    "unit_cotangent",
    "value_and_grad",
    "vjp",
]

#: How many transforms are at work around the present call.
_DEPTH: ContextVar[int] = ContextVar("minigrad_transform_depth", default=0)


@contextmanager
def recording() -> Iterator[bool]:
    """Mark that a transform is at work; yields whether one was already."""
    depth = _DEPTH.get()
    token = _DEPTH.set(depth + 1)
    try:
        yield depth > 0
    finally:
        _DEPTH.reset(token)


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
    node = leaf(value, path)
    if not node.tracked:
        raise DtypeError(_wrong_dtype(path, f"dtype {node.dtype}"))
    return node


def _wrong_dtype(path: str, got: str) -> str:
    return (
        f"a gradient with respect to `{path}` needs floating-point numbers, got {got}; "
        "write 3.0 for 3, use .astype(float), or leave this argument out of wrt"
    )


def _start(
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


def _positions(wrt: int | tuple[int, ...], count: int) -> list[int]:
    chosen = (wrt,) if isinstance(wrt, int) else tuple(wrt)
    for i in chosen:
        if not isinstance(i, int) or not -count <= i < count:
            raise TreeError(
                f"wrt={wrt!r} names argument {i!r}, but the function was called with {count}; use 0 to {count - 1}"
            )
    positions = [i % count for i in chosen]
    if len(set(positions)) != len(positions):
        raise TreeError(f"wrt={wrt!r} names an argument twice; name each once")
    return positions


def _holds_tensor(args: Sequence[Any]) -> bool:
    return any(isinstance(value, Tensor) for value in flatten(list(args))[0])


def _output_node(value: Any) -> Tensor:
    """The output as a node; a plain value has a gradient of zero, which deserves a warning."""
    if isinstance(value, Tensor):
        return value
    warnings.warn(
        f"the differentiated function returned a plain {type(value).__name__}, so every derivative is 0; "
        "return a Tensor (no .value or .item() on the way)",
        DisconnectedOutputWarning,
        stacklevel=4,
    )
    return constant(value)


def _finish(value: Any, node: Tensor, recorded: bool) -> Any:
    """A derivative as the caller gets it: zeros if nothing arrived, of the argument's dtype, its own memory."""
    if recorded:
        return constant(np.zeros(node.shape, node.dtype)) if value is None else value
    if not isinstance(node.value, np.ndarray):
        return value
    result = np.zeros(node.shape, node.dtype) if value is None else np.array(value, node.dtype)
    return result[()] if result.ndim == 0 else result


def _plain(value: Any) -> Any:
    """A Tensor's value as the caller gets it: 0-d as a NumPy scalar, which prints as a number, else its own memory.

    The rules still need the node's own array, so writing into the result must not reach it.
    """
    if not isinstance(value, Tensor):
        return value
    if not isinstance(value.value, np.ndarray):
        return value.value
    return value.value[()] if value.ndim == 0 else np.array(value.value)


def _group(results: list[Any], structures: Sequence[Structure]) -> list[Any]:
    """Put a flat list of leaves back into one tree for each structure."""
    trees = []
    for structure in structures:
        trees.append(structure.unflatten(results[: structure.size]))
        results = results[structure.size :]
    return trees


def value_and_grad(
    f: Callable[..., Any], wrt: int | tuple[int, ...] = 0, *, warn_nan: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """Make a function that returns ``f(*args)`` and its gradient.

    Parameters
    ----------
    f : callable
        Takes trees of arrays, returns a scalar Tensor.
    wrt : int or tuple of int
        Which positional arguments to differentiate with respect to. Their leaves must be floating
        point; other arguments may be anything.
    warn_nan : bool
        Issue a `NaNWarning` where the value or the gradient is NaN; it names the operation, with its name
        and scope, in which the NaN arose.

    Returns
    -------
    callable
        ``(*args, **kwargs) -> (value, gradient)``; the gradient has the structure, shapes and dtypes
        of the argument, or is a tuple of such trees if `wrt` is one. Plain arguments give plain arrays.

    Raises
    ------
    NonScalarOutputError, DtypeError, TreeError
        By the returned function: if the output is no scalar, is not floating point or an argument is
        not, or `wrt` names an argument that is not there.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> value, gradient = mg.value_and_grad(lambda p: (p["w"] ** 2).sum())({"w": np.array([1.0, 2.0])})
    >>> float(value), gradient
    (5.0, {'w': array([2., 4.])})
    """

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        positions = _positions(wrt, len(args))
        with recording() as nested:
            recorded = nested or _holds_tensor(args)
            lifted, nodes, structures = _start(f, args, positions)
            output = _output_node(f(*lifted, **kwargs))
            adjoints = _pull([(output, unit_cotangent(output))], nodes, recorded)
        if warn_nan:
            warn_of_nan(output, unit_cotangent(output), adjoints)
        gradients = _group([_finish(g, node, recorded) for g, node in zip(adjoints, nodes, strict=True)], structures)
        value = output if recorded else _plain(output)
        return value, gradients[0] if isinstance(wrt, int) else tuple(gradients)

    return value_and_gradient


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
        return _like(output, seed, "seed")
    if output.shape != ():
        raise NonScalarOutputError(
            f"a gradient needs a scalar output, got {describe(output)}; reduce it with .sum() or .mean(), "
            f"pass a seed of shape {output.shape} where there is one to pass, or use jacobian or vjp"
        )
    return np.ones((), output.dtype) if isinstance(output.value, np.ndarray) else 1.0


def _pull(seeds: list[tuple[Tensor, Any]], nodes: list[Tensor], recorded: bool) -> list[Any]:
    """The cotangent of each node; None where nothing arrives."""
    if recorded:
        seeds = [(output, g if isinstance(g, Tensor) else constant(g)) for output, g in seeds]
    found = reverse_sweep(seeds, targets=nodes, recorded=recorded).nodes if nodes else {}
    return [found.get(node) for node in nodes]


def backward(output: Tensor, seed: Any = None) -> None:
    """Add ∂output/∂leaf to ``leaf.grad`` of every leaf made with `tensor`; see `Tensor.backward`."""
    cotangent = unit_cotangent(output, seed)
    if not output.tracked:
        raise DtypeError(
            f"backward() found no floating-point leaf behind {describe(output)}; "
            "make the inputs with mg.tensor, of floats, and without stop_gradient in between"
        )
    for node, adjoint in reverse_sweep([(output, cotangent)]).nodes.items():
        if node.primitive is INPUT:
            share = np.array(adjoint, node.dtype)
            node.grad = share if node.grad is None else node.grad + share


METHODS["backward"] = backward


def grad(f: Callable[..., Any], wrt: int | tuple[int, ...] = 0, *, warn_nan: bool = False) -> Callable[..., Any]:
    """Make a function that returns the gradient of a scalar function; see `value_and_grad`.

    Examples
    --------
    >>> import minigrad as mg
    >>> float(mg.grad(mg.grad(lambda x: x**3))(2.0))
    12.0
    """
    both = value_and_grad(f, wrt, warn_nan=warn_nan)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of ``f(*args)``, and the pullback: cotangents of the output to cotangents of the arguments.

    Parameters
    ----------
    f : callable
        Takes and returns trees of floating-point arrays.

    Returns
    -------
    value : tree
    pullback : callable
        ``pullback(cotangent)`` takes a tree like `value` and returns a tuple of trees like `args`:
        ``ȳ ↦ Jᵀ ȳ``. It can be called many times; later changes to `args` do not reach it.

    Raises
    ------
    DtypeError
        If a leaf of an argument is not floating point.
    TreeError, ShapeError
        By the pullback, if the cotangent is not like the value.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> value, pullback = mg.vjp(np.tanh, np.array([0.0, 1.0]))
    >>> pullback(np.ones(2))[0].round(4)
    array([1.  , 0.42])
    """
    with recording() as nested:
        recorded = nested or _holds_tensor(args)
        lifted, nodes, structures = _start(f, args, range(len(args)))
        leaves, out_structure = flatten(f(*lifted))
    outputs = [_output_node(value) for value in leaves]

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        given = flatten_like(out_structure, cotangent, "the cotangent")
        deep = recorded or _holds_tensor(given)
        seeds = [(node, _like(node, g, "cotangent")) for node, g in zip(outputs, given, strict=True)]
        adjoints = _pull(seeds, nodes, deep)
        return tuple(_group([_finish(g, node, deep) for g, node in zip(adjoints, nodes, strict=True)], structures))

    return out_structure.unflatten([node if recorded else _plain(node) for node in outputs]), pullback


def _like(node: Tensor, given: Any, what: str) -> Any:
    """A cotangent or tangent, checked against the node that it belongs to."""
    value = (
        given
        if isinstance(given, Tensor) or hasattr(type(given), "evaluate_primitive")
        else np.array(given, node.dtype)
    )
    if value.shape != node.shape:
        raise ShapeError(f"a {what} of {describe(node)} must have its shape {node.shape}, got {value.shape}")
    return value


def jvp(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of ``f(*args)``, and its derivative along a direction: ``ẏ = J ẋ``.

    Parameters
    ----------
    f : callable
        Takes and returns trees of floating-point arrays.
    args, tangents : sequences of trees
        One tangent for each argument, of its structure and shapes.

    Returns
    -------
    value, tangent : trees of the same structure

    Raises
    ------
    DtypeError
        If a leaf of an argument is not floating point.
    TreeError, ShapeError
        If the tangents are not like the arguments.

    Examples
    --------
    >>> import minigrad as mg
    >>> value, slope = mg.jvp(lambda x: x**2, (3.0,), (1.0,))
    >>> float(value), float(slope)
    (9.0, 6.0)
    """
    if len(args) != len(tangents):
        raise TreeError(
            f"jvp got {len(args)} arguments and {len(tangents)} tangents; pass one tangent for each argument"
        )
    with recording() as nested:
        recorded = nested or _holds_tensor([*args, *tangents])
        lifted, nodes, structures = _start(f, args, range(len(args)))
        leaves, out_structure = flatten(f(*lifted))
        outputs = [_output_node(value) for value in leaves]
        given = [
            value
            for i, structure in enumerate(structures)
            for value in flatten_like(structure, tangents[i], f"tangent {i}")
        ]
        moving = {node: _like(node, t, "tangent") for node, t in zip(nodes, given, strict=True)}
        if recorded:
            moving = {node: t if isinstance(t, Tensor) else constant(t) for node, t in moving.items()}
        found = forward_sweep(outputs, moving, recorded=recorded)
    values = out_structure.unflatten([node if recorded else _plain(node) for node in outputs])
    return values, out_structure.unflatten([_finish(found.get(node), node, recorded) for node in outputs])


def jacobian(f: Callable[..., Any], wrt: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Make a function that returns the Jacobian in numerator layout, ``J[i, j] = ∂out_i/∂in_j``.

    One reverse sweep for each entry of the output.

    Parameters
    ----------
    f : callable
        Takes and returns trees of floating-point arrays.
    wrt : int or tuple of int
        Which arguments to differentiate with respect to.

    Returns
    -------
    callable
        Its result has the structure of the output; in the place of each array stands a tree with the
        structure of the argument, of arrays of shape ``out.shape + in.shape``. A tuple `wrt` gives a
        tuple of such trees in the place of each array.

    Raises
    ------
    DtypeError, TreeError
        By the returned function, as `grad`.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> mg.jacobian(lambda x: np.stack([x[0] * x[1], x[1]]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [0., 1.]])
    """

    @wraps(f)
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        positions = _positions(wrt, len(args))
        with recording() as nested:
            recorded = nested or _holds_tensor(args)
            lifted, nodes, structures = _start(f, args, positions)
            leaves, out_structure = flatten(f(*lifted, **kwargs))
            blocks = []
            for value in leaves:
                rows = _rows(_output_node(value), nodes, recorded)
                trees = _group(rows, structures)
                blocks.append(trees[0] if isinstance(wrt, int) else tuple(trees))
        return out_structure.unflatten(blocks)

    return jacobian_of


def _rows(output: Tensor, nodes: list[Tensor], recorded: bool) -> list[Any]:
    """∂output/∂node of every node: one sweep for each entry of the output, stacked."""
    rows: list[list[Any]] = [[] for _ in nodes]
    for i in range(output.size):
        seed = np.zeros(output.size, output.dtype)
        seed[i] = 1
        adjoints = _pull([(output, seed.reshape(output.shape))], nodes, recorded)
        for row, g, node in zip(rows, adjoints, nodes, strict=True):
            row.append(_finish(g, node, recorded))
    shapes = [(*output.shape, *node.shape) for node in nodes]
    if not output.size:
        return [np.zeros(shape, node.dtype) for shape, node in zip(shapes, nodes, strict=True)]
    return [reshape(stack(row), shape) for row, shape in zip(rows, shapes, strict=True)]


def hessian(f: Callable[..., Any], wrt: int = 0) -> Callable[..., Any]:
    """Make a function that returns the matrix of second derivatives of a scalar function.

    For an argument that is one array x the result has the shape ``x.shape + x.shape``; for a tree it is
    a tree of trees, as `jacobian` of `grad` gives it.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> mg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, wrt), wrt)


def hvp(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a scalar function times a vector, without the Hessian: forward over reverse.

    Parameters
    ----------
    f : callable
        Takes trees of floating-point arrays, returns a scalar.
    args, tangents : sequences of trees
        One tangent for each argument.

    Returns
    -------
    tree
        Like the argument; a tuple of trees if there are several.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> mg.hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    wrt = 0 if len(args) == 1 else tuple(range(len(args)))
    return jvp(grad(f, wrt), args, tangents)[1]
