"""Entries of vectors, and functions of entries: all of it passes through sums and entrywise products."""

from typing import Any

from ..errors import FormulaError
from .arithmetic import ONE, add, ones, power, scale, split, times, zero
from .term import Term, make

__all__ = ["FUNCTIONS", "entry", "function", "place", "softmax"]

#: Functions that a formula may hold; `positive` is 1 where its argument is above 0, else 0: relu'.
FUNCTIONS = ("tanh", "sigmoid", "exp", "log", "relu", "positive")

#: Inverse pairs.
_UNDONE = {("exp", "log"), ("log", "exp")}

#: Of which functions the outer one changes nothing: relu(relu(x)) = relu(x), also at the kink.
_ABSORBED = {("relu", "relu"), ("relu", "positive"), ("relu", "exp"), ("relu", "sigmoid"), ("positive", "positive")}


def function(name: str, x: Term) -> Term:
    """A function of every entry.

    Raises
    ------
    FormulaError
        If the function is not known.
    """
    if name not in FUNCTIONS:
        raise FormulaError(f"no function {name!r} in formulas; there are {', '.join(FUNCTIONS)}")
    if x.kind == "function" and (name, x.data) in _UNDONE:
        return x.args[0]
    if x.kind == "function" and (name, x.data) in _ABSORBED:
        return x
    if x.kind == "function" and (name, x.data) == ("positive", "relu"):
        return function("positive", x.args[0])
    if x.kind == "zero" and name in ("tanh", "relu", "positive"):
        return x
    if x.kind == "zero" and name == "exp":
        return ones(x.shape)
    if x.kind == "ones" and name == "log":
        return zero(x.shape)
    return make("function", (x,), name, x.shape)


def softmax(x: Term) -> Term:
    """``exp(x) / 1ᵀ exp(x)`` of a vector."""
    return make("softmax", (x,), None, x.shape)


def place(i: int, size: Any, what: str) -> int:
    """The number of an entry or a row, counted from the start.

    Raises
    ------
    IndexError
        If there are not so many.
    FormulaError
        If it is counted from the end of an axis whose length is a name.
    """
    if isinstance(size, int) and not -size <= i < size:
        raise IndexError(f"{what} of {size}; use 0 to {size - 1}")
    if not isinstance(size, int) and i < 0:
        raise FormulaError(
            f"{what} of {size} has no number of its own; count from the start, or let {size} be a number"
        )
    return i % size if isinstance(size, int) else i


def entry(vector: Term, i: int) -> Term:
    """Entry number i of a vector, counted from 0."""
    i = place(i, vector.shape[0], f"entry {i} of a vector")
    coefficient, scalar, body = split(vector)
    return scale(coefficient, ONE, times([scalar, _entry(body, i)]))


def _entry(body: Term, i: int) -> Term:
    kind = body.kind
    if kind in ("ones", "zero"):
        return make(kind)
    if kind == "add":
        return add([entry(part, i) for part in body.args])
    if kind == "hadamard":
        return times([power(entry(base, i), e) for base, e in zip(body.args, body.data, strict=True)])
    if kind == "function":
        return function(body.data, entry(body.args[0], i))
    if kind == "entries":
        return body.args[i]
    if kind == "basis":
        return ONE if body.data == i else zero()
    if kind == "concat":
        return _entry_of_concat(body, i)
    return make("entry", (body,), i)


def _entry_of_concat(body: Term, i: int) -> Any:
    start = i
    for part in body.args:
        size = part.shape[0]
        if not isinstance(size, int):
            break
        if start < size:
            return entry(part, start)
        start -= size
    return make("entry", (body,), i)
