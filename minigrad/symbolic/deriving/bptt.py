"""Backpropagation through time from one traced step: the adjoint of every value, the gradient of every parameter.

δu of a value comes from what is computed of it, δu = Σ (∂v/∂u)ᵀ δv, in this step and, for the state, in the next one;
a gradient is the sum over time of what each step sends into the parameter.
"""

from functools import cached_property

from ..errors import FormulaError
from ..terms.arithmetic import add, scale, zero
from ..terms.names import NEXT, PREVIOUS, Index, Label
from ..terms.products import inner, product, sum_over, transpose
from ..terms.rebuild import at_time, substitute
from ..terms.symbols import symbol_term
from ..terms.term import Term
from ..terms.traversal import leaves
from .readout import TracedReadout
from .traced_step import AttentionStep, TracedStep

__all__ = ["Recurrences"]


class Recurrences:
    """Adjoints and gradients of one traced step, with a readout or with any loss."""

    def __init__(self, step: TracedStep, readout: TracedReadout | None) -> None:
        self.step = step
        self.readout = readout

    @property
    def parameters(self) -> tuple[str, ...]:
        """Keys of the cell's parameters and of the readout's."""
        return (*self.step.parameters, *(() if self.readout is None else self.readout.gradients))

    @property
    def from_loss(self) -> Term:
        """∂E_t/∂(output), as far as it comes from the loss of step t itself; ε_t without a readout."""
        if self.readout is not None:
            return self.readout.into_state
        output = self.step.term(self.step.output)
        return symbol_term(Label("epsilon", output.label.time), output.shape)

    @cached_property
    def adjoints(self) -> dict[str, Term]:
        """δq_t of every computed value q, the latest first.

        Of a cell that reads all of its earlier states only those of what its own step alone reads.
        """
        carried, remembers = self.step.carried(), self.step.remembers()
        computed = [key for key, node in self.step.values.items() if node.value.kind == "named"]
        return {key: self._adjoint(key) for key in reversed(computed) if not (remembers and key in carried)}

    def _adjoint(self, key: str) -> Term:
        carried = self.step.carried()
        contributions = self._contributions(key)
        if key in carried:
            before = carried[key]
            time = NEXT if self.step.term(before).label.time == PREVIOUS else PREVIOUS
            contributions += [self.one_step_later(one, time) for one in self._contributions(before)]
        if key == self.step.output:
            contributions.append(self.from_loss)
        return add(contributions) if contributions else zero(self.step.term(key).shape)

    def sent_back(self, key: str) -> Term:
        """The contribution of step t alone to the adjoint of a value: Σ (∂u/∂value)ᵀ δu over each u computed of it."""
        contributions = self._contributions(key)
        return add(contributions) if contributions else zero(self.step.term(key).shape)

    def _contributions(self, key: str) -> list[Term]:
        """The contributions (∂u/∂v)ᵀ δu of the values u that are computed from v."""
        locals_of = {u: self.step.local(u, key) for u in self.step.pulls}
        return [_pulled(local, self.step.seed(u)) for u, local in locals_of.items() if local is not None]

    def one_step_later(self, term: Term, time: Index) -> Term:
        """A formula about step t as one about another step, in which the state before is that of step t."""
        states = {self.step.term(now).label: self.step.term(now) for now in self.step.carried()}
        names = {symbol_term(label, term.shape): term for label, term in states.items()}
        return substitute(at_time(term, "t", time), names)

    def gradient(self, key: str) -> Term:
        """∂E/∂parameter; of attention alone, which has no steps, without the sum over time.

        Raises
        ------
        FormulaError
            If the sum would have more terms from step to step, as attention over all earlier states has.
        """
        term = self._contribution_of_a_step(key)
        if isinstance(self.step, AttentionStep):
            return term
        early = [one for one in leaves(term) if one.label.time is not None and one.label.time.offset < -1]
        if early:
            raise FormulaError(
                f"∂E/∂{key} is no sum with a fixed number of terms: at step t it reads all the states before it"
            )
        return sum_over(term, "t", Index("", 1), Index("T"))

    def _contribution_of_a_step(self, key: str) -> Term:
        """The contribution of step t to the gradient of a parameter."""
        if self.readout is not None and key in self.readout.gradients:
            return self.readout.gradients[key]
        pulled = [pulls[key] for pulls in self.step.pulls.values() if key in pulls]
        return add(pulled) if pulled else zero(self.step.term(key).shape)


def _pulled(jacobian: Term, seed: Term) -> Term:
    """(∂u/∂v)ᵀ δu; where u or v is a scalar, ∂u/∂v is a vector."""
    if not seed.shape:
        return scale(1, seed, jacobian)
    return inner(jacobian, seed) if jacobian.ndim == 1 else product(transpose(jacobian), seed)
