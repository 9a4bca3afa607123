"""Whether two formulas are equal for all sizes and values, decided in one normal form after another."""

from collections.abc import Mapping

from ..deriving.derivation import Derivation
from ..terms.monomials import ONE, scale
from ..terms.normal import normal_form
from ..terms.rebuild import substitute
from ..terms.relations import related_form
from ..terms.sums import add
from ..terms.term import Term
from ..terms.walk import subterms
from .by_place import place_by_place
from .comparing import check_terms, differs_somewhere
from .opening import known_adjoints, with_definitions

__all__ = ["Equality"]


class Equality:
    """Decides for one derivation; what is known of its adjoints is worked out once.

    Attributes
    ----------
    derivation : Derivation
    """

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        adjoints = {} if derivation.readout is None else derivation.readout.adjoints
        self._of_readout = {term: term.args[0] for term in adjoints.values()}
        self._true_adjoints: dict[Term, Term] | None = None

    def same(self, a: Term, b: Term, overrides: Mapping[str, Term] | None = None) -> bool:
        """Whether two formulas multiply out to the same: a proof of equality for all sizes and values.

        Names are replaced by their definitions, and adjoints by their recurrences, until only parameters,
        inputs, the state before and the adjoints of the next step's state are left; then functions are written
        in terms of each other, as `relations` has it. False proves nothing.

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
        difference = substitute(add([a, scale(-1, ONE, b)]), self._of_readout)
        check_terms(difference)
        if not differs_somewhere(difference) and normal_form(difference).kind == "zero":
            return True
        known = self._known(overrides)
        opened = with_definitions(difference, known)
        if differs_somewhere(opened) and self._divides_by_yhat(difference):
            opened = with_definitions(normal_form(difference), known)
        if differs_somewhere(opened):
            return False
        check_terms(opened)
        if normal_form(opened).kind == "zero" or related_form(opened).kind == "zero":
            return True
        return self._same_at_each_place(opened)

    def _same_at_each_place(self, opened: Term) -> bool:
        """Whether a difference is 0 when it is written place by place of the memory, if there is one."""
        places = len(self.derivation.step.memory())
        if not places:
            return False
        written = place_by_place(opened, places)
        check_terms(written)
        return normal_form(written).kind == "zero"

    def _divides_by_yhat(self, term: Term) -> bool:
        """Whether ŷ may cancel, ŷᵀ (y / ŷ) = 1ᵀ y, so that what is assumed of y is seen only when multiplied out."""
        readout = self.derivation.readout
        if readout is None:
            return False
        yhat = readout.values["yhat"]
        quotients = (part for part in subterms([term]) if part.kind == "hadamard" and yhat in part.args)
        return any(part.data[part.args.index(yhat)] < 0 for part in quotients)

    def _known(self, overrides: Mapping[str, Term] | None) -> dict[Term, Term]:
        """What is known of adjoints, see `known_adjoints`; the truth is worked out once."""
        if overrides:
            return known_adjoints(self.derivation, self.derivation.adjoints_of_a_step | dict(overrides))
        if self._true_adjoints is None:
            self._true_adjoints = known_adjoints(self.derivation, self.derivation.adjoints_of_a_step)
        return self._true_adjoints
