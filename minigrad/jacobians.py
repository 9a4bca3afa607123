"""Matrices of derivatives: Jacobian, Hessian, and the Hessian times a vector."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .autodiff import grad, jvp
from .context import recording
from .errors import DtypeError
from .primitives import reshape, stack
from .pytree import flatten
from .tensor import Tensor, describe
from .transforms import (
    call,
    depends_on_others,
    finish,
    group,
    holds_tensor,
    is_single,
    is_symbolic,
    positions_of,
    pull,
    real_outputs,
    start,
)

__all__ = ["hessian", "hvp", "jacobian"]


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
        positions = positions_of(wrt, len(args))
        with recording() as nested:
            recorded = nested or holds_tensor(args)
            lifted, nodes, structures = start(f, args, positions)
            leaves, out_structure = flatten(call(f, lifted, kwargs))
            outputs = real_outputs(leaves)
            recorded = recorded or depends_on_others(outputs, nodes)
            blocks = []
            for output in outputs:
                rows = _rows(output, nodes, recorded)
                trees = group(rows, structures)
                blocks.append(trees[0] if is_single(wrt) else tuple(trees))
        return out_structure.unflatten(blocks)

    return jacobian_of


def _rows(output: Tensor, nodes: list[Tensor], recorded: bool) -> list[Any]:
    """∂output/∂node of every node: one sweep for each entry of the output, stacked."""
    if is_symbolic(output.value):
        raise DtypeError(
            f"jacobian and hessian take one row of arrays at a time, got the formula {describe(output)}; for formulas "
            "use grad or vjp with a symbolic cotangent, or minigrad.symbolic.derive"
        )
    rows: list[list[Any]] = [[] for _ in nodes]
    for i in range(output.size):
        seed = np.zeros(output.size, output.dtype)
        seed[i] = 1
        adjoints, _ = pull([(output, seed.reshape(output.shape))], nodes, recorded)
        for row, g, node in zip(rows, adjoints, nodes, strict=True):
            row.append(finish(g, node, recorded))
    shapes = [(*output.shape, *node.shape) for node in nodes]
    if not output.size:
        return [np.zeros(shape, node.dtype) for shape, node in zip(shapes, nodes, strict=True)]
    return [reshape(stack(row), shape) for row, shape in zip(rows, shapes, strict=True)]


def hessian(f: Callable[..., Any], wrt: int = 0) -> Callable[..., Any]:
    """Make a function that returns the matrix of second derivatives of a scalar function, H[i, j] = ∂²f/∂x_i ∂x_j.

    Parameters
    ----------
    f : callable
        Takes trees of floating-point arrays, returns a scalar.
    wrt : int
        Which argument to differentiate with respect to.

    Returns
    -------
    callable
        Its result has the shape ``x.shape + x.shape`` for an argument that is one array x; for a tree it is a
        tree of trees, as `jacobian` of `grad` gives it.

    Raises
    ------
    NonScalarOutputError, DtypeError, TreeError
        By the returned function, as `value_and_grad`.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> mg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, wrt), wrt)


def hvp(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a scalar function times a vector, ``H v``, without the Hessian: forward over reverse.

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

    Raises
    ------
    DtypeError, TreeError, ShapeError, NonScalarOutputError
        As `grad` and `jvp`.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> mg.hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    wrt = 0 if len(args) == 1 else tuple(range(len(args)))
    return jvp(grad(f, wrt), args, tangents)[1]
