"""The value of a formula: on arrays, on fractions, on integers modulo a prime, on SymPy scalars.

One walk serves all of them: NumPy's arithmetic works on arrays of any numbers, see `fields`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import FormulaError
from ..lazy import sympy
from .dims import in_numbers
from .term import Term
from .traversal import subterms

__all__ = ["FLOATS", "FRACTIONS", "SYMPY", "Field", "Modular", "evaluate", "integers_modulo"]


@dataclass(frozen=True)
class Field:
    """Numbers of one kind.

    Attributes
    ----------
    name : str
    number : callable
        A `Fraction` as such a number.
    functions : mapping
        Those of `minigrad.symbolic.terms.entries.FUNCTIONS`, and ``softmax``, that these numbers have, on arrays.
    power : callable
        ``power(array, Fraction)``.
    dtype
        Of arrays of these numbers.
    """

    name: str
    number: Callable[[Fraction], Any]
    functions: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    power: Callable[[Any, Fraction], Any] = lambda x, n: x ** int(n)
    dtype: Any = object


def _sigmoid(x: Any) -> Any:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _softmax(x: Any) -> Any:
    weights = np.exp(x - x.max())
    return weights / weights.sum()


FLOATS = Field(
    "floats",
    float,
    {
        "tanh": np.tanh,
        "sigmoid": _sigmoid,
        "exp": np.exp,
        "log": np.log,
        "relu": lambda x: np.maximum(x, 0.0),
        "positive": lambda x: np.where(x > 0, 1.0, 0.0),
        "softmax": _softmax,
    },
    lambda x, n: x ** float(n),
    np.float64,
)


def _exact_power(x: Any, n: Fraction) -> Any:
    if n.denominator != 1:
        raise FormulaError(f"a root, the power {n}, is no fraction; evaluate on floats or on SymPy scalars")
    return x ** int(n)


FRACTIONS = Field("fractions", lambda value: value, power=_exact_power)


def integers_modulo(prime: int) -> Field:
    """The field of integers modulo a prime; arrays hold plain ints, taken modulo the prime after every step."""

    def number(value: Fraction) -> int:
        return value.numerator * pow(value.denominator, -1, prime) % prime

    def power(x: Any, n: Fraction) -> Any:
        if n.denominator != 1:
            raise FormulaError(f"a root, the power {n}, is not unique modulo a prime")
        return np.vectorize(lambda entry: pow(int(entry), int(n), prime), otypes=[object])(x)

    return Modular(f"integers modulo {prime}", number, power=power, prime=prime)


@dataclass(frozen=True)
class Modular(Field):
    """Reduces every intermediate result, so that numbers stay small."""

    prime: int = 0


def _sympy_power(x: Any, n: Fraction) -> Any:
    return x ** sympy.Rational(n.numerator, n.denominator)


def _entrywise(apply: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: np.vectorize(apply, otypes=[object])(x)


def _sympy_softmax(x: Any) -> Any:
    weights = _entrywise(lambda entry: sympy.exp(entry))(x)
    return weights / weights.sum()


SYMPY = Field(
    "SymPy scalars",
    lambda value: sympy.Rational(value.numerator, value.denominator),
    {
        "tanh": _entrywise(lambda entry: sympy.tanh(entry)),
        "sigmoid": _entrywise(lambda entry: 1 / (1 + sympy.exp(-entry))),
        "exp": _entrywise(lambda entry: sympy.exp(entry)),
        "log": _entrywise(lambda entry: sympy.log(entry)),
        "relu": _entrywise(lambda entry: sympy.Max(entry, 0)),
        "positive": _entrywise(lambda entry: sympy.Piecewise((1, entry > 0), (0, True))),
        "softmax": _sympy_softmax,
    },
    _sympy_power,
)


def evaluate(
    term: Term,
    values: Mapping[Any, Any],
    numbers: Field = FLOATS,
    *,
    sizes: Mapping[str, int] | None = None,
) -> Any:
    """The value of a formula.

    Parameters
    ----------
    term : Term
        The formula.
    values : mapping
        Arrays for symbols, by their key (``"W"``, ``"h_prev"``, ``"h_3"``) or by the term itself. A named
        value that is given is used; one that is not is computed from its definition.
    numbers : Field
        What kind of numbers the arrays hold; functions that it lacks may only occur inside named values
        that are given.
    sizes : mapping, optional
        Numbers for names of sizes, where they cannot be told from the values' shapes.

    Returns
    -------
    array
        Of the formula's shape, with numbers in the place of names of sizes.

    Raises
    ------
    FormulaError
        If a value or a size is missing, or the numbers lack a function.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> h = mg.symbol("h", ("n",)).value
    >>> evaluate(1 - h * h, {"h": np.array([0.5, 2.0])})
    array([ 0.75, -3.  ])
    """
    worker = _Evaluation(values, numbers, dict(sizes or {}))
    return worker.run(term)


class _Evaluation:
    """One evaluation: the values known so far, and the sizes that they reveal."""

    def __init__(self, values: Mapping[Any, Any], numbers: Field, sizes: dict[str, int]) -> None:
        self.values = values
        self.numbers = numbers
        self.sizes = sizes
        self.results: dict[Term, Any] = {}

    def run(self, term: Term) -> Any:
        """Parts first; a given value is not looked into."""
        order = list(subterms([term], self._inside))
        for part in order:
            given = self._given(part)
            if given is not None:
                self._learn_sizes(part, given)
                self.results[part] = given
        for part in order:
            if part not in self.results:
                value = self._value(part, *(self.results[arg] for arg in part.args))
                self.results[part] = self._reduced(value)
        return self.results[term]

    def _inside(self, term: Term) -> tuple[Term, ...]:
        return () if self._given(term) is not None else term.args

    def _given(self, term: Term) -> Any:
        found = self.values.get(term)
        if found is None and term.kind in ("symbol", "named"):
            found = self.values.get(term.label.key)
        return None if found is None else np.asarray(found, self.numbers.dtype)

    def _learn_sizes(self, term: Term, value: Any) -> None:
        if value.ndim != term.ndim:
            raise FormulaError(f"{term} has the shape {term.shape}, but an array of shape {value.shape} was given")
        for name, size in zip(term.shape, value.shape, strict=True):
            if self.sizes.setdefault(name, size) != size or (isinstance(name, int) and name != size):
                raise FormulaError(f"{term} has the shape {term.shape} with {self.sizes}, but got {value.shape}")

    def _reduced(self, value: Any) -> Any:
        return value % self.numbers.prime if isinstance(self.numbers, Modular) else value

    def _size(self, name: Any) -> int:
        return in_numbers(name, self.sizes)

    def _full(self, value: Any, shape: tuple[Any, ...]) -> Any:
        return np.full(tuple(map(self._size, shape)), self.numbers.number(Fraction(value)), self.numbers.dtype)

    def _value(self, term: Term, *args: Any) -> Any:
        method = getattr(self, f"_{term.kind}", None)
        if method is None:
            raise FormulaError(f"{term} cannot be evaluated: give a value for its symbols and ends ({term.kind})")
        return method(term, *args)

    def _symbol(self, term: Term) -> Any:
        raise FormulaError(f"no value for {term}; pass one under the key {term.label.key!r}")

    def _named(self, term: Term, definition: Any) -> Any:
        return definition

    def _ones(self, term: Term) -> Any:
        return self._full(1, term.shape)

    def _zero(self, term: Term) -> Any:
        return self._full(0, term.shape)

    def _identity(self, term: Term) -> Any:
        return self._matrix_diagonal(self._full(1, term.shape[:1]))

    def _basis(self, term: Term) -> Any:
        vector = self._full(0, term.shape)
        vector[term.data] = self.numbers.number(Fraction(1))
        return vector

    def _scale(self, term: Term, *args: Any) -> Any:
        value = args[-1] if len(args) == 1 else args[0] * args[1]
        return value * self.numbers.number(Fraction(term.data))

    def _add(self, term: Term, *args: Any) -> Any:
        return sum(args[1:], args[0])

    def _hadamard(self, term: Term, *args: Any) -> Any:
        result = None
        for base, exponent in zip(args, term.data, strict=True):
            factor = base if exponent == 1 else self.numbers.power(base, exponent)
            result = factor if result is None else self._reduced(result * factor)
        return result

    def _product(self, term: Term, *args: Any) -> Any:
        result = args[-1]
        for matrix in reversed(args[:-1]):
            result = self._reduced(matrix @ result)
        return result

    def _transpose(self, term: Term, x: Any) -> Any:
        return x.T

    def _matrix_diagonal(self, v: Any) -> Any:
        matrix = np.full((len(v), len(v)), self.numbers.number(Fraction(0)), self.numbers.dtype)
        np.fill_diagonal(matrix, v)
        return matrix

    def _diag(self, term: Term, v: Any) -> Any:
        return self._matrix_diagonal(v)

    def _outer(self, term: Term, u: Any, v: Any) -> Any:
        return u[:, None] * v

    def _total(self, term: Term, x: Any) -> Any:
        return np.asarray(x.sum(), self.numbers.dtype)

    def _function(self, term: Term, x: Any) -> Any:
        return self._apply(term.data, x)

    def _softmax(self, term: Term, x: Any) -> Any:
        return self._apply("softmax", x)

    def _apply(self, name: str, x: Any) -> Any:
        if name not in self.numbers.functions:
            raise FormulaError(f"{self.numbers.name} have no {name}; give a value for what it is part of")
        return np.asarray(self.numbers.functions[name](x), self.numbers.dtype)

    def _stack(self, term: Term, *rows: Any) -> Any:
        return np.stack(rows)

    _entries = _stack

    def _concat(self, term: Term, *parts: Any) -> Any:
        return np.concatenate(parts)

    def _block(self, term: Term, *cells: Any) -> Any:
        columns = term.data[1]
        return np.block([list(cells[i : i + columns]) for i in range(0, len(cells), columns)])

    def _entry(self, term: Term, v: Any) -> Any:
        return np.asarray(v[term.data], self.numbers.dtype)

    def _row(self, term: Term, x: Any) -> Any:
        return x[term.data]

    def _slice(self, term: Term, v: Any) -> Any:
        start, stop = term.data
        return v[self._size(start) : self._size(stop)]

    def _norm(self, term: Term, x: Any) -> Any:
        return np.asarray(np.linalg.norm(x, 2))

    def _row_sums(self, term: Term, x: Any) -> Any:
        return np.asarray(np.abs(x).sum(1).max(initial=0.0))

    def _largest(self, term: Term, x: Any) -> Any:
        return np.asarray(np.abs(x).max(initial=0.0))
