"""Derivatives of functions: grad, value_and_grad, vjp, jvp, and `Tensor.backward`.

Each transform calls the function on fresh leaves, which records a graph, and sweeps it once;
`transforms` has what they have in common.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .context import is_recording, recording
from .errors import DroppedGradientError, DtypeError, TreeError
from .nans import warn_of_nan
from .pytree import flatten, flatten_like
from .sweep import forward_sweep, reverse_sweep
from .tensor import CONSTANT, INPUT, Tensor, constant, describe
from .transforms import (
    call,
    depends_on_others,
    finish,
    group,
    holds_tensor,
    is_single,
    is_symbolic,
    like,
    output_node,
    plain,
    positions_of,
    pull,
    real_outputs,
    start,
    unit_cotangent,
)

__all__ = ["backward", "grad", "jvp", "value_and_grad", "vjp"]


def value_and_grad(
    f: Callable[..., Any], wrt: int | tuple[int, ...] = 0, *, warn_nan: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """Make a function that returns ``f(*args)`` and its gradient.

    Parameters
    ----------
    f : callable
        Takes trees of arrays, or of matrix terms for a gradient in symbols, and returns a scalar Tensor.
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

    Notes
    -----
    The result is made of Tensors, to be differentiated further, if an argument holds one, if `f` closes over one
    from which gradients can be asked, or if this call stands inside the function of another transform.
    Otherwise it is made of plain arrays. ``t.detach()`` is a Tensor that counts as a constant.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> value, gradient = mg.value_and_grad(lambda p: (p["w"] ** 2).sum())({"w": np.array([1.0, 2.0])})
    >>> float(value), gradient
    (5.0, {'w': array([2., 4.])})
    """

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        positions = positions_of(wrt, len(args))
        with recording() as nested:
            recorded = nested or holds_tensor(args)
            lifted, nodes, structures = start(f, args, positions)
            output = output_node(call(f, lifted, kwargs))
            adjoints, recorded = pull([(output, unit_cotangent(output))], nodes, recorded)
        if warn_nan:
            warn_of_nan(output, unit_cotangent(output), adjoints)
        gradients = group([finish(g, node, recorded) for g, node in zip(adjoints, nodes, strict=True)], structures)
        value = output if recorded else plain(output)
        return value, gradients[0] if is_single(wrt) else tuple(gradients)

    return value_and_gradient


def backward(output: Tensor, seed: Any = None) -> None:
    """Add ∂output/∂leaf to ``leaf.grad`` of every leaf made with `tensor`; see `Tensor.backward`."""
    if is_recording():
        raise DroppedGradientError(
            "backward() inside of a function that is being transformed writes plain arrays, whose derivative would be "
            "lost; write mg.grad(f)(x) there"
        )
    cotangent = unit_cotangent(output, seed)
    if not output.tracked:
        raise DtypeError(
            f"backward() found no floating-point leaf behind {describe(output)}; "
            "make the inputs with mg.tensor, of floats, and without stop_gradient in between"
        )
    for node, adjoint in reverse_sweep([(output, cotangent)]).nodes.items():
        if node.primitive is INPUT:
            contribution = adjoint if is_symbolic(adjoint) else np.array(adjoint, node.dtype)
            node.grad = contribution if node.grad is None else node.grad + contribution


def grad(f: Callable[..., Any], wrt: int | tuple[int, ...] = 0, *, warn_nan: bool = False) -> Callable[..., Any]:
    """Make a function that returns the gradient of a scalar function; see `value_and_grad`.

    Parameters
    ----------
    f : callable
        Takes trees of arrays, or of matrix terms for a gradient in symbols, and returns a scalar Tensor.
    wrt : int or tuple of int
        Which positional arguments to differentiate with respect to.
    warn_nan : bool
        Issue a `NaNWarning` where the value or the gradient is NaN.

    Returns
    -------
    callable
        ``(*args, **kwargs) -> gradient``, with the structure, shapes and dtypes of the argument; a tuple of such
        trees if `wrt` is one.

    Raises
    ------
    NonScalarOutputError, DtypeError, TreeError
        By the returned function, as `value_and_grad`.

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

    With J the Jacobian of `f`, the pullback is ``ȳ ↦ Jᵀ ȳ``: one reverse sweep, whatever the size of the arguments.

    Parameters
    ----------
    f : callable
        Takes and returns trees of floating-point arrays.
    *args : trees
        The arguments of `f`.

    Returns
    -------
    value : tree
        What ``f(*args)`` gives.
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
        recorded = nested or holds_tensor(args)
        lifted, nodes, structures = start(f, args, range(len(args)))
        leaves, out_structure = flatten(call(f, lifted))
        outputs = real_outputs(leaves)
    recorded = recorded or depends_on_others(outputs, nodes)
    if not recorded:
        for node in nodes:  # Nobody but the pullback can ask for their derivatives, see `depends_on_others`.
            node.primitive = CONSTANT

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        given = flatten_like(out_structure, cotangent, "the cotangent")
        deep = recorded or holds_tensor(given)
        seeds = [(node, like(node, g, "cotangent")) for node, g in zip(outputs, given, strict=True)]
        adjoints, deep = pull(seeds, nodes, deep)
        return tuple(group([finish(g, node, deep) for g, node in zip(adjoints, nodes, strict=True)], structures))

    return out_structure.unflatten([node if recorded else plain(node) for node in outputs]), pullback


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
        ``f(*args)``, and how much it changes per unit along the direction.

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
    if not (isinstance(args, list | tuple) and isinstance(tangents, list | tuple)):
        raise TreeError(
            f"jvp takes a tuple of arguments and a tuple of tangents, got {type(args).__name__} and "
            f"{type(tangents).__name__}; write jvp(f, (x,), (t,))"
        )
    if len(args) != len(tangents):
        raise TreeError(
            f"jvp got {len(args)} arguments and {len(tangents)} tangents; pass one tangent for each argument"
        )
    with recording() as nested:
        recorded = nested or holds_tensor([*args, *tangents])
        lifted, nodes, structures = start(f, args, range(len(args)))
        leaves, out_structure = flatten(call(f, lifted))
        outputs = real_outputs(leaves)
        recorded = recorded or depends_on_others(outputs, nodes)
        given = [
            value
            for i, structure in enumerate(structures)
            for value in flatten_like(structure, tangents[i], f"tangent {i}")
        ]
        moving = {node: like(node, t, "tangent") for node, t in zip(nodes, given, strict=True)}
        if recorded:
            moving = {node: t if isinstance(t, Tensor) else constant(t) for node, t in moving.items()}
        found = forward_sweep(outputs, moving, recorded=recorded)
    values = out_structure.unflatten([node if recorded else plain(node) for node in outputs])
    return values, out_structure.unflatten([finish(found.get(node), node, recorded) for node in outputs])
