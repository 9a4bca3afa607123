"""What each letter of a derivation means as a term: the cell's own ones, adjoints, and names that lines defined."""

from typing import Any

from ..deriving.derivation import Derivation
from ..errors import FormulaError
from ..reading.expressions import Call, Expression, Name
from ..reading.letters import spelled, spoken
from ..reading.limits import shortened
from ..terms.labels import NEXT, PREVIOUS
from ..terms.rebuild import at_time
from ..terms.symbols import symbol_term
from ..terms.term import Term
from ..terms.walk import leaves

__all__ = ["STEPS", "Meanings", "as_key", "as_letter"]

#: What is written behind a letter of another step, and that step.
STEPS = (("_next", NEXT), ("_prev", PREVIOUS))

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
        adjoints = (f"d_{key}" for key in self.derivation.adjoints_of_a_step)
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
        """What a written letter is: its key, its shape, and which entry of it; None if it is not known."""
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
        for suffix, time in STEPS:
            stem = self._now(name.removesuffix(suffix)) if found is None and name.endswith(suffix) else None
            if stem is not None and leaves(stem):
                found = at_time(stem, "t", time)
        return found

    def _beside(self, name: str) -> Term | None:
        """A letter of the step before or after one that reads all its past: a symbol of which nothing is known."""
        step = self.derivation.step
        for suffix, time in STEPS:
            found = self._now(name.removesuffix(suffix)) if name.endswith(suffix) else None
            if found is not None and step.plan is not None and found.shape != (len(step.memory()),):
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
        if "q" in values and self.derivation.step.plan is None:
            owners = {"Q": values["q"], "M": values.get("m_1"), "A": values.get("v")}
        owners |= {"K": readout.values["y"]} if readout is not None else {}
        return {letter: value.shape[0] for letter, value in owners.items() if value is not None}
