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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..autodiff import value_and_grad
from ..errors import OptionError, ShapeError, UnknownNodeError
from ..graph import Graph
from ..primitives import linear, multiply, sqrt, stop_gradient, sum, where
from ..tensor import Tensor, describe

__all__ = ["pascanu_omega", "pascanu_regularizer"]

Form = Literal["paper", "code"]

#: What may stand between h_{t−1} and the product with W, and which argument is h_{t−1}.
_PASSING = {"where": 1, "stop_gradient": 0, "alias": 0}


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
    _check_form(form)
    if errors.shape != slopes.shape:
        raise ShapeError(f"errors and slopes must have one shape, got {errors.shape} and {slopes.shape}")
    if form == "paper":
        sequences = np.prod(errors.shape[1:-1], initial=1.0)
        return _sum_of_terms(W, errors[1:], slopes[:-1], 1 / sequences, bound)
    return _mean_of_terms(W, errors, slopes, bound)


def _check_form(form: str) -> None:
    if form not in ("paper", "code"):
        raise OptionError(f"form must be 'paper' or 'code', got {form!r}")


def _sum_of_terms(W: Any, errors: Any, slopes_before: Any, weights: Any, bound: float) -> Any:
    """The paper's form, Σ w (‖act'(a_{t−1}) ⊙ Wᵀ δ_t‖ / ‖δ_t‖ − 1)², a row (..., H) for each term."""
    errors, slopes_before = stop_gradient(errors), stop_gradient(slopes_before)
    ratio, counted = _squared_ratio(errors, slopes_before * linear(W.T, errors), bound)
    return sum(weights * where(counted, (_safe_sqrt(ratio) - 1) ** 2, 0.0))


def _mean_of_terms(W: Any, errors: Any, slopes: Any, bound: float) -> Any:
    """The program's form, the mean of (‖Wᵀ (act'(a_t) ⊙ δ_t)‖² / ‖δ_t‖² − 1)² over the terms counted."""
    errors, slopes = stop_gradient(errors), stop_gradient(slopes)
    ratio, counted = _squared_ratio(errors, linear(W.T, slopes * errors), bound)
    number = sum(multiply(counted, 1.0))
    return sum(where(counted, (ratio - 1) ** 2, 0.0)) / where(number > 0, number, 1.0)


def _squared_ratio(errors: Any, carried: Any, bound: float) -> tuple[Any, Any]:
    """‖carried‖² / ‖error‖² of every term, and whether it counts."""
    before = sum(errors * errors, -1)
    after = sum(carried * carried, -1)
    counted = before >= max(bound, float(np.finfo(before.dtype).tiny))  # an error of 0 has no ratio, whatever the bound
    return after / where(counted, before, 1.0), counted


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
        Of a scalar loss. Each step that uses the weight goes into a node ``a`` and that into a node
        ``h`` = act(a). Where several runs use it, terms are those of all runs together, and none goes
        from the end of one to the start of another; only a run that starts with the other's final
        state continues it.
    form : {"paper", "code"}
        See the table at the top of this module.
    weight : Tensor or str
        W, or its name in the graph.
    bound : float
        Terms with ‖error‖² below it are left out.

    Returns
    -------
    omega : scalar
        Ω, to be added to the loss with a factor α.
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
    _check_form(form)
    W = graph.node(weight)
    steps = _steps(graph, W)
    found = graph.adjoints().nodes

    def error(node: Tensor) -> Any:
        return found.get(node, np.zeros(node.shape, node.dtype))

    if form == "code":
        errors = _rows(W, [error(step.h) for step in steps])
        slopes = _rows(W, [_slope(step) for step in steps])
        return value_and_grad(_mean_of_terms)(W.value, errors, slopes, bound)
    pairs = [(step.before, step) for step in steps if step.before is not None]
    errors = _rows(W, [error(step.a) for _, step in pairs])
    slopes = _rows(W, [_slope(before) for before, _ in pairs])
    sequences = [int(np.prod(step.a.shape[:-1], initial=1)) for _, step in pairs]
    weights = np.repeat(1 / np.array(sequences, W.dtype), sequences)
    return value_and_grad(_sum_of_terms)(W.value, errors, slopes, weights, bound)


def _rows(W: Tensor, parts: list[Any]) -> Any:
    """Arrays (..., H) of any batch shapes as one of rows, (N, H)."""
    H = W.shape[-1]
    return np.concatenate([np.zeros((0, H), W.dtype), *(part.reshape(-1, H) for part in parts)])


@dataclass(frozen=True, eq=False)
class _Step:
    """a_t and h_t = act(a_t), and the step whose state this one starts from (None: no step of this W)."""

    a: Tensor
    h: Tensor
    before: "_Step | None"


def _steps(graph: Graph, W: Tensor) -> list[_Step]:
    """Every step that multiplies with W, found along the edges, so that several runs stay apart."""
    uses: dict[Tensor, list[Tensor]] = {}
    for node in graph:
        for arg in node.args:
            if isinstance(arg, Tensor):
                uses.setdefault(arg, []).append(node)
    by_h: dict[Tensor, _Step] = {}
    for node in graph:
        if node.primitive.name != "linear" or node.args[0] is not W:
            continue
        a = _follow(node, "a", uses)
        h = None if a is None else next((user for user in uses.get(a, []) if user.name == "h"), None)
        if a is not None and h is not None:
            by_h[h] = _Step(a, h, by_h.get(_unheld(node.args[1], by_h)))
    if not by_h:
        raise UnknownNodeError(
            f"no step with nodes named `a` and `h` uses {describe(W)}; the regulariser is defined for plain RNN cells"
        )
    return list(by_h.values())


def _follow(node: Tensor, name: str, uses: dict[Tensor, list[Tensor]]) -> Tensor | None:
    """The sum of that name into which a node goes."""
    while node.name != name:
        sums = [user for user in uses.get(node, []) if user.primitive.name == "add"]
        if len(sums) != 1:
            return None
        node = sums[0]
    return node


def _unheld(state: Any, known: Mapping[Tensor, Any]) -> Any:
    """The h behind a state: sequences that have ended hold theirs, truncation makes it a constant."""
    while isinstance(state, Tensor) and state not in known and state.primitive.name in _PASSING:
        state = state.args[_PASSING[state.primitive.name]]
    return state


def _slope(step: _Step) -> Any:
    """act'(a); the identity, which is no primitive of its own, has slope 1."""
    a, h = step.a, step.h
    slope = h.primitive.slope
    return np.ones(a.shape, a.dtype) if slope is None else slope(h.value, a.value) * np.ones((), a.dtype)
