"""minigrad: see, derive and check how gradients flow through recurrent nets."""

from importlib import import_module
from typing import Any

from . import errors, numpy_protocol
from .autodiff import grad, jvp, value_and_grad, vjp
from .checkpoint import checkpoint
from .context import scope
from .graph import Graph, trace
from .jacobians import hessian, hvp, jacobian
from .losses import cross_entropy
from .primitives import (
    add,
    broadcast_to,
    concatenate,
    divide,
    exp,
    linear,
    log,
    log_softmax,
    matmul,
    maximum,
    mean,
    minimum,
    multiply,
    negative,
    outer,
    power,
    relu,
    reshape,
    sigmoid,
    softmax,
    sqrt,
    stack,
    stop_gradient,
    subtract,
    sum,
    take,
    tanh,
    transpose,
    where,
)
from .tensor import Tensor, named, tensor

__all__ = [
    "Graph",
    "Tensor",
    "add",
    "broadcast_to",
    "checkpoint",
    "compile",
    "concatenate",
    "cross_entropy",
    "divide",
    "errors",
    "exp",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linear",
    "log",
    "log_softmax",
    "matmul",
    "maximum",
    "mean",
    "minimum",
    "multiply",
    "named",
    "negative",
    "numpy_protocol",
    "outer",
    "power",
    "relu",
    "reshape",
    "scope",
    "sigmoid",
    "softmax",
    "sqrt",
    "stack",
    "stop_gradient",
    "subtract",
    "sum",
    "symbol",
    "take",
    "tanh",
    "tensor",
    "trace",
    "transpose",
    "value_and_grad",
    "vjp",
    "where",
]

#: Loaded when first used, so that importing the engine costs little more than importing NumPy.
_LAZY = {
    "compile": ".compiler",
    "optim": ".optim",
    "symbol": ".symbolic.terms.symbols",
    "symbolic": ".symbolic",
    "testing": ".testing",
}
#: Those of them that are functions of their module, not the module itself.
_LAZY_FUNCTIONS = ("compile", "symbol")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("minigrad")
    if name not in _LAZY:
        raise AttributeError(f"module 'minigrad' has no attribute {name!r}")
    module = import_module(_LAZY[name], __name__)
    return getattr(module, name) if name in _LAZY_FUNCTIONS else module
