"""Every primitive: its value and its rules side by side, one file for each family.

From easy to hard: `arithmetic`, `elementwise`, `selection`, `shape`, `reductions`, `linalg`, `indexing`.
"""

from .arithmetic import add, divide, multiply, negative, power, stop_gradient, subtract
from .elementwise import exp, log, relu, sigmoid, sqrt, tanh
from .indexing import getitem, pick, take
from .linalg import linear, matmul, outer
from .reductions import log_softmax, mean, softmax, sum
from .selection import absolute, maximum, minimum, where
from .shape import broadcast_to, concatenate, reshape, shape_of, stack, transpose

__all__ = [
    "absolute",
    "add",
    "broadcast_to",
    "concatenate",
    "divide",
    "exp",
    "getitem",
    "linear",
    "log",
    "log_softmax",
    "matmul",
    "maximum",
    "mean",
    "minimum",
    "multiply",
    "negative",
    "outer",
    "pick",
    "power",
    "relu",
    "reshape",
    "shape_of",
    "sigmoid",
    "softmax",
    "sqrt",
    "stack",
    "stop_gradient",
    "subtract",
    "sum",
    "take",
    "tanh",
    "transpose",
    "where",
]
