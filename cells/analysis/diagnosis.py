"""What the numbers mean: the same findings in sentences and as numbers for other programs."""

from dataclasses import asdict, dataclass
from html import escape
from json import dumps
from math import inf, isfinite, log
from typing import Any

import numpy as np

from minigrad import Graph
from minigrad.context import step_of

from .attribution import gates_of, route_parts
from .jacobians import LagNorms
from .structure import carried_nodes

__all__ = ["Diagnosis", "diagnose", "finite", "rate_per_step", "saturation"]

#: Below this a change at step k makes no difference that training could notice.
LOST = 1e-6
#: A gate whose local slope is below this part of the largest one passes next to nothing.
SATURATED = 0.1
#: A change by less than this part is none: a norm stands still, and a share is the whole.
STILL = 0.005
#: Of the activations that gates have.
_LARGEST_SLOPE = {"tanh": 1.0, "sigmoid": 0.25}


@dataclass(frozen=True)
class Diagnosis:
    """How a gradient fares on its way back through time.

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

    def json(self) -> str:
        """As JSON; inf and nan, which JSON does not have, become null."""
        return dumps(finite(asdict(self)), indent=2, ensure_ascii=False) + "\n"

    def sentences(self) -> list[str]:
        """For readers."""
        if not isfinite(self.final_norm):
            return ["The gradient overflows: its norm is not a finite number."]
        if self.final_norm == 0:
            gone = f"It falls below {LOST:g} at lag {self.lost_at}, and at lag {self.steps} nothing is left"
            return [f"{gone}: the norm of the Jacobian is exactly 0.", *self._on_gates(), *self._on_routes()]
        said = [
            f"Over {self.steps} steps the norm of the Jacobian goes from 1 to {self.final_norm:.3g}: "
            f"a factor of {self.rate_per_step:.3g} per step, {self._speed()}."
        ]
        if self.lost_at is not None:
            said.append(f"It falls below {LOST:g} at lag {self.lost_at}.")
        if self.largest_at not in (0, self.steps):
            said.append(f"It is largest at lag {self.largest_at}, with {self.largest_norm:.3g}.")
        if self.bound == inf:
            said.append(f"The proved bound at lag {self.steps} is too large for a floating-point number.")
        elif self.bound is not None:
            times = self.bound / self.final_norm
            said.append(f"The proved bound at lag {self.steps} is {self.bound:.3g}, {times:.3g} times as large.")
        return [*said, *self._on_gates(), *self._on_routes()]

    def _repr_html_(self) -> str:
        """For a notebook: the sentences as a list."""
        return f"<ul>{''.join(f'<li>{escape(said)}</li>' for said in self.sentences())}</ul>"

    def _speed(self) -> str:
        if self.half_life is not None:
            return f"so it halves every {self.half_life:.3g} steps"
        if self.rate_per_step > 1 + STILL:
            return f"so it doubles every {log(2) / log(self.rate_per_step):.3g} steps"
        return "so it neither fades nor grows"

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


def diagnose(lags: LagNorms, graph: Graph | None = None, bound: np.ndarray | None = None) -> Diagnosis:
    """Put a net's numbers together.

    Parameters
    ----------
    lags : LagNorms
        ‖∂s_T/∂s_k‖ over the lag.
    graph : Graph, optional
        Of a scalar loss, for the gates and the routes.
    bound : (T + 1,), optional
        Proved, over the lags.

    Returns
    -------
    Diagnosis
        With ``sentences()`` for readers and ``json()`` for programs.
    """
    norms = lags.measured
    rate = rate_per_step(norms)
    lost = np.flatnonzero(norms < LOST)
    known = np.where(np.isfinite(norms), norms, -1.0)
    return Diagnosis(
        steps=len(norms) - 1,
        final_norm=float(norms[-1]) if np.isfinite(norms).all() else float("nan"),
        rate_per_step=rate,
        half_life=log(0.5) / log(rate) if 0 < rate < 1 - STILL else None,
        lost_at=int(lost[0]) if len(lost) else None,
        largest_at=int(np.argmax(known)),
        largest_norm=float(known.max()),
        bound=None if bound is None else float(bound[-1]),
        saturated={} if graph is None else saturation(graph),
        routes={} if graph is None else _routes(graph),
    )


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
        largest, slope = _LARGEST_SLOPE.get(node.primitive.name), node.primitive.slope
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
    return {way: float(np.ravel(part) @ whole) / size for way, part in parts.items()} if size > 0 else {}


def finite(value: Any) -> Any:
    """The same with None for inf and nan, which JSON does not have, and ten digits, which all platforms share."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if not isinstance(value, float):
        return value
    return float(f"{value:.10g}") if isfinite(value) else None
