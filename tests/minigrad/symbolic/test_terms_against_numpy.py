"""Every operation that formulas know, on symbols: its value is NumPy's, and so is its gradient, for any sizes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.symbolic import FormulaError, Term, evaluate, normal_form
from minigrad.symbolic.terms.normal_form import related_form

_RNG = np.random.default_rng(4)
SIZES = {"m": 2, "n": 3}
SHAPES: dict[str, tuple[str | int, ...]] = {
    "s": (),
    "r": (),
    "one": (1,),
    "u": ("n",),
    "v": ("n",),
    "w": ("m",),
    "A": ("m", "n"),
    "B": ("m", "n"),
    "C": ("n", "n"),
    "line": (1, "n"),
    "column": ("m", 1),
}
VALUES = {
    name: np.array(_RNG.uniform(0.3, 1.7, tuple(size if isinstance(size, int) else SIZES[size] for size in shape)))
    for name, shape in SHAPES.items()
}

# Each function runs on terms and on arrays; its arguments are named as in SHAPES.
Function = Callable[..., Any]

OPERATIONS: dict[str, Function] = {
    "a scalar and a vector": lambda s, u: s + u,
    "a vector of one entry and a vector": lambda one, u: one * u,
    "a vector of one entry and a matrix": lambda one, A: one + A,
    "a scalar and a matrix": lambda s, A: A / s - s,
    "a vector and a matrix": lambda u, A: u + A,
    "a matrix of one row": lambda line, A: line * A,
    "a matrix of one column": lambda column, A: column * A + column,
    "powers": lambda u, s: u**3 * s**-2 + u**0 - u**1,
    "powers of zero": lambda u: u ** (0 * 2) + mg.sqrt(u),
    "functions": lambda u: mg.tanh(u) + mg.exp(u) * mg.log(u) - mg.sigmoid(u) * mg.relu(u),
    "functions that undo each other": lambda u: mg.log(mg.exp(u)) - mg.exp(mg.log(u)) * mg.relu(mg.relu(u)),
    "the larger one": lambda u, v: mg.maximum(u, v) * u + mg.maximum(1, v),
    "a choice": lambda u, v: mg.where(u > v, u * v, v) + mg.where(u < 1, 2 * u, u * u),
    "stop_gradient": lambda u, v: mg.stop_gradient(u) * v,
    "rows by a matrix": lambda A, C: mg.linear(C, A),
    "outer of matrices": lambda A, B: mg.outer(A, B),
    "inner": lambda u, v: u @ v,
    "a row by a matrix": lambda w, A: w @ A,
    "matrices": lambda A, C: A @ C @ A.T,
    "sum of a matrix": lambda A: mg.sum(A),
    "sum of a matrix, both axes kept": lambda A: mg.sum(A, keepdims=True),
    "sum of a vector, axis kept": lambda u: mg.sum(u, keepdims=True) * u,
    "sums down": lambda A: mg.sum(A, axis=0),
    "sums down, axis kept": lambda A, B: mg.sum(A, axis=0, keepdims=True) * B,
    "sums across": lambda A: mg.sum(A, axis=1),
    "sums across, axis kept": lambda A, B: mg.sum(A, axis=-1, keepdims=True) * B,
    "sum over no axis": lambda A: mg.sum(A, axis=()),
    "sum of a diagonal": lambda u, v: mg.sum(mg.outer(u, v)),
    "reshape as it is": lambda u: mg.reshape(u, u.shape),
    "a column from a vector": lambda w, A: mg.reshape(w, (*w.shape, 1)) * A,
    "a line from a vector": lambda u, A: mg.reshape(u, (1, *u.shape)) * A,
    "a vector from a line": lambda line, u: mg.reshape(line, u.shape) * u,
    "a vector from a column": lambda column, w: mg.reshape(column, w.shape) * w,
    "a scalar from a vector": lambda one, u: mg.reshape(one, ()) * u,
    "a matrix of one entry": lambda s, one: mg.reshape(s, (1, 1)) + mg.reshape(one, (1, 1)),
    "reshape a matrix as it is": lambda A: mg.reshape(A, A.shape),
    "broadcast_to": lambda u, A: mg.broadcast_to(u, A.shape) * A,
    "transpose as it is": lambda A: mg.transpose(A, (0, 1)),
    "transpose": lambda A, B: mg.transpose(mg.tanh(A) * B, (1, 0)),
    "softmax": lambda u, v: mg.softmax(u) * v,
    "softmax of a number": lambda u, v: mg.softmax(u + 2) * v,
    "log_softmax": lambda u, v: mg.log_softmax(u) * v,
    "entries": lambda u, v: u[0] * v + u[2],
    "entries of sums and products": lambda u, v, s: (s * u + mg.tanh(v) * u**2 + 3)[1],
    "entries of what is joined": lambda u, w: mg.concatenate([w, u])[1] * u,
    "entries of what is stacked": lambda s, r: mg.stack([s, r * s])[1],
    "entries of a product": lambda A, u: (A @ u)[1],
    "rows": lambda A, B: A[1] * B[0],
    "rows of sums and products": lambda A, B, s: (s * A + mg.exp(A) * B**2 - 1)[1],
    "rows of outer": lambda w, u: mg.outer(w, u)[1],
    "rows of stacked": lambda u, v: mg.stack([u * v, v])[0],
    "rows of a product": lambda A, C: (A @ C)[1],
    "rows of what is put side by side": lambda A, B: mg.concatenate([A, B], axis=1)[1],
    "the entry of a row": lambda A: A[1][2] * A[0],
    "a slice": lambda u: u[1:3] * u[0:2],
    "the slice of all": lambda u: u[:] * u,
    "a slice of sums and products": lambda u, v: (2 * u + mg.tanh(v) * u**2 + 1)[1:3],
    "a slice of a product": lambda A, C, u: (C @ u)[1:3] * u[0:2],
    "a slice of an outer product": lambda u, v: mg.outer(u, v)[1:3],
    "rows by a slice": lambda C: C[1:3] * C[0:2],
    "a slice inside what is joined": lambda u, w: mg.concatenate([w, u])[1:4],
    "a slice up to what is joined": lambda u, w: mg.concatenate([w, u])[0 : len(VALUES["w"])] * u[1:3],
    "a slice of all, then a new axis": lambda w, A: w[:, None] * A,
    "a new axis first": lambda u, A: u[None] * A,
    "columns": lambda C: C[:, 1:3] * C[:, 0:2],
    "with an ellipsis": lambda u: u[...] * u,
    "joined": lambda u, w: mg.concatenate([u, w * 2, w]) * 2,
    "one joined": lambda u: mg.concatenate([u]),
    "matrices one below the other": lambda A, C: mg.concatenate([A, C * 2], axis=0),
    "matrices side by side": lambda A, B: mg.concatenate([A, B * B], axis=1),
    "one matrix joined": lambda A: mg.concatenate([A], axis=1),
    "stacked": lambda u, v: mg.stack([u, v * u]),
    "stacked as columns": lambda u, v: mg.stack([u, v * u], axis=1),
    "scalars stacked": lambda s, r: mg.stack([s, r, s * r]),
    "rows of a product of what is put together": lambda A, C: (mg.concatenate([A, A * 2], axis=1)[1] * 2)[1],
    "blocks multiplied": lambda A, B, C: mg.concatenate([A, B], axis=1) @ mg.concatenate([C, C.T], axis=0),
}

#: For a mean the number of entries has to be known.
OF_WHOLE_SIZES: dict[str, Function] = {
    "mean of a vector": lambda u: mg.mean(u) * u,
    "mean of a matrix": lambda A: mg.mean(A) * A,
    "means down": lambda A: mg.mean(A, axis=0),
    "means across, axis kept": lambda A, B: mg.mean(A, axis=1, keepdims=True) * B,
}

#: What a gradient cannot put back in place in a formula; entries, rows and slices of vectors it can.
WITHOUT_GRADIENT = (
    "a slice of an outer product",
    "rows by a slice",
    "a slice of all, then a new axis",
    "a new axis first",
    "columns",
    "with an ellipsis",
)

CASES = [
    pytest.param(function, sized, id=f"{name}, {'whole' if sized else 'named'} sizes")
    for sized in (False, True)
    for name, function in (OPERATIONS | (OF_WHOLE_SIZES if sized else {})).items()
]


def names_of(function: Function) -> tuple[str, ...]:
    """The arguments of a function, by name."""
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def terms_for(names: tuple[str, ...], sized: bool) -> list[Term]:
    """Symbols of these names, of sizes that are names or integers."""
    return [mg.symbol(name, VALUES[name].shape if sized else SHAPES[name]).value for name in names]


def weighted(function: Function) -> Function:
    """A scalar that depends on every entry of what a function returns, differently."""

    def total(*args: Any) -> Any:
        found = function(*args)
        return mg.sum(mg.tanh(found) * found)

    return total


@pytest.mark.parametrize(("function", "sized"), CASES)
def test_formulas_have_numpys_values(function: Function, sized: bool) -> None:
    """A formula built of symbols has the value that the same lines compute on arrays, in its normal forms, too."""
    names = names_of(function)
    term = function(*terms_for(names, sized))
    expected = function(*(VALUES[one] for one in names))

    for same in (term, normal_form(term), related_form(term)):
        found = evaluate(same, VALUES, sizes=SIZES)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("function", "sized"), [case for case in CASES if not str(case.id).startswith(WITHOUT_GRADIENT)]
)
def test_gradients_of_formulas_have_the_values_of_gradients(function: Function, sized: bool) -> None:
    """The gradient with respect to every symbol, evaluated, is that of the same lines on arrays."""
    names = names_of(function)
    gradient = mg.grad(weighted(function), wrt=tuple(range(len(names))))

    for found, expected in zip(gradient(*terms_for(names, sized)), gradient(*(VALUES[n] for n in names)), strict=True):
        np.testing.assert_allclose(evaluate(found, VALUES, sizes=SIZES), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", WITHOUT_GRADIENT)
def test_gradients_without_a_formula_say_so(name: str) -> None:
    """An error names the index if a gradient would have to be put into part of a matrix, or without an axis."""
    names = names_of(OPERATIONS[name])
    with pytest.raises(FormulaError, match="formulas take entries, rows and slices; got the index"):
        mg.grad(weighted(OPERATIONS[name]))(*terms_for(names, sized=True))


REFUSED: dict[str, tuple[type[Exception], str, Function]] = {
    "sizes that differ": (ShapeError, "do not broadcast", lambda u, w: u + w),
    "fewer axes": (ShapeError, "does not broadcast", lambda A: mg.broadcast_to(A, A.shape[:1])),
    "a vector as a matrix of other rows": (ShapeError, "does not broadcast", lambda w, A: mg.broadcast_to(w, A.shape)),
    "a power that is no number": (FormulaError, "constant exponents", lambda u, v: u**v),
    "a product with a scalar": (ShapeError, r"use \* for scalars", lambda s, u: s @ u),
    "a softmax of rows": (FormulaError, "softmax of a vector", mg.softmax),
    "a mean of a named number of entries": (FormulaError, "use a sum", mg.mean),
    "reshaping to other sizes": (FormulaError, "cannot be reshaped", lambda A: mg.reshape(A, (A.shape[1], A.shape[0]))),
    "three axes": (FormulaError, "cannot be reshaped", lambda u: mg.reshape(u, (1, 1, *u.shape))),
    "an entry of a scalar": (FormulaError, "got the index 0", lambda s: s[0]),
    "a slice of a scalar": (FormulaError, "got the index slice", lambda s: s[:]),
    "every second entry": (FormulaError, "got the index", lambda u: u[::2]),
    "a list of entries": (FormulaError, "got the index", lambda u: u[[0, 1]]),
    "two columns of a vector": (FormulaError, "got the index", lambda u: u[0:2, 1]),
    "a new axis for a matrix": (FormulaError, "got the index", lambda A: A[None]),
    "a stack of matrices": (FormulaError, "stack of matrices", lambda A, B: mg.stack([A, B])),
    "a stack of other shapes": (ShapeError, "equal shapes", lambda A, u: mg.stack([A, u])),
    "an operation without a formula": (FormulaError, "no meaning in formulas yet", lambda u: mg.take(u, [0], 0)),
}
_ARGUMENTS = {mg.softmax: ("A",), mg.mean: ("A",)}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_formula_is_refused(name: str) -> None:
    """Operations without a formula raise an error that names them; no wrong formula arises."""
    error, words, function = REFUSED[name]
    with pytest.raises(error, match=words):
        function(*terms_for(_ARGUMENTS.get(function) or names_of(function), sized=False))
