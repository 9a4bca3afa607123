"""Diagnosis of gradient flow: the same findings in sentences, and as numbers for other programs."""

from dataclasses import asdict, dataclass
from html import escape
from json import dumps
from math import inf, isfinite, log
from typing import Any

import numpy as np

from minigrad import Graph
from minigrad.context import step_of

from .attribution import flow_norms, gates_of, route_parts
from .jacobians import LagNorms
from .structure import carried_nodes

__all__ = ["Diagnosis", "diagnose_numbers", "finite", "rate_per_step", "saturation"]

#: Below this a change at step k makes no difference that training could notice.
LOST = 1e-6
#: A gate whose local slope is below this part of the largest one passes next to nothing.
SATURATED = 0.1
#: A change by less than this part is none: a norm stands still, and a share is the whole.
STILL = 0.005


@dataclass(frozen=True)
class Diagnosis:
    """Decay or growth of a gradient on its way back through time.

    Two measures: the loss's gradient ‖∂E/∂h_t‖, which is what training gets and pictures of flow show, and the
    Jacobian in its worst direction ‖∂s_T/∂s_k‖₂, which no gradient can exceed.

    Attributes
    ----------
    steps : int
        T
    final_norm : float
        ‖∂s_T/∂s_0‖₂.
    rate_per_step : float
        The factor per step of the exponential from the first norm to the last.
    half_life : float or None
        Steps in which it halves; None if it does not fade.
    lost_at : int or None
        The first lag at which the norm is below 10⁻⁶.
    largest_at : int
        The lag at which the norm is largest.
    largest_norm : float
    bound : float or None
        The proved bound at lag T.
    saturated : dict
        For each gate, the fraction of its entries whose slope is below a tenth of the largest possible.
    routes : dict
        How much of the gradient at the first state takes which way; adds up to 1.
    no_bound : str
        Why there is no bound.
    loss_steps : int or None
        The lag from the last step to the first one, T − 1; None if there is no loss.
    loss_first, loss_last : float or None
        ‖∂E/∂h_T‖ and ‖∂E/∂h_1‖.
    loss_rate_per_step, loss_half_life : float or None
        Of the loss's gradient, like `rate_per_step` and `half_life` of the Jacobian.
    """

    steps: int
    final_norm: float
    rate_per_step: float
    half_life: float | None
    lost_at: int | None
    largest_at: int
    largest_norm: float
    bound: float | None
    saturated: dict[str, float]
    routes: dict[str, float]
    no_bound: str = ""
    loss_steps: int | None = None
    loss_first: float | None = None
    loss_last: float | None = None
    loss_rate_per_step: float | None = None
    loss_half_life: float | None = None

    def json(self) -> str:
        """As JSON; inf and nan, which JSON does not have, become null."""
        return dumps(finite(asdict(self)), indent=2, ensure_ascii=False) + "\n"

    def sentences(self) -> list[str]:
        """For readers: the loss's gradient first, then the Jacobian in its worst direction, gates and routes."""
        return [*self._on_loss(), *self._on_jacobian(), *self._on_gates(), *self._on_routes()]

    def _on_loss(self) -> list[str]:
        """The sentence on ‖∂E/∂h_t‖, if there is a loss and more than one step."""
        if not self.loss_steps or self.loss_first is None or self.loss_last is None:
            return []
        name = "The loss's gradient ‖∂E/∂h_t‖"
        if not (isfinite(self.loss_first) and isfinite(self.loss_last)):
            return [f"{name} overflows: at the first step it is not a finite number."]
        goes = f"{name} goes from {self.loss_first:.3g} at the last step to {self.loss_last:.3g} at the first"
        if self.loss_rate_per_step is None or self.loss_last == 0:
            return [f"{goes}."]
        speed = _speed(self.loss_rate_per_step, self.loss_half_life)
        return [f"{goes}: a factor of {self.loss_rate_per_step:.3g} per step, {speed}."]

    def _on_jacobian(self) -> list[str]:
        """The sentences on ‖∂s_T/∂s_k‖₂ and its bound."""
        if not isfinite(self.final_norm):
            overflow = "The gradient overflows: the norm of the Jacobian is not a finite number."
            return [overflow, *self._on_bound()]
        if self.final_norm == 0:
            gone = f"The Jacobian falls below {LOST:g} at lag {self.lost_at}, and at lag {self.steps} nothing is left"
            return [f"{gone}: its norm is exactly 0."]
        said = [
            f"Over {self.steps} steps the norm of the Jacobian, in its worst direction, goes from 1 to "
            f"{self.final_norm:.3g}: a factor of {self.rate_per_step:.3g} per step, "
            f"{_speed(self.rate_per_step, self.half_life)}."
        ]
        if self.lost_at is not None:
            said.append(f"It falls below {LOST:g} at lag {self.lost_at}.")
        if self.largest_at not in (0, self.steps):
            said.append(f"It is largest at lag {self.largest_at}, with {self.largest_norm:.3g}.")
        return [*said, *self._on_bound()]

    def _on_bound(self) -> list[str]:
        if self.bound is None:
            return [self.no_bound] if self.no_bound else []
        if not isfinite(self.bound):
            return [f"The proved bound at lag {self.steps} is too large for a floating-point number."]
        ratio = self.bound / self.final_norm
        larger = f", {ratio:.3g} times as large" if isfinite(ratio) else ""
        return [f"The proved bound at lag {self.steps} is {self.bound:.3g}{larger}."]

    def _repr_html_(self) -> str:
        """For a notebook: the sentences as a list."""
        return f"<ul>{''.join(f'<li>{escape(said)}</li>' for said in self.sentences())}</ul>"

    def _on_gates(self) -> list[str]:
        if not self.saturated:
            return []
        listed = ", ".join(f"{name} {100 * part:.0f} %" for name, part in self.saturated.items())
        return [f"Saturated, that is with less than a tenth of the largest slope: {listed}."]

    def _on_routes(self) -> list[str]:
        if len(self.routes) < 2:
            return []
        way = max(self.routes, key=lambda name: self.routes[name])
        goes = "meets no gate until the readout" if way == "direct" else f"goes through {way} first"
        others = ", and other ways work against it" if self.routes[way] > 1 + STILL else ""
        return [f"Of the gradient at the first state {100 * self.routes[way]:.0f} % {goes}{others}."]


def diagnose_numbers(
    lags: LagNorms, graph: Graph | None = None, bound: np.ndarray | None = None, no_bound: str = ""
) -> Diagnosis:
    """The diagnosis of measured norms.

    Parameters
    ----------
    lags : LagNorms
        ‖∂s_T/∂s_k‖ over the lag.
    graph : Graph, optional
        Of a scalar loss, for the loss's gradient, the gates and the routes.
    bound : (T + 1,), optional
        Proved, over the lags.
    no_bound : str
        Why there is none.

    Returns
    -------
    Diagnosis
        With ``sentences()`` for readers and ``json()`` for programs.
    """
    norms = lags.measured
    with np.errstate(all="ignore"):
        rate = rate_per_step(norms)
        gates, routes, loss = ({}, {}, {}) if graph is None else (saturation(graph), _routes(graph), _loss(graph))
    lost = np.flatnonzero(norms < LOST)
    known = np.where(np.isfinite(norms), norms, -1.0)
    return Diagnosis(
        steps=len(norms) - 1,
        final_norm=float(norms[-1]) if np.isfinite(norms).all() else float("nan"),
        rate_per_step=rate,
        half_life=_half_life(rate),
        lost_at=int(lost[0]) if len(lost) else None,
        largest_at=int(np.argmax(known)),
        largest_norm=float(known.max()),
        bound=None if bound is None else float(bound[-1]),
        saturated=gates,
        routes=routes,
        no_bound=no_bound,
        **loss,
    )


def _speed(rate: float, half_life: float | None) -> str:
    if half_life is not None:
        return f"so it halves every {half_life:.3g} steps"
    if rate > 1 + STILL:
        return f"so it doubles every {log(2) / log(rate):.3g} steps"
    return "so it neither fades nor grows"


def _half_life(rate: float) -> float | None:
    return log(0.5) / log(rate) if 0 < rate < 1 - STILL else None


def _loss(graph: Graph) -> dict[str, Any]:
    """The numbers on ‖∂E/∂h_t‖ over t = 1 … T, of the first h in the graph."""
    if any(step_of(node.scope) for node in graph.nodes):
        for name, norms in flow_norms(graph).items():
            if name.rpartition("/")[2] == "h" and not np.ma.is_masked(norms):
                over_lag = np.asarray(norms)[:: -1 if not name.startswith("backward") else 1]
                rate = rate_per_step(over_lag) if over_lag[0] > 0 and np.isfinite(over_lag).all() else None
                return {
                    "loss_steps": len(over_lag) - 1,
                    "loss_first": float(over_lag[0]),
                    "loss_last": float(over_lag[-1]),
                    "loss_rate_per_step": rate,
                    "loss_half_life": None if rate is None else _half_life(rate),
                }
    return {}


def rate_per_step(norms: np.ndarray) -> float:
    """The factor per step of the exponential that goes from the first norm to the last: (n_T / n_0)^(1/T).

    Examples
    --------
    >>> rate_per_step(np.array([1.0, 0.5, 0.25]))
    0.5
    """
    steps = len(norms) - 1
    return float((norms[-1] / norms[0]) ** (1 / steps)) if steps else 1.0


def saturation(graph: Graph) -> dict[str, float]:
    """For each gate, the fraction of all its entries with a slope below a tenth of the largest possible.

    For tanh that is |y| > 0.949, for σ it is y < 0.026 or y > 0.974.
    """
    names = gates_of(graph)
    slopes: dict[str, list[np.ndarray]] = {}
    for node in graph.nodes:
        largest, slope = node.primitive.slope_bound, node.primitive.slope
        if node.name in names and largest is not None and slope is not None:
            xs = [getattr(arg, "value", arg) for arg in node.args]
            slopes.setdefault(str(node.name), []).append(np.ravel(slope(node.value, *xs)) / largest)
    return {name: float(np.mean(np.concatenate(found) < SATURATED)) for name, found in slopes.items()}


def _routes(graph: Graph) -> dict[str, float]:
    """The split at the first state that is given rather than computed; the cell's memory if there is one."""
    states = carried_nodes(graph.nodes)
    starts = [node for node in graph.nodes if node.serial in states and node.is_leaf and step_of(node.scope) == 0]
    if not starts:
        return {}
    parts = route_parts(graph, starts[-1])
    whole = np.ravel(sum(parts.values()))
    size = float(whole @ whole)
    return {way: float(np.ravel(part) @ whole) / size for way, part in parts.items()} if 0 < size < inf else {}


def finite(value: Any) -> Any:
    """The same with None for inf and nan, which JSON does not have, and ten digits, which all platforms share."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if not isinstance(value, float):
        return value
    return float(f"{value:.10g}") if isfinite(value) else None
