"""Measurements of gradient flow: numbers only, without pictures."""

from .attribution import dependency_norms, flow_norms, gates_of, lag_parts, route_parts
from .diagnosis import Diagnosis, diagnose
from .jacobians import LagNorms, lag_norms, step_jacobians
from .weights import diagnose_net, weight_findings

__all__ = [
    "Diagnosis",
    "LagNorms",
    "dependency_norms",
    "diagnose",
    "diagnose_net",
    "flow_norms",
    "gates_of",
    "lag_norms",
    "lag_parts",
    "route_parts",
    "step_jacobians",
    "weight_findings",
]
