"""The lines of one derivation as terms: what is written, and what is true in its place."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..deriving.derivation import Derivation
from ..errors import FormulaError
from ..parsing.elaborate import Reading, elaborate
from ..parsing.evaluate import evaluate
from ..parsing.limits import Size, check_size
from ..parsing.names import moved, spelled, spoken, step_of, without_time
from ..parsing.syntax import Call, Expression, Line, Name, Number, outside_sums, parts, subexpressions, with_parts
from ..terms.dims import Dim
from ..terms.names import Index
from ..terms.products import sum_over
from ..terms.term import Term
from ..terms.traversal import subterms
from .context import Meanings, Targets, as_key, as_letter
from .equality import Equality
from .term_algebra import TERMS

__all__ = ["Vocabulary"]


class Vocabulary:
    """Reads the lines of one derivation and says what is true of them.

    Attributes
    ----------
    derivation : Derivation
    meanings : Meanings
        Of letters, those that lines defined among them.
    targets : Targets
        What is true of the left sides.
    """

    def __init__(
        self,
        derivation: Derivation,
        *,
        allow_epsilon: bool = True,
        numbers: Mapping[int, tuple[Any, ...]] | None = None,
    ) -> None:
        self.derivation = derivation
        self.numbers = numbers or {}
        self.allow_epsilon = allow_epsilon
        self.meanings = Meanings(derivation)
        self.targets = Targets(self.meanings)
        self._sizes: dict[str, Size] = {}
        self._equality = Equality(derivation)
        self._epsilon_is_used = False

    def settle(self, line: Line) -> Line:
        """A line with every letter by its key and every size and product written out; see `elaborate`.

        Raises
        ------
        FormulaError
            If a name is not known, or shapes tell too little or too much.
        """
        meanings = self.meanings
        of = line.of if line.of in (None, "E") else meanings.key(str(line.of))
        by = line.by if line.of is None and line.by in meanings.definitions else meanings.key(line.by)
        written, steps = (of, by), self._steps_away(of, by)
        if steps:
            of, by = of if of in (None, "E") else self._moved(of, -steps), self._moved(by, -steps)
            line = replace(line, formula=self._moved_formula(line.formula, -steps), moved=-steps)
        try:
            expected = self.expected(of, by)
        except FormulaError:
            self.expected(*written)  # its message names the letters as they are written
            raise
        sizes = {size for value in self.derivation.values.values() for size in value.shape if isinstance(size, int)}
        reading = Reading(
            meanings.meant, meanings.size, frozenset(sizes), meanings.short(), meanings.unknown, self.numbers
        )
        formula = elaborate(line.formula, reading, None if expected is None else expected.shape)
        letters = {without_time(part.name) for part in subexpressions(formula) if isinstance(part, Name)}
        self._epsilon_is_used |= "epsilon" in letters - {*meanings.definitions}
        if self._epsilon_is_used and not self.allow_epsilon:
            self._epsilon_is_used = False
            raise FormulaError("ε is not allowed here; write what the loss of step t sends into h, as Vᵀ (ŷ − y)")
        if of == "E" and ("Σ" in line.text or "∑" in line.text):
            self._check_ends_of_sums(by, formula)
        return replace(line, of=of, by=by, formula=formula)

    # -- lines about other steps -----------------------------------------------------------------

    def _steps_away(self, of: str | None, by: str) -> int:
        """The number of steps from step t to the subject of a line; lines are moved by that, so none is special.

        Raises
        ------
        FormulaError
            If the net reads all its earlier states: then the other steps are not like this one.
        """
        step = self.derivation.step
        subject = by if of in (None, "E") else str(of)
        stem = without_time(subject)
        is_value = as_key(stem) in self.derivation.values and stem not in self.meanings.definitions
        steps = step_of(subject) if is_value and stem != subject and self.meanings.has_time(stem) else 0
        if steps and step.remembers() and of not in (None, "E"):
            change = "longer at the next step" if steps > 0 else "shorter at the step before"
            raise FormulaError(f"the memory is {change}; write the Jacobians of this one: dh/dh_prev", 1)
        return 0 if step.remembers() else steps

    def _moved(self, key: str, steps: int) -> str:
        return moved(key, steps) if self.meanings.has_time(without_time(key)) else key

    def _moved_formula(self, part: Expression, steps: int) -> Expression:
        """A formula some steps later; what stands under a sum over time is the same at every step."""
        if isinstance(part, Call) and part.function == "sum_t":
            return part
        if not isinstance(part, Name):
            return with_parts(part, tuple(self._moved_formula(inner, steps) for inner in parts(part)))
        found = spelled(as_letter(part.name), self.meanings.keys(), self.derivation.step.output)
        if found is None:
            return part
        letter = Name(self._moved(found.key, steps), part.column)
        return letter if found.entry is None else Call("entry", (letter, Number(Fraction(found.entry))), part.column)

    def _check_ends_of_sums(self, by: str, formula: Expression) -> None:
        """Refuse ``∂E/∂b = Σ_t u_t + v_t``, in which the sum could be meant to reach to the end."""
        readout = self.derivation.readout
        parameters = (*self.derivation.step.parameters, *(() if readout is None else readout.gradients))
        constant = {*map(as_letter, parameters), *self.meanings.definitions}
        outside = [name for name in outside_sums(formula) if name not in constant]
        if by in constant and outside:
            raise FormulaError(
                f"{spoken(outside[0])} of step t stands outside the sum; write brackets, as in Σ (u + v)"
            )

    def read(self, formula: Expression) -> Term:
        """A formula, with everything written out, as a term.

        Raises
        ------
        FormulaError
            If a name is not known or shapes do not fit.
        """
        check_size(formula, self._sizes)
        return evaluate(formula, TERMS, self.meanings.letter, self.meanings.size, self._sum_over_time)

    def _sum_over_time(self, formula: Expression) -> Term:
        term = self.read(formula)
        if self.derivation.step.remembers() and any(_reads_memory(one) for one in subterms([term])):
            raise FormulaError(
                "at step t the memory has t vectors, so a sum over time cannot name them one by one; write context"
            )
        return sum_over(term, "t", Index("", 1), Index("T"))

    def define(self, name: str, formula: Expression) -> None:
        """Give a name to a formula, for the lines that follow.

        Raises
        ------
        FormulaError
            If the name is taken, or the formula cannot be read.
        """
        meanings = self.meanings
        if name in meanings.definitions:
            raise FormulaError(f"{name!r} is defined already; give this another name", 1)
        if without_time(name) == "E":
            raise FormulaError(f"{name!r} is the loss; choose another name, or write d_q for ∂E/∂q", 1)
        self._refuse_letters(name)
        target = name[1:]
        if name[0] == "d" and spelled(target, meanings.keys(), "") is not None:
            raise FormulaError(
                f"{name!r} would be a new name, not a statement; write d_{target} for ∂E/∂{target}, "
                f"d{target}/d… for a Jacobian, or choose another name",
                1,
            )
        if "." in name:
            raise meanings.unknown(name).at(column=1)
        term, size = self.read(formula), check_size(formula, self._sizes)
        meanings.definitions[name], meanings.defined[name], self._sizes[name] = formula, term, size

    def _refuse_letters(self, name: str) -> None:
        """Refuse to define what means something: an entry, a letter further away, the memory, ε once used, I, δ_f."""
        meanings, output = self.meanings, self.derivation.step.output
        found = spelled(name, meanings.keys(), output)
        if name == "epsilon" and self._epsilon_is_used:
            raise FormulaError("'epsilon' is used above for what a step's loss sends into h; choose another name", 1)
        if name == "I" or name in meanings.short():
            raise FormulaError(f"{name!r} has a meaning of its own; choose another name", 1)
        if found is not None and found.entry is not None:
            raise FormulaError(f"{name!r} is an entry of {spoken(found.key)}; a line is about all of its entries", 1)
        if found is not None and name != "epsilon":
            raise FormulaError(f"{name!r} is a letter of a step too far from step t for a line about it", 1)
        if name.startswith("delta_") and spelled(name.removeprefix("delta_"), meanings.keys(), output) is not None:
            raise FormulaError(f"{name!r} would be a new name; for ∂E/∂… write d_{name.removeprefix('delta_')}", 1)

    def expected(self, of: str | None, by: str) -> Term | None:
        """The engine's own formula for a target, see `Targets.expected`."""
        return self.targets.expected(of, by)

    def same(self, a: Term, b: Term, overrides: Mapping[str, Term] | None = None) -> bool:
        """True if two formulas are equal, see `Equality.same`."""
        return self._equality.same(a, b, overrides)

    def difference(self, a: Term, b: Term) -> Term | None:
        """The difference of two formulas, if it is not 0, see `Equality.difference`."""
        return self._equality.difference(a, b)

    @property
    def scope(self) -> str:
        """For what a proof holds."""
        step = self.derivation.step
        named_sizes = all(isinstance(size, Dim) for value in step.values.values() for size in value.value.shape)
        if step.remembers():
            memory = f"with a memory of {len(step.memory())} vectors"
            fixed = {size for value in step.values.values() for size in value.value.shape if isinstance(size, int)}
            return f"for {'all' if fixed <= {len(step.memory())} else 'these'} sizes {memory},"
        return "for all sizes" if named_sizes else "for nets of these sizes"


def _reads_memory(part: Term) -> bool:
    """True if a part is a state from before the previous one, or an entry of the weights."""
    early = part.kind == "symbol" and part.label.time is not None and part.label.time.offset < -1
    return early or (part.kind == "entry" and isinstance(part.args[0].shape[0], int))
