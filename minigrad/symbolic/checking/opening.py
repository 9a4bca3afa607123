"""Formulas with every name replaced by what it stands for, until only what is given is left.

Named values become their definitions and adjoints their recurrences; what stays are parameters, inputs, the state
before, and the adjoints of the next step's state.
"""

from collections.abc import Mapping

from ..deriving.derivation import Derivation
from ..terms.labels import NEXT, PREVIOUS
from ..terms.monomials import ONE
from ..terms.products import total
from ..terms.rebuild import at_time, rebuild
from ..terms.symbols import symbol_term
from ..terms.term import Term
from ..terms.walk import fold

__all__ = ["known_adjoints", "with_definitions"]


def with_definitions(term: Term, known: Mapping[Term, Term]) -> Term:
    """A formula with names replaced by their definitions, and the terms that are known by what is known of them."""

    def rule(part: Term, *args: Term) -> Term:
        return args[0] if part.kind == "named" else rebuild(part, args)

    return fold(term, rule, inside=lambda part: part.args, known=known)


def known_adjoints(derivation: Derivation, recurrences: Mapping[str, Term]) -> dict[Term, Term]:
    """What to put for the adjoint of every value, at this step and at the next, and for what is assumed.

    Parameters
    ----------
    derivation : Derivation
    recurrences : mapping
        A formula for the adjoint of each computed value, the latest first.
    """
    step, carried = derivation.step, derivation.step.carried()
    within = _assumptions(derivation)
    for key, formula in recurrences.items():
        if key not in carried:
            within[step.seed(key)] = with_definitions(formula, within)
    found = _assumptions(derivation)
    # Where the memory grows, other steps are others.
    times = () if step.remembers() else (NEXT, PREVIOUS)
    for key in recurrences:
        seed = step.seed(key)
        for time in times if key not in carried else ():
            found[at_time(seed, "t", time)] = with_definitions(at_time(within[seed], "t", time), found)
    for key, formula in recurrences.items():
        found[step.seed(key)] = with_definitions(formula, found)
    return found


def _assumptions(derivation: Derivation) -> dict[Term, Term]:
    """Targets sum to 1, the one thing that is assumed of them; and the state before step t+1 is that of step t."""
    known = {} if derivation.readout is None else {total(derivation.readout.values["y"]): ONE}
    for key in derivation.step.carried():
        state = derivation.step.term(key)
        known[symbol_term(state.label, state.shape)] = with_definitions(state, {})
    return known
