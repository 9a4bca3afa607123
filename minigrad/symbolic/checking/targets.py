"""What is true of the left side of a line: the engine's own formula for a letter, a Jacobian or an adjoint."""

from ..errors import FormulaError
from ..reading.letters import spoken, without_time
from ..reading.limits import shortened
from ..terms.monomials import zero
from ..terms.rebuild import at_time
from ..terms.term import Term
from .meanings import STEPS, Meanings, as_key

__all__ = ["Targets"]


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
        if step.remembers() and step.term(step.output).label.time is not None:
            self._refuse_the_past(key)
        for suffix, time in STEPS:
            if key.removesuffix(suffix) in self.adjoints and (key in step.values or step.is_two_way()):
                return at_time(self.adjoints[key.removesuffix(suffix)], "t", time)
        if key in step.values:
            if step.plan is not None and not step.remembers() and step.hands_on():
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
        """∂of/∂by of one step; dh_next/dh is that of the next step."""
        values, meanings = self.derivation.values, self.meanings
        of, by = as_key(of), as_key(by)
        if of not in values and of.endswith("_next"):
            return self._of_the_next_step(of.removesuffix("_next"), by)
        if of in values and by not in values and self._is_later(by):
            rows, columns = values[of].shape, meanings.letter(by).shape
            return zero((*rows, *columns))
        for name in (of, by):
            if name not in values and meanings.find(name) is None:
                raise meanings.unknown(name).at(column=1)
            if name not in values:
                raise _too_far(of, by)
        return self.derivation.jacobian(of, by)

    def _of_the_next_step(self, of: str, by: str) -> Term:
        """∂of_{t+1}/∂by: the Jacobian of one step, one step later."""
        derivation, meanings = self.derivation, self.meanings
        if derivation.step.remembers():
            raise FormulaError("the memory is longer at the next step; write the Jacobians of this one: dh/dh_prev", 1)
        earlier = by.removesuffix("_next") if by.endswith("_next") else f"{by}_prev"
        earlier = by if by in derivation.step.parameters else earlier
        if of not in derivation.values or (earlier not in derivation.values and meanings.find(by) is None):
            raise meanings.unknown(by if of in derivation.values else of).at(column=1)
        if earlier not in derivation.values:
            raise _too_far(f"{of}_next", by)
        return derivation.one_step_later(derivation.jacobian(of, earlier))

    def _is_later(self, name: str) -> bool:
        """Whether a letter is of a step that comes after this one, in the direction of its part of the net."""
        if self.derivation.step.remembers():
            return False
        turned = self.derivation.step.is_two_way() and name.startswith("backward.")
        return name.endswith("_prev" if turned else "_next") and self.meanings.find(name) is not None


def _too_far(of: str, by: str) -> FormulaError:
    return FormulaError(
        f"{of} is not made of {by} within one step; write the Jacobians of single steps, such as dh/dh_prev", 1
    )
