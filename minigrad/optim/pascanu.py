"""Pascanu's regulariser Ω: the remedy for gradients that vanish.

It asks that the error keep its length while it travels back one step. Pascanu, Mikolov and Bengio,
"On the difficulty of training recurrent neural networks", ICML 2013, section 3.3, equations 9 and 10.

Only the *immediate* derivative of Ω in W counts: states and errors are held constant, so that what is
left is the W that stands in ∂(step t)/∂(step t − 1) itself. The full derivative would be of second
order.

The paper and the authors' program (github.com/pascanur/trainingRNNs, RNN.py) do not compute the same:

============  =================================================  ================================================
              ``form="paper"``                                   ``form="code"``
============  =================================================  ================================================
state         a_t = U x_t + W h_{t−1} + b (the paper's x_t)      h_t = act(a_t)
error         δ_t = ∂E/∂a_t                                      δ_t = ∂E/∂h_t
carried back  act'(a_{t−1}) ⊙ Wᵀ δ_t                             Wᵀ (act'(a_t) ⊙ δ_t)
steps         t = 2 … T                                          t = 1 … T, from the initial state on
term          (‖carried‖ / ‖δ_t‖ − 1)²                           (‖carried‖² / ‖δ_t‖² − 1)²
together      sum over t (mean over the batch)                   mean over the terms counted
============  =================================================  ================================================

In both, terms with ‖δ_t‖² below `bound` are left out, as in the program: the ratio means nothing there.
"""

from typing import Any, Literal

import numpy as np

from ..autodiff import value_and_grad
from ..errors import OptionError, ShapeError, UnknownNodeError
from ..graph import Graph
from ..primitives import linear, multiply, sqrt, stop_gradient, sum, where
from ..tensor import Tensor, describe

__all__ = ["pascanu_omega", "pascanu_regularizer"]

Form = Literal["paper", "code"]


def pascanu_omega(W: Any, errors: Any, slopes: Any, form: Form = "paper", bound: float = 1e-20) -> Any:
    """Ω as a function of W, with everything else held constant.

    Parameters
    ----------
    W : (H, H)
        The recurrent weights.
    errors : (T, ..., H)
        ∂E/∂a_t for the paper's form, ∂E/∂h_t for the code's.
    slopes : (T, ..., H)
        act'(a_t).
    form : {"paper", "code"}
        See the table at the top of this module.
    bound : float
        Terms with ‖error‖² below it are left out.

    Returns
    -------
    scalar
        Differentiable in `W`; no gradient goes to `errors` and `slopes`.

    Raises
    ------
    OptionError
        If the form is neither.
    ShapeError
        If errors and slopes differ in shape.

    Examples
    --------
    Rotations keep every length, so they have Ω = 0 as long as no unit saturates.

    >>> import numpy as np
    >>> W, ones = np.array([[0.0, -1.0], [1.0, 0.0]]), np.ones((3, 2))
    >>> float(pascanu_omega(W, ones, ones)), float(pascanu_omega(2 * W, ones, ones))
    (0.0, 2.0)
    """
    if form not in ("paper", "code"):
        raise OptionError(f"form must be 'paper' or 'code', got {form!r}")
    if errors.shape != slopes.shape:
        raise ShapeError(f"errors and slopes must have one shape, got {errors.shape} and {slopes.shape}")
    errors, slopes = stop_gradient(errors), stop_gradient(slopes)
    if form == "paper":
        errors = errors[1:]
        carried = slopes[:-1] * linear(W.T, errors)
    else:
        carried = linear(W.T, slopes * errors)
    before = sum(errors * errors, -1)
    after = sum(carried * carried, -1)
    counted = before >= bound
    ratio = after / where(counted, before, 1.0)
    if form == "paper":
        ratio = _safe_sqrt(ratio)
    terms = where(counted, (ratio - 1) ** 2, 0.0)
    if form == "paper":
        sequences = np.prod(terms.shape[1:], initial=1.0)
        return sum(terms) / float(sequences)
    number = sum(multiply(counted, 1.0))
    return sum(terms) / where(number > 0, number, 1.0)


def _safe_sqrt(x: Any) -> Any:
    """√x, with slope 0 instead of inf at 0."""
    return where(x > 0, sqrt(where(x > 0, x, 1.0)), 0.0)


def pascanu_regularizer(
    graph: Graph, form: Form = "paper", *, weight: Tensor | str = 'params["W"]', bound: float = 1e-20
) -> tuple[Any, Any]:
    """Ω and its immediate derivative ∂⁺Ω/∂W for a plain RNN, read off the graph of its loss.

    Parameters
    ----------
    graph : Graph
        Of a scalar loss. Each step that uses the weight holds a node ``a`` and a node ``h`` = act(a).
    form : {"paper", "code"}
        See the table at the top of this module.
    weight : Tensor or str
        W, or its name in the graph.
    bound : float
        Terms with ‖error‖² below it are left out.

    Returns
    -------
    omega : scalar
    gradient : (H, H)
        Add α times this to the gradient of W.

    Raises
    ------
    OptionError
        If the form is neither.
    UnknownNodeError
        If the graph does not hold the weight, or no step of a plain RNN uses it.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> from cells import RNN, unroll
    >>> rng = np.random.default_rng(0)
    >>> cell, xs = RNN(2, 3), rng.standard_normal((5, 2))
    >>> graph = mg.trace(lambda params: unroll(cell, params, xs).final.h.sum(), cell.init(rng))
    >>> omega, gradient = pascanu_regularizer(graph)
    >>> bool(omega > 0), gradient.shape
    (True, (3, 3))
    """
    W = graph.node(weight)
    steps = _steps(graph, W)
    found = graph.adjoints().nodes
    spots = [a if form == "paper" else h for a, h in steps]
    errors = np.stack([found.get(node, np.zeros(node.shape, node.dtype)) for node in spots])
    slopes = np.stack([_slope(a, h) for a, h in steps])
    return value_and_grad(pascanu_omega)(W.value, errors, slopes, form, bound)


def _steps(graph: Graph, W: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The nodes (a_t, h_t) of every step that multiplies with W."""
    scopes = [node.scope for node in graph if node.primitive.name == "linear" and node.args[0] is W]
    named = {(node.scope, node.name): node for node in graph}
    steps = [
        (named[scope, "a"], named[scope, "h"]) for scope in scopes if (scope, "a") in named and (scope, "h") in named
    ]
    if not steps:
        raise UnknownNodeError(
            f"no step with nodes named `a` and `h` uses {describe(W)}; the regulariser is defined for plain RNN cells"
        )
    return steps


def _slope(a: Tensor, h: Tensor) -> Any:
    """act'(a); the identity, which is no primitive of its own, has slope 1."""
    slope = h.primitive.slope
    return np.ones(a.shape, a.dtype) if slope is None else slope(h.value, a.value) * np.ones((), a.dtype)
