"""What the letters of a derivation mean as terms, and what is true of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..deriving.derivation import Derivation
from ..errors import FormulaError
from ..reading.elaborate import Reading, elaborate
from ..reading.expressions import Call, Expression, Line, Name, outside_sums
from ..reading.interpret import evaluate
from ..reading.letters import spelled, spoken
from ..reading.limits import Size, check_size, shortened
from ..terms.dims import Dim
from ..terms.labels import NEXT, PREVIOUS, Index, Label
from ..terms.monomials import zero
from ..terms.products import product, transpose
from ..terms.ranges import sum_over
from ..terms.rebuild import at_time
from ..terms.sums import add
from ..terms.symbols import symbol_term
from ..terms.term import Term
from ..terms.walk import leaves, subterms
from .equality import Equality
from .term_algebra import TERMS

__all__ = ["Vocabulary"]


class Vocabulary:
    """The letters of one derivation, and the names that its lines define.

    Attributes
    ----------
    derivation : Derivation
    definitions : dict of str to Expression
        Names that earlier lines gave to formulas; see `define`.
    lost : dict of str to int
        Names that a line would have defined, had it been readable, and its number.
    """

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.definitions: dict[str, Expression] = {}
        self._defined: dict[str, Term] = {}
        self._sizes: dict[str, Size] = {}
        self.lost: dict[str, int] = {}
        self._equality = Equality(derivation)

    # -- reading ---------------------------------------------------------------------------------

    def settle(self, line: Line) -> Line:
        """A line with every letter by its key and every size and product written out; see `elaborate`.

        Raises
        ------
        FormulaError
            If a name is not known, or shapes tell too little or too much.
        """
        of = line.of if line.of in (None, "E") else self._key(str(line.of))
        by = line.by if line.of is None and line.by in self.definitions else self._key(line.by)
        settled = replace(line, of=of, by=by)
        expected = self.expected(of, by)
        short = dict(self._short())
        sizes = {size for value in self.derivation.values.values() for size in value.shape if isinstance(size, int)}
        reading = Reading(self._meant, self.size, frozenset(sizes), short, self._unknown)
        formula = elaborate(line.formula, reading, None if expected is None else expected.shape)
        if of == "E" and ("Σ" in line.text or "∑" in line.text):
            self._check_ends_of_sums(by, formula)
        return replace(settled, formula=formula)

    def _check_ends_of_sums(self, by: str, formula: Expression) -> None:
        """Refuse ``∂E/∂b = Σ_t u_t + v_t``, in which the sum could be meant to reach to the end."""
        readout = self.derivation.readout
        constant = {*self.derivation.step.parameters, *(() if readout is None else readout.gradients)}
        constant = {*constant, *(key.replace("readout.c", "c_readout") for key in constant), *self.definitions}
        outside = [name for name in outside_sums(formula) if name not in constant]
        if by in constant and outside:
            raise FormulaError(
                f"{spoken(outside[0])} of step t stands outside the sum; write brackets, as in Σ (u + v)"
            )

    def _key(self, name: str) -> str:
        """A letter's key, as it is written on the left of a line; an unknown name as it is."""
        name = name.replace("readout.c", "c_readout")
        found = spelled(name, self._keys(), self.derivation.step.output)
        if found is None or found.entry is not None:
            return name
        return found.key

    def _keys(self) -> list[str]:
        """All letters but for adjoints."""
        own = [key.replace("readout.c", "c_readout") for key in self.derivation.values]
        return [*own, "epsilon", *self.definitions]

    def _meant(self, name: str) -> tuple[str, tuple[Any, ...], int | None] | None:
        """What a written letter is: its key, its shape, and which entry of it; None if it is not known."""
        name = name.replace("readout.c", "c_readout")
        found = spelled(name, self._keys(), self.derivation.step.output)
        term = None if found is None else self._found(found.key)
        if found is None or term is None:
            return None
        return found.key, term.shape, found.entry

    def _short(self) -> dict[str, Expression]:
        """``m``, the memory with one vector in each row, for what attends."""
        memory = self.derivation.step.memory()
        if not memory:
            return {}
        columns = Call("columns", tuple(Name(key, 1) for key in memory), 1)
        return {"m": Call("transpose", (columns,), 1)}

    def _unknown(self, name: str) -> FormulaError:
        if name in self.lost:
            return FormulaError(f"{name!r} is not defined, since line {self.lost[name]} could not be read")
        return FormulaError(
            f"the letter {shortened(name)!r} is not known here; there are: {', '.join(map(spoken, self.letters()))}"
        )

    def read(self, formula: Expression) -> Term:
        """A formula, with everything written out, as a term.

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
            raise FormulaError(f"{name!r} is defined already; give this another name", 1)
        if name == "E":
            raise FormulaError("'E' is the loss; choose another name, or write d_q for ∂E/∂q", 1)
        target = name[1:]
        if name[0] == "d" and spelled(target, self._keys(), "") is not None:
            raise FormulaError(
                f"{name!r} would be a new name, not a statement; write d_{target} for ∂E/∂{target}, "
                f"d{target}/d… for a Jacobian, or choose another name",
                1,
            )
        if "." in name:
            raise self._unknown(name).at(column=1)
        term, size = self.read(formula), check_size(formula, self._sizes)
        self.definitions[name], self._defined[name], self._sizes[name] = formula, term, size

    def _sum_over_time(self, formula: Expression) -> Term:
        term = self.read(formula)
        if self.derivation.step.remembers() and any(_reads_memory(one) for one in subterms([term])):
            raise FormulaError(
                "at step t the memory has t vectors, so a sum over time cannot name them one by one; write context"
            )
        return sum_over(term, "t", Index("", 1), Index("T"))

    def letter(self, name: str) -> Term:
        """A letter by its key: ``h``, ``h_prev``, ``f_next``, ``W``, ``d_a``, ``d_a_next``, or one defined before."""
        found = self._found(name)
        if found is None:
            raise self._unknown(name)
        return found

    def _found(self, name: str) -> Term | None:
        found = self._now(name)
        if self.derivation.step.remembers():
            return self._beside(name) if found is None else found
        for suffix, time in (("_next", NEXT), ("_prev", PREVIOUS)):
            stem = self._now(name.removesuffix(suffix)) if found is None and name.endswith(suffix) else None
            if stem is not None and leaves(stem):
                found = at_time(stem, "t", time)
        return found

    def _beside(self, name: str) -> Term | None:
        """A letter of the step before or after one that reads all its past: a symbol of which nothing is known."""
        step = self.derivation.step
        for suffix, time in (("_next", NEXT), ("_prev", PREVIOUS)):
            found = self._now(name.removesuffix(suffix)) if name.endswith(suffix) else None
            if found is not None and step.plan is not None and found.shape != (len(step.memory()),):
                timed = found.kind in ("symbol", "named") and found.label.time is not None
                return symbol_term(found.label.at(time), found.shape) if timed else None
        return None

    def _now(self, name: str) -> Term | None:
        derivation = self.derivation
        if name in self._defined:
            return self._defined[name]
        key = {"c_readout": "readout.c"}.get(name, name)
        if key in derivation.values:
            return derivation.values[key]
        if name == "epsilon":
            return self._epsilon()
        if name == "d_logits" and derivation.readout is not None:
            return derivation.readout.error
        if name == "d_yhat" and derivation.readout is not None:
            return derivation.readout.into_yhat
        if name.startswith("d_") and name[2:] in derivation.definitions and name[2:] in derivation.step.values:
            return derivation.step.seed(name[2:])
        return None

    def _epsilon(self) -> Term:
        """∂E_t/∂(output), as far as it comes from the loss of step t itself."""
        derivation = self.derivation
        if derivation.readout is not None:
            return derivation.readout.into_state
        output = derivation.step.term(derivation.step.output)
        return symbol_term(Label("epsilon", output.label.time), output.shape)

    def letters(self) -> list[str]:
        """The names that formulas may use."""
        own = [key.replace("readout.c", "c_readout") for key in self.derivation.values]
        of_readout = [] if self.derivation.readout is None else ["d_logits", "d_yhat"]
        return [*own, *self._short(), *(f"d_{key}" for key in self.adjoints), *of_readout, "epsilon", *self.definitions]

    @property
    def adjoints(self) -> dict[str, Term]:
        """The recurrences of the adjoints; see `Derivation.adjoints_of_a_step`."""
        return self.derivation.adjoints_of_a_step

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

    def size(self, name: str) -> Any:
        """The length that a name stands for: ``H``, ``D``, ``K``, or that of a letter."""
        sizes = {str(size): size for value in self.derivation.values.values() for size in value.shape}
        if name in sizes:
            return sizes[name]
        if name in self._own_sizes():
            return self._own_sizes()[name]
        meant = self._meant(name)
        if meant is None:
            raise self._unknown(name)
        shape = meant[1] if meant[2] is None else ()
        if len(shape) != 1:
            raise FormulaError(f"{name!r} is no length; write {', '.join(sorted(sizes)) or 'a number'}, or a vector")
        return shape[0]

    def _own_sizes(self) -> dict[str, Any]:
        """H and its like of a net whose sizes are numbers, or not all different."""
        values, readout = self.derivation.values, self.derivation.readout
        owners = {"H": values[self.derivation.step.output], "D": values.get("x")}
        if "q" in values and self.derivation.step.plan is None:
            owners = {"Q": values["q"], "M": values.get("m_1"), "A": values.get("v")}
        owners |= {"K": readout.values["y"]} if readout is not None else {}
        return {letter: value.shape[0] for letter, value in owners.items() if value is not None}

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
            found = None if by in self.definitions or by == "epsilon" else self._found(by)
            return None if found is None else (found.args[0] if found.kind == "named" else found)
        if of != "E":
            return self.jacobian(of, by)
        key = {"c_readout": "readout.c"}.get(by, by)
        if key in self.adjoints:
            return self.adjoints[key]
        if key in derivation.step.parameters or (derivation.readout and key in derivation.readout.gradients):
            return derivation.gradient(key)
        if key in ("logits", "yhat") and derivation.readout is not None:
            return self.letter(f"d_{key}")
        if derivation.step.remembers() and derivation.step.term(derivation.step.output).label.time is not None:
            self._refuse_the_past(key)
        for suffix, time in (("_prev", PREVIOUS), ("_next", NEXT)):
            if key.removesuffix(suffix) in self.adjoints and key in derivation.step.values:
                return at_time(self.adjoints[key.removesuffix(suffix)], "t", time)
        if key in derivation.step.values:
            if derivation.step.plan is not None and not derivation.step.remembers() and derivation.step.hands_on():
                raise FormulaError(f"∂E/∂{key} has terms of later steps too, to which it is handed on", 1)
            return self.sent_back(key)
        raise FormulaError(
            f"there is no {shortened(by)!r} to differentiate by; there are: {', '.join(map(spoken, self.letters()))}", 1
        )

    def _refuse_the_past(self, key: str) -> None:
        carried = self.derivation.step.carried()
        if key in carried or (key in self.derivation.step.before):
            raise FormulaError(
                f"∂E/∂{key} has a term for every later step that looks back at it, so no formula of fixed size; "
                "write adjoints of what one step alone reads, such as d_context",
                1,
            )

    def jacobian(self, of: str, by: str) -> Term:
        """∂of/∂by of one step; dh_next/dh is that of the next step.

        Raises
        ------
        FormulaError
            If there is no such value, or more than one step lies between the two.
        """
        derivation = self.derivation
        names = {"c_readout": "readout.c"}
        of, by = names.get(of, of), names.get(by, by)
        if of not in derivation.values and of.endswith("_next"):
            return self._of_the_next_step(of.removesuffix("_next"), by)
        if of in derivation.values and by not in derivation.values and self._is_later(by):
            rows, columns = derivation.values[of].shape, self.letter(by).shape
            return zero((*rows, *columns))
        for name in (of, by):
            if name not in derivation.values and self._found(name) is None:
                raise self._unknown(name).at(column=1)
            if name not in derivation.values:
                raise self._too_far(of, by)
        return derivation.jacobian(of, by)

    def _of_the_next_step(self, of: str, by: str) -> Term:
        """∂of_{t+1}/∂by: the Jacobian of one step, one step later."""
        derivation = self.derivation
        if derivation.step.remembers():
            raise FormulaError("the memory is longer at the next step; write the Jacobians of this one: dh/dh_prev", 1)
        earlier = by.removesuffix("_next") if by.endswith("_next") else f"{by}_prev"
        earlier = by if by in derivation.step.parameters else earlier
        if of not in derivation.values or (earlier not in derivation.values and self._found(by) is None):
            raise self._unknown(by if of in derivation.values else of).at(column=1)
        if earlier not in derivation.values:
            raise self._too_far(f"{of}_next", by)
        return derivation.one_step_later(derivation.jacobian(of, earlier))

    def _is_later(self, name: str) -> bool:
        """Whether a letter is of a step that comes after this one, in the direction of its part of the net."""
        if self.derivation.step.remembers():
            return False
        turned = self.derivation.step.is_two_way() and name.startswith("backward.")
        return name.endswith("_prev" if turned else "_next") and self._found(name) is not None

    def _too_far(self, of: str, by: str) -> FormulaError:
        return FormulaError(
            f"{of} is not made of {by} within one step; write the Jacobians of single steps, such as dh/dh_prev", 1
        )

    def sent_back(self, key: str) -> Term:
        """What step t alone sends back into a value: Σ (∂u/∂value)ᵀ δu over what the step makes of it."""
        step = self.derivation.step
        locals_of = {u: step.local(u, key) for u in step.pulls}
        shares = [product(transpose(local), step.seed(u)) for u, local in locals_of.items() if local is not None]
        return add(shares) if shares else zero(step.term(key).shape)

    def same(self, a: Term, b: Term, overrides: Mapping[str, Term] | None = None) -> bool:
        """Whether two formulas are equal, see `Equality.same`."""
        return self._equality.same(a, b, overrides)


def _reads_memory(part: Term) -> bool:
    """Whether a part is a state from before the previous one, or an entry of the weights."""
    early = part.kind == "symbol" and part.label.time is not None and part.label.time.offset < -1
    return early or (part.kind == "entry" and isinstance(part.args[0].shape[0], int))
