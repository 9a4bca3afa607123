"""Measurements of gradient flow: numbers only, without pictures."""

from typing import Any

import numpy as np

from minigrad import Graph

from ..cell import Layer
from .attribution import dependency_norms, flow_norms, gates_of, lag_parts, route_parts
from .diagnosis import Diagnosis, diagnose_numbers
from .jacobians import LagNorms, lag_norms, measured_lags, step_jacobians
from .weights import diagnose_net, weight_findings

__all__ = [
    "Diagnosis",
    "LagNorms",
    "dependency_norms",
    "diagnose",
    "diagnose_net",
    "diagnose_numbers",
    "flow_norms",
    "gates_of",
    "lag_norms",
    "lag_parts",
    "measured_lags",
    "route_parts",
    "step_jacobians",
    "weight_findings",
]


def diagnose(
    net: Layer | LagNorms,
    params: dict[str, Any] | Graph | None = None,
    xs: Any = None,
    *,
    graph: Graph | None = None,
    bound: np.ndarray | None = None,
) -> dict[str, Diagnosis] | Diagnosis:
    """The diagnosis of a net, or of norms that were measured before.

    Parameters
    ----------
    net : Layer or LagNorms
        A cell or a net of cells, as in `diagnose_net`; or norms over the lag, as in `diagnose_numbers`.
    params : dict, or Graph
        The net's parameters; for norms, the graph of a scalar loss.
    xs : (T, ..., D)
        The net's inputs; for norms, the bound over the lags.
    graph, bound
        For norms, the same by name.

    Returns
    -------
    dict of str to Diagnosis, or Diagnosis
        Of a net by the places of its cells, ``""`` for a single one; of norms the one.

    Examples
    --------
    >>> from cells import RNN
    >>> cell = RNN(1, 1)
    >>> params = {"U": np.zeros((1, 1)), "W": np.array([[0.5]]), "b": np.zeros(1)}
    >>> diagnose(cell, params, np.zeros((3, 1)))[""].half_life
    1.0
    """
    if isinstance(net, LagNorms):
        return diagnose_numbers(net, params if graph is None else graph, xs if bound is None else bound)  # type: ignore[arg-type]
    return diagnose_net(net, params, xs)  # type: ignore[arg-type]
