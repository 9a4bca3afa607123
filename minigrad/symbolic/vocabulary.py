"""What the letters of a derivation mean as terms, and the normal form in which two formulas are compared."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from .derivation import Derivation
from .errors import FormulaError
from .evaluate import evaluate as evaluate_term
from .expressions import Expression
from .interpret import Algebra, evaluate
from .labels import NEXT, NOW, PREVIOUS, Index, Label
from .limits import Size, check_size
from .monomials import ONE, number, ones, power, scale
from .normal import normal_form
from .pieces import function, softmax
from .products import identity, inner, outer, product, total, transpose
from .ranges import sum_over
from .rebuild import at_time, rebuild
from .sums import add, diag
from .symbols import symbol_term
from .terms import Term
from .walk import fold, subterms

__all__ = ["TooLargeError", "Vocabulary"]

#: A formula that a person writes has some tens of monomials; past this many, deciding is given up.
MAX_MONOMIALS = 5000


#: Lengths for trying formulas on numbers.
_LENGTHS = {"H": 2, "D": 3, "K": 4}


class TooLargeError(FormulaError):
    """A formula with too many monomials to be multiplied out."""


class _Terms:
    """Formulas as terms."""

    def number(self, value: Fraction) -> Term:
        return number(value)

    def power(self, x: Term, n: int) -> Term:
        return power(x, n)

    def binary(self, operator: str, a: Term, b: Term) -> Term:
        match operator:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
            case "/":
                return a / b
            case _:
                return product(a, b) if a.ndim == 2 else inner(a, b)

    def call(self, function_name: str, *args: Term) -> Term:
        match function_name:
            case "diag":
                return diag(args[0])
            case "outer":
                return outer(*args)
            case "transpose":
                return transpose(args[0])
            case "sum":
                return total(args[0])
            case "softmax":
                return softmax(args[0])
            case "sqrt":
                return power(args[0], Fraction(1, 2))
            case _:
                return function(function_name, args[0])

    def filled(self, function_name: str, size: Any) -> Term:
        return ones((size,)) if function_name == "ones" else identity(size)


TERMS: Algebra = _Terms()


class Vocabulary:
    """The letters of one derivation, and the names that its lines define.

    Attributes
    ----------
    derivation : Derivation
    definitions : dict of str to Expression
        Names that earlier lines gave to formulas; see `define`.
    """

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.definitions: dict[str, Expression] = {}
        self._defined: dict[str, Term] = {}
        self._sizes: dict[str, Size] = {}
        self._true_adjoints: dict[Term, Term] | None = None

    # -- reading ---------------------------------------------------------------------------------

    def read(self, formula: Expression) -> Term:
        """A parsed formula as a term.

        Raises
        ------
        FormulaError
            If a name is not known or shapes do not fit.
        """
        check_size(formula, self._sizes)
        return evaluate(formula, TERMS, self.letter, self.size, self._sum_over_time)

    def define(self, name: str, formula: Expression) -> None:
        """Give a name to a formula, for the lines that follow.

        Raises
        ------
        FormulaError
            If the name is taken, or the formula cannot be read.
        """
        if name in self.definitions:
            raise FormulaError(f"{name!r} at column 1 is defined already; give this another name")
        if name == "E":
            raise FormulaError("'E' at column 1 is the loss; choose another name, or write d_q for ∂E/∂q")
        target = name[1:]
        if name[0] == "d" and target in self.derivation.values:
            raise FormulaError(
                f"{name!r} at column 1 would be a new name, not a statement; write d_{target} for ∂E/∂{target}, "
                f"d{target}/d… for a Jacobian, or choose another name"
            )
        term, size = self.read(formula), check_size(formula, self._sizes)
        self.definitions[name], self._defined[name], self._sizes[name] = formula, term, size

    def _sum_over_time(self, formula: Expression) -> Term:
        return sum_over(self.read(formula), "t", Index("", 1), Index("T"))

    def letter(self, name: str) -> Term:
        """A name as a term: ``h``, ``h_prev``, ``f_next``, ``W``, ``d_a``, ``d_a_next``, or one defined before."""
        found = self._found(name)
        if found is not None:
            return found
        raise FormulaError(f"the letter {name!r} is not known here; there are: {', '.join(self.letters())}")

    def _found(self, name: str) -> Term | None:
        found = self._now(name)
        for suffix, time in (("_next", NEXT), ("_prev", PREVIOUS)):
            stem = self._now(name.removesuffix(suffix)) if found is None and name.endswith(suffix) else None
            if stem is not None:
                return at_time(stem, "t", time)
        return found

    def _now(self, name: str) -> Term | None:
        derivation = self.derivation
        if name in self._defined:
            return self._defined[name]
        key = {"c_readout": "readout.c"}.get(name, name)
        if key in derivation.values:
            return derivation.values[key]
        if name == "epsilon" and derivation.readout is None:
            return symbol_term(Label("epsilon", NOW), derivation.values[derivation.step.output].shape)
        if name == "d_logits" and derivation.readout is not None:
            return derivation.readout.error
        if name.startswith("d_") and name[2:] in self.adjoints:
            return derivation.step.seed(name[2:])
        return None

    def letters(self) -> list[str]:
        """The names that formulas may use."""
        own = [key.replace("readout.c", "c_readout") for key in self.derivation.values]
        return [*own, *(f"d_{key}" for key in self.adjoints), *self.definitions]

    @property
    def adjoints(self) -> dict[str, Term]:
        """The recurrences of the adjoints; none for a cell that reads all of its earlier states."""
        return {} if self.derivation.step.remembers() else self.derivation.adjoints

    def size(self, name: str) -> Any:
        """The length that a name stands for: ``H``, ``D``, ``K``, or that of a letter."""
        sizes = {str(size): size for value in self.derivation.values.values() for size in value.shape}
        if name in sizes:
            return sizes[name]
        shape = self.letter(name).shape
        if len(shape) != 1:
            raise FormulaError(f"{name!r} is no length; write H, or a vector of that length")
        return shape[0]

    # -- what is true ----------------------------------------------------------------------------

    def expected(self, of: str | None, by: str) -> Term | None:
        """The engine's own formula for a target; None for a name that the cell does not have.

        Raises
        ------
        FormulaError
            If a Jacobian or an adjoint of something unknown is asked for.
        """
        derivation = self.derivation
        if of is None:
            found = None if by in self.definitions else self._found(by)
            return None if found is None else (found.args[0] if found.kind == "named" else found)
        if of != "E":
            return derivation.jacobian(of, by)
        key = {"c_readout": "readout.c"}.get(by, by)
        if key in self.adjoints:
            return derivation.adjoints[key]
        if key in derivation.gradients:
            return derivation.gradients[key]
        if key == "logits" and derivation.readout is not None:
            return derivation.readout.error
        if key.removesuffix("_prev") in self.adjoints and key in derivation.step.values:
            return at_time(self.adjoints[key.removesuffix("_prev")], "t", PREVIOUS)
        if key in derivation.step.values:
            return self.sent_back(key)
        raise FormulaError(f"there is no {by!r} to differentiate by; there are: {', '.join(self.letters())}")

    def sent_back(self, key: str) -> Term:
        """What step t alone sends back into a value: Σ (∂u/∂value)ᵀ δu over what the step makes of it."""
        step = self.derivation.step
        locals_of = {u: step.local(u, key) for u in step.pulls}
        return add([product(transpose(local), step.seed(u)) for u, local in locals_of.items() if local is not None])

    # -- comparing -------------------------------------------------------------------------------

    def same(self, a: Term, b: Term, overrides: Mapping[str, Term] | None = None) -> bool:
        """Whether two formulas multiply out to the same: a proof of equality for all sizes and values.

        Names are replaced by their definitions, and adjoints by their recurrences, until only parameters,
        inputs, the state before and the adjoints of the next step's state are left. False proves
        nothing: a relation between functions, such as σ(2x) = (1 + tanh x)/2, is not seen.

        Parameters
        ----------
        a, b : Term
        overrides : mapping, optional
            Formulas to take for some adjoints in the place of the true ones.

        Raises
        ------
        TooLargeError
            If there are too many monomials to multiply out.
        """
        if a.shape != b.shape:
            return False
        difference = add([a, scale(-1, ONE, b)])
        _check_size(difference)
        if not _differs_somewhere(difference) and normal_form(difference).kind == "zero":
            return True
        opened = self.open(difference, self._known(overrides))
        if _differs_somewhere(opened):
            return False
        _check_size(opened)
        return normal_form(opened).kind == "zero"

    def open(self, term: Term, known: Mapping[Term, Term]) -> Term:
        """A formula with names replaced by their definitions and adjoints by what is known of them."""

        def rule(part: Term, *args: Term) -> Term:
            return args[0] if part.kind == "named" else rebuild(part, args)

        return fold(term, rule, inside=lambda part: part.args, known=known)

    def _known(self, overrides: Mapping[str, Term] | None) -> dict[Term, Term]:
        """As `_adjoints`; the true ones are worked out once."""
        if overrides:
            return self._adjoints(overrides)
        if self._true_adjoints is None:
            self._true_adjoints = self._adjoints({})
        return self._true_adjoints

    def _adjoints(self, overrides: Mapping[str, Term]) -> dict[Term, Term]:
        """What to put for the adjoint of every value, at this step and at the next."""
        derivation = self.derivation
        if derivation.step.remembers():
            return {}
        recurrences = self.adjoints | dict(overrides)
        carried = derivation.step.carried()
        within = self._assumptions()
        for key, formula in recurrences.items():
            if key not in carried:
                within[derivation.step.seed(key)] = self.open(formula, within)
        found = self._assumptions()
        for key in recurrences:
            seed = derivation.step.seed(key)
            if key not in carried:
                found[at_time(seed, "t", NEXT)] = self.open(at_time(within[seed], "t", NEXT), found)
        for key, formula in recurrences.items():
            found[derivation.step.seed(key)] = self.open(formula, found)
        return found

    def _assumptions(self) -> dict[Term, Term]:
        """Targets sum to 1, the one thing that is assumed of them; and the state before step t+1 is that of step t."""
        step, readout = self.derivation.step, self.derivation.readout
        known = {} if readout is None else {total(readout.values["y"]): ONE}
        for key in step.carried():
            state = step.term(key)
            known[symbol_term(state.label, state.shape)] = self.open(state, {})
        return known


def _differs_somewhere(difference: Term) -> bool:
    """Whether a formula is not 0 where all its symbols have random values: then its normal form is not 0 either.

    Far quicker than the normal form, and nearly always enough where two formulas differ. A sum over time is
    compared summand by summand, as the normal form does.
    """
    summand = fold(difference, lambda part, *parts: parts[0] if part.kind == "sum_over" else rebuild(part, parts))
    rng = np.random.default_rng(0)
    values = {}
    for part in subterms([summand]):
        if part.kind in ("symbol", "named"):
            shape = tuple(size if isinstance(size, int) else _LENGTHS[str(size)] for size in part.shape)
            values[part] = rng.uniform(-0.75, 0.75, shape)
    with np.errstate(all="ignore"):
        found = evaluate_term(summand, values, sizes=_LENGTHS)
    return bool(np.isfinite(found).all() and np.max(np.abs(found), initial=0.0) > 1e-8)


def _check_size(term: Term) -> None:
    """Refuse to multiply out what would not end."""
    for part in subterms([term]):
        if part is term or part.kind in ("function", "softmax"):
            monomials = fold(part if part is term else part.args[0], _count)
            if monomials > MAX_MONOMIALS:
                raise TooLargeError(f"multiplied out, this has more than {MAX_MONOMIALS} terms; check smaller parts")


def _count(part: Term, *counts: int) -> int:
    """At most how many monomials a part has when it is multiplied out; past the limit, any larger number."""
    if part.kind == "add":
        return min(sum(counts), MAX_MONOMIALS + 1)
    if part.kind in ("function", "softmax"):
        return 1
    exponents = part.data if part.kind == "hadamard" else (Fraction(1),) * len(counts)
    found = 1
    for count, exponent in zip(counts, exponents, strict=True):
        times = int(exponent) if exponent > 0 and exponent.denominator == 1 and count > 1 else 0
        found *= count ** min(times, MAX_MONOMIALS.bit_length())
    return min(found, MAX_MONOMIALS + 1)
