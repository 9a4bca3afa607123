"""The meaning of each letter of a derivation as a term: the cell's own ones, adjoints, and names that lines defined."""

from typing import Any

from ..deriving.derivation import Derivation
from ..deriving.traced_step import AttentionStep, BidirectionalStep, RecurrentStep
from ..errors import FormulaError
from ..parsing.limits import shortened
from ..parsing.names import Symbol, spelled, spoken, step_of, without_time
from ..parsing.syntax import Call, Expression, Name
from ..terms.arithmetic import zero
from ..terms.names import NEXT, NOW, PREVIOUS
from ..terms.rebuild import at_time
from ..terms.symbols import symbol_term
from ..terms.term import Term
from ..terms.traversal import leaves

__all__ = ["STEPS", "Meanings", "Targets", "as_key", "as_letter"]


#: What is written behind a letter of another step, and that step.
STEPS = (("_next", NEXT), ("_prev", PREVIOUS))

#: How many steps from step t a letter may lie.
MAX_STEPS = 2

#: The readout's bias where the cell has a c of its own: its key, and how it is written.
_BIAS, _WRITTEN_BIAS = "readout.c", "c_readout"


def as_letter(key: str) -> str:
    """A key as lines write it: ``c_readout`` for ``readout.c``."""
    return key.replace(_BIAS, _WRITTEN_BIAS)


def as_key(letter: str) -> str:
    """A letter as the derivation has it: ``readout.c`` for ``c_readout``."""
    return _BIAS if letter == _WRITTEN_BIAS else letter


class Meanings:
    """The letters of one derivation, and the names that its lines define.

    Attributes
    ----------
    derivation : Derivation
    definitions : dict of str to Expression
        Names that earlier lines gave to formulas.
    defined : dict of str to Term
        What these names mean.
    lost : dict of str to int
        Names that a line would have defined, had it been readable, and its number.
    """

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.definitions: dict[str, Expression] = {}
        self.defined: dict[str, Term] = {}
        self.lost: dict[str, int] = {}

    # -- names -----------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The names that formulas may use."""
        own = map(as_letter, self.derivation.values)
        adjoints = (Symbol.of(key).adjoint_of().key for key in self.derivation.adjoints_of_a_step)
        of_readout = [] if self.derivation.readout is None else ["d_logits", "d_yhat"]
        return [*own, *self.short(), *adjoints, *of_readout, "epsilon", *self.definitions]

    def keys(self) -> list[str]:
        """All letters but for adjoints."""
        return [*map(as_letter, self.derivation.values), "epsilon", *self.definitions]

    def key(self, name: str) -> str:
        """A letter's key, as it is written on the left of a line; an unknown name as it is."""
        name = as_letter(name)
        found = spelled(name, self.keys(), self.derivation.step.output)
        return name if found is None or found.entry is not None else found.key

    def meant(self, name: str) -> tuple[str, tuple[Any, ...], int | None] | None:
        """A written letter: its key, its shape, and which entry of it; None if it is not known."""
        found = spelled(as_letter(name), self.keys(), self.derivation.step.output)
        term = None if found is None else self.find(found.key)
        return None if found is None or term is None else (found.key, term.shape, found.entry)

    def short(self) -> dict[str, Expression]:
        """``m``, the memory with one vector in each row, for what attends."""
        memory = self.derivation.step.memory()
        if not memory:
            return {}
        columns = Call("columns", tuple(Name(key, 1) for key in memory), 1)
        return {"m": Call("transpose", (columns,), 1)}

    def unknown(self, name: str) -> FormulaError:
        """The error for a letter that nobody knows."""
        if name in self.lost:
            return FormulaError(f"{name!r} is not defined, since line {self.lost[name]} could not be read")
        adjoint = spelled(name[1:], self.keys(), self.derivation.step.output) if name[:1] == "d" else None
        if adjoint is not None and name[1:2] != "_":
            target = spoken(adjoint.key)
            return FormulaError(
                f"{name!r} is not known here; write d_{target} for ∂E/∂{target}, which no gate has multiplied"
            )
        return FormulaError(
            f"the letter {shortened(name)!r} is not known here; there are: {', '.join(map(spoken, self.names()))}"
        )

    # -- terms -----------------------------------------------------------------------------------

    def letter(self, name: str) -> Term:
        """A letter by its key: ``h``, ``h_prev``, ``f_next``, ``W``, ``d_a``, ``d_a_next``, or one defined before.

        Raises
        ------
        FormulaError
            If there is no such letter.
        """
        found = self.find(name)
        if found is None:
            raise self.unknown(name)
        return found

    def find(self, name: str) -> Term | None:
        """As `letter`, but None for a letter that is not known."""
        found = self._now(name)
        if self.derivation.step.remembers():
            return self._beside(name) if found is None else found
        steps = step_of(name)
        stem = self._now(without_time(name)) if found is None and 0 < abs(steps) <= MAX_STEPS else None
        return at_time(stem, "t", NOW.shifted(steps)) if stem is not None and leaves(stem) else found

    def has_time(self, stem: str) -> bool:
        """True if a letter has another value at every step, as h has and W has not."""
        found = self._now(stem)
        return found is not None and any(part.label.time is not None for part in leaves(found))

    def _beside(self, name: str) -> Term | None:
        """A letter of the step before or after one that reads all its past: a symbol of which nothing is known."""
        step = self.derivation.step
        for suffix, time in STEPS:
            found = self._now(name.removesuffix(suffix)) if name.endswith(suffix) else None
            if found is not None and isinstance(step, RecurrentStep) and found.shape != (len(step.memory()),):
                timed = found.kind in ("symbol", "named") and found.label.time is not None
                return symbol_term(found.label.at(time), found.shape) if timed else None
        return None

    def _now(self, name: str) -> Term | None:
        derivation = self.derivation
        if name in self.defined:
            return self.defined[name]
        if as_key(name) in derivation.values:
            return derivation.values[as_key(name)]
        if name == "epsilon":
            return derivation.from_loss
        of_readout = {} if derivation.readout is None else derivation.readout.adjoints
        if name.startswith("d_") and name[2:] in of_readout:
            return of_readout[name[2:]]
        if name.startswith("d_") and name[2:] in derivation.definitions and name[2:] in derivation.step.values:
            return derivation.step.seed(name[2:])
        return None

    # -- sizes -----------------------------------------------------------------------------------

    def size(self, name: str) -> Any:
        """The length that a name stands for: ``H``, ``D``, ``K``, or that of a letter.

        Raises
        ------
        FormulaError
            If it stands for none.
        """
        sizes = {str(size): size for value in self.derivation.values.values() for size in value.shape}
        if name in sizes:
            return sizes[name]
        if name in self._own_sizes():
            return self._own_sizes()[name]
        meant = self.meant(name)
        if meant is None:
            raise self.unknown(name)
        shape = meant[1] if meant[2] is None else ()
        if len(shape) != 1:
            raise FormulaError(f"{name!r} is no length; write {', '.join(sorted(sizes)) or 'a number'}, or a vector")
        return shape[0]

    def _own_sizes(self) -> dict[str, Any]:
        """H and its like of a net whose sizes are numbers, or not all different."""
        values, readout = self.derivation.values, self.derivation.readout
        owners = {"H": values[self.derivation.step.output], "D": values.get("x")}
        if isinstance(self.derivation.step, AttentionStep):
            owners = {"Q": values["q"], "M": values.get("m_1"), "A": values.get("v")}
        owners |= {"K": readout.values["y"]} if readout is not None else {}
        return {letter: value.shape[0] for letter, value in owners.items() if value is not None}


class Targets:
    """The truths of one derivation.

    Attributes
    ----------
    meanings : Meanings
        Of the letters that targets are made of.
    """

    def __init__(self, meanings: Meanings) -> None:
        self.meanings = meanings
        self.derivation = meanings.derivation

    @property
    def adjoints(self) -> dict[str, Term]:
        """The recurrences of the adjoints; see `Derivation.adjoints_of_a_step`."""
        return self.derivation.adjoints_of_a_step

    def expected(self, of: str | None, by: str) -> Term | None:
        """The engine's own formula for a target; None for a name that the cell does not have.

        Raises
        ------
        FormulaError
            If a Jacobian or an adjoint of something unknown is asked for.
        """
        if of is None:
            found = None if by in self.meanings.definitions or by == "epsilon" else self.meanings.find(by)
            return None if found is None else (found.args[0] if found.kind == "named" else found)
        return self._adjoint(by) if of == "E" else self._jacobian(of, by)

    # -- adjoints and gradients ------------------------------------------------------------------

    def _adjoint(self, by: str) -> Term:
        """∂E/∂by: an adjoint at this step or beside it, a gradient, or what the step sends back into a value."""
        derivation, step, key = self.derivation, self.derivation.step, as_key(by)
        if key in self.adjoints:
            return self.adjoints[key]
        if key in step.parameters or (derivation.readout and key in derivation.readout.gradients):
            return derivation.gradient(key)
        if derivation.readout is not None and key in derivation.readout.adjoints:
            return derivation.readout.adjoints[key].args[0]
        if step.remembers() and isinstance(step, RecurrentStep):
            self._refuse_the_past(key)
        if key in step.values:
            if isinstance(step, RecurrentStep) and not step.remembers() and step.hands_on():
                raise FormulaError(f"∂E/∂{key} has terms of later steps too, to which it is handed on", 1)
            return derivation.sent_back(key)
        if without_time(key) in self.adjoints:
            raise FormulaError(f"a line is about step t; write d_{spoken(without_time(key))} on the left", 1)
        letters = self.meanings.keys()
        names = ", ".join(spoken(name) for name in letters if name not in ("y", "epsilon"))
        raise FormulaError(f"there is no {shortened(by)!r} to differentiate by; there are: {names}", 1)

    def _refuse_the_past(self, key: str) -> None:
        if key in self.derivation.step.carried() or key in self.derivation.step.before:
            raise FormulaError(
                f"∂E/∂{key} has a term for every later step that looks back at it, so no formula of fixed size; "
                "write adjoints of what one step alone reads, such as d_context",
                1,
            )

    # -- Jacobians -------------------------------------------------------------------------------

    def _jacobian(self, of: str, by: str) -> Term:
        """∂of/∂by of one step."""
        values, meanings = self.derivation.values, self.meanings
        of, by = as_key(of), as_key(by)
        if of in values and by not in values and self._is_later(by):
            rows, columns = values[of].shape, meanings.letter(by).shape
            return zero((*rows, *columns))
        for name in (of, by):
            if name not in values and meanings.find(name) is None:
                raise meanings.unknown(name).at(column=1)
        if not {of, by} <= values.keys():
            raise _too_far(of, by)
        return self.derivation.jacobian(of, by)

    def _is_later(self, name: str) -> bool:
        """True if a letter is of a step that comes after this one, in the direction of its part of the net."""
        if self.derivation.step.remembers():
            return False
        turned = isinstance(self.derivation.step, BidirectionalStep) and name.startswith("backward.")
        return name.endswith("_prev" if turned else "_next") and self.meanings.find(name) is not None


def _too_far(of: str, by: str) -> FormulaError:
    return FormulaError(
        f"{of} is not made of {by} within one step; write the Jacobians of single steps, such as dh/dh_prev", 1
    )
