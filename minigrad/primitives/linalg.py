"""Products of matrices and vectors.

Vectors live on the last axis and leading axes are batch. `linear` and `outer` are closed under
differentiation: the rules of each are written with the two of them and a transpose, which is why
closed forms come out as the textbook writes them, ∂E/∂W = Σ_t δ_t h_{t−1}ᵀ.
"""

from math import prod
from typing import Any

import numpy as np

from .. import shape_rules
from ..errors import ShapeError
from ..primitive import register
from ..tensor import bind
from ..typing import Value
from .broadcasting import substitute, unbroadcast
from .shape import reshape, transpose

__all__ = ["linear", "matmul", "outer"]


def _rows(x: Value) -> Value:
    """All leading axes as one."""
    return x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])


def _linear_value(W: Value, x: Value) -> Value:
    if np.ndim(W) != 2 or np.ndim(x) == 0 or W.shape[1] != x.shape[-1]:
        raise ShapeError(
            f"linear(W, x) needs W of shape (m, n) and x of shape (..., n), got {np.shape(W)} and {np.shape(x)}; "
            "the last axis of x must be as long as the rows of W"
        )
    if x.ndim <= 2:
        return x @ W.T
    return (_rows(x) @ W.T).reshape(*x.shape[:-1], W.shape[0])


def _outer_value(g: Value, x: Value) -> Value:
    if np.ndim(g) == 0 or np.ndim(x) == 0 or g.shape[:-1] != x.shape[:-1]:
        raise ShapeError(
            f"outer(g, x) needs shapes (..., m) and (..., n) with the same leading axes, got {np.shape(g)} and "
            f"{np.shape(x)}; broadcast one to the other first"
        )
    if g.ndim == 1:
        return g[:, None] * x
    return _rows(g).T @ _rows(x)


def _linear_vjp_W(g: Value, y: Value, W: Value, x: Value) -> Value:
    """y = W x: W̄ = Σ ȳ xᵀ, summed over the leading axes."""
    return outer(g, x)


def _linear_vjp_x(g: Value, y: Value, W: Value, x: Value) -> Value:
    """y = W x: x̄ = Wᵀ ȳ."""
    return linear(W.T, g)


def _outer_vjp_g(G: Value, y: Value, g: Value, x: Value) -> Value:
    """Y = Σ g xᵀ: ḡ = Ȳ x."""
    return linear(G, x)


def _outer_vjp_x(G: Value, y: Value, g: Value, x: Value) -> Value:
    """Y = Σ g xᵀ: x̄ = Ȳᵀ g."""
    return linear(G.T, g)


_linear = register(
    "linear",
    _linear_value,
    vjps=(_linear_vjp_W, _linear_vjp_x),
    jvps=(substitute("linear", 0), substitute("linear", 1)),
    shape_rule=shape_rules.linear,
)
_outer = register(
    "outer",
    _outer_value,
    vjps=(_outer_vjp_g, _outer_vjp_x),
    jvps=(substitute("outer", 0), substitute("outer", 1)),
    symbol="⊗",
    shape_rule=shape_rules.outer,
)


def linear(W: Value, x: Value) -> Value:
    """``W x`` for every vector of a batch.

    Gradients: ∂E/∂W = Σ ȳ xᵀ over the leading axes, see `outer`, and ∂E/∂x = Wᵀ ȳ.

    Parameters
    ----------
    W : (m, n) array, Tensor or term
        The matrix.
    x : (..., n) array, Tensor or term
        Vectors on the last axis.

    Returns
    -------
    (..., m)
        ``x @ W.T`` in NumPy's words.

    Raises
    ------
    ShapeError
        If the shapes are not these.
    """
    return bind(_linear, (W, x))


def outer(g: Value, x: Value) -> Value:
    """``Σ g xᵀ`` over all leading axes.

    Gradients: ḡ = Ȳ x and x̄ = Ȳᵀ g for each vector, see `linear`.

    Parameters
    ----------
    g : (..., m) array, Tensor or term
        Vectors on the last axis.
    x : (..., n) array, Tensor or term
        As many of them: the leading axes are the same.

    Returns
    -------
    (m, n)
        ``g.T @ x`` where there is one leading axis.

    Raises
    ------
    ShapeError
        If the shapes are not these.
    """
    return bind(_outer, (g, x))


def _as_matrices(g: Value, a: Value, b: Value) -> tuple[Any, Any, Any]:
    """NumPy's matmul reads a vector as one row on the left, one column on the right: write that out."""
    rows = a.shape[-2:-1] or (1,)
    columns = b.shape[-1:] if b.ndim > 1 else (1,)
    batch = g.shape[: g.ndim - (a.ndim > 1) - (b.ndim > 1)]
    A = a if a.ndim > 1 else reshape(a, (1, *a.shape))
    B = b if b.ndim > 1 else reshape(b, (*b.shape, 1))
    return reshape(g, (*batch, *rows, *columns)), A, B


def _swap(x: Value) -> Value:
    """Transpose the last two axes."""
    n = x.ndim
    return transpose(x, (*range(n - 2), n - 1, n - 2))


def _matmul_vjp_a(g: Value, y: Value, a: Value, b: Value) -> Value:
    """Y = A B: Ā = Ȳ Bᵀ."""
    if a.ndim == b.ndim == 2:
        return g @ b.T
    G, A, B = _as_matrices(g, a, b)
    return reshape(unbroadcast(matmul(G, _swap(B)), A), a.shape)


def _matmul_vjp_b(g: Value, y: Value, a: Value, b: Value) -> Value:
    """Y = A B: B̄ = Aᵀ Ȳ."""
    if a.ndim == b.ndim == 2:
        return a.T @ g
    G, A, B = _as_matrices(g, a, b)
    return reshape(unbroadcast(matmul(_swap(A), G), B), b.shape)


_matmul = register(
    "matmul",
    np.matmul,
    vjps=(_matmul_vjp_a, _matmul_vjp_b),
    jvps=(substitute("matmul", 0), substitute("matmul", 1)),
)


def matmul(a: Value, b: Value) -> Value:
    """``a @ b`` as NumPy's matmul: matrices on the last two axes, leading axes broadcast, vectors allowed.

    Gradients: Ā = Ȳ Bᵀ and B̄ = Aᵀ Ȳ, summed where an operand was broadcast.

    Parameters
    ----------
    a : (..., m, n) or (n,) array, Tensor or term
        A vector counts as one row.
    b : (..., n, k) or (n,) array, Tensor or term
        A vector counts as one column.

    Returns
    -------
    (..., m, k)
        Without the axes that stand for a vector.

    Raises
    ------
    ShapeError
        If the inner sizes differ, the leading axes do not broadcast, or an operand is 0-d.
    """
    return bind(_matmul, (a, b))
