"""Random functions built from primitives, for property tests.

An `Expression` is a straight-line program over its arguments; it prints as the lines one would write,
so that a failing example can be read and copied.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import primitives as p

__all__ = ["BINARY", "POLYNOMIAL", "UNARY", "Expression", "Line"]

#: Operations on one value that keep it finite and are smooth wherever the strategies put it.
UNARY: dict[str, Callable[..., Any]] = {
    "negative": p.negative,
    "tanh": p.tanh,
    "sigmoid": p.sigmoid,
    "exp": p.exp,
    "log": p.log,
    "sqrt": p.sqrt,
    "relu": p.relu,
    "softmax": p.softmax,
    "log_softmax": p.log_softmax,
    "power": p.power,
    "sum": p.sum,
    "mean": p.mean,
    "reshape": p.reshape,
    "transpose": p.transpose,
    "broadcast_to": p.broadcast_to,
    "getitem": p.getitem,
    "take": p.take,
}

#: Operations on two values whose shapes broadcast, or that fit as the operation wants.
BINARY: dict[str, Callable[..., Any]] = {
    "add": p.add,
    "subtract": p.subtract,
    "multiply": p.multiply,
    "divide": p.divide,
    "power": p.power,
    "maximum": p.maximum,
    "minimum": p.minimum,
    "where": lambda a, b, mask: p.where(mask, a, b),
    "linear": p.linear,
    "outer": p.outer,
    "matmul": p.matmul,
    "concatenate": lambda a, b, axis: p.concatenate([a, b], axis),
    "stack": lambda a, b, axis: p.stack([a, b], axis),
}

#: Those among them that make polynomials with whole coefficients, exact in rational arithmetic.
POLYNOMIAL = frozenset({*UNARY, *BINARY}) - {
    *("tanh", "sigmoid", "exp", "log", "sqrt", "relu", "softmax", "log_softmax", "mean"),
    *("power", "divide", "maximum", "minimum"),
}


def _written(value: Any) -> str:
    """A setting as one would type it, on one line."""
    return f"np.array({value.tolist()})" if isinstance(value, np.ndarray) else repr(value)


@dataclass(frozen=True)
class Line:
    """``v[n] = name(*operands, **params)``; operands are positions among the values so far."""

    name: str
    operands: tuple[int, ...]
    params: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        operands = [f"v[{i}]" for i in self.operands]
        settings = [f"{key}={_written(value)}" for key, value in self.params.items()]
        return f"{self.name}({', '.join(operands + settings)})"

    def run(self, values: list[Any]) -> Any:
        """The line's value."""
        table = UNARY if len(self.operands) == 1 else BINARY
        return table[self.name](*(values[i] for i in self.operands), **self.params)


@dataclass(frozen=True)
class Expression:
    """A function of some arrays, returning one scalar: the sum of all values that no line uses."""

    inputs: int
    lines: tuple[Line, ...]

    @property
    def __name__(self) -> str:
        return "expression"

    def __call__(self, *args: Any) -> Any:
        """Run the lines on arrays, Tensors or anything that primitives run on."""
        values = list(args)
        for line in self.lines:
            values.append(line.run(values))
        used = {i for line in self.lines for i in line.operands}
        unused = [p.sum(value) for i, value in enumerate(values) if i not in used]
        return sum(unused[1:], unused[0])

    def __repr__(self) -> str:
        inputs = ", ".join(f"v[{i}]" for i in range(self.inputs))
        lines = [f"    v[{self.inputs + i}] = {line}" for i, line in enumerate(self.lines)]
        return "\n".join([f"<Expression of {inputs}, summed over unused values", *lines]) + ">"

    def values(self, *args: Any) -> list[np.ndarray]:
        """The value of every line, after those of the arguments."""
        values = list(args)
        for line in self.lines:
            values.append(line.run(values))
        return values
