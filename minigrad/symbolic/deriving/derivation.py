"""The closed forms that follow from one step of a cell: Jacobians, adjoints, gradients, the product over time."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import FormulaError, NoBoundError
from ..terms.arithmetic import ONE, zero
from ..terms.blocks import block
from ..terms.evaluate import evaluate
from ..terms.names import NEXT, Index, Label
from ..terms.normal_form import normal_form
from ..terms.products import identity, product
from ..terms.rebuild import substitute
from ..terms.symbols import symbol_term
from ..terms.term import Term
from .bounds import Bound, bound_of_state, bound_of_step
from .bptt import Recurrences
from .chain_rule import ChainRule
from .equations import ADJOINTS, as_latex, as_text, derivative, equation
from .induction import Transition, transition
from .proof import Statement, aligned
from .readout import TracedReadout, trace_readout
from .traced_step import BidirectionalStep, RecurrentStep, TracedStep, change_of, trace

__all__ = ["Derivation", "derive"]


def derive(cell: Any, readout: Any = None) -> "Derivation":
    """Derive a cell's closed forms from its own step function.

    Parameters
    ----------
    cell : Cell or Attention
        Anything with `init`, `initial_state`, `step` and `input_size`, as the cells of `cells`; or with
        `init` and `attend`, as `cells.Attention`, which is derived for a memory m_1, m_2, m_3; or with two
        such cells `forward` and `backward`, as `cells.Bidirectional`.
    readout : Readout, optional
        Anything with `init`, `logits`, `hidden_size` and `classes`; its loss is the cross-entropy.

    Returns
    -------
    Derivation
        Jacobians, adjoints, gradients, the product over time and bounds, as terms.

    Raises
    ------
    FormulaError
        If the step does something that has no formula.

    Examples
    --------
    >>> from cells import RNN
    >>> print(derive(RNN(2, 3)).jacobian("h", "h_prev"))
    diag(1 − h_t²) W
    """
    step = trace(cell)
    letters = {part for key in step.values for part in (key, key.rpartition(".")[2])}
    traced = None if readout is None else trace_readout(readout, step.term(step.output), letters)
    return Derivation(step, traced, cell)


class Derivation:
    """Closed forms of one cell.

    Attributes
    ----------
    step : TracedStep
        The step on symbols, with its local derivatives.
    readout : TracedReadout or None
        The readout on symbols, whose loss is the cross-entropy.
    cell : Cell or Attention
        What was derived.
    """

    def __init__(self, step: TracedStep, readout: TracedReadout | None = None, cell: Any = None) -> None:
        self.step = step
        self.readout = readout
        self.cell = cell
        self._chain = ChainRule(step)
        self._recurrences = Recurrences(step, readout)

    # -- names -------------------------------------------------------------------------------------

    @property
    def values(self) -> dict[str, Term]:
        """Every named value by its key: parameters, ``h_prev``, ``x``, gates, ``h``, and those of the readout."""
        own = {key: node.value for key, node in self.step.values.items()}
        return own if self.readout is None else self.readout.values | own

    @property
    def definitions(self) -> dict[str, Term]:
        """The formula of each computed value, in the order of computation."""
        return {key: term.args[0] for key, term in self.values.items() if term.kind == "named"}

    @property
    def state(self) -> tuple[str, ...]:
        """The parts of the state that the next step reads."""
        return tuple(self.step.carried())

    def resolve(self, name: str) -> str:
        """The full key of a value: "h" is the output of a deep net; a gate may go without its layer.

        Parameters
        ----------
        name : str
            As a user writes it.

        Returns
        -------
        str
            The key in `values`.

        Raises
        ------
        FormulaError
            If there is none, or more than one.
        """
        if name in self.values:
            return name
        if name in ("h", "h_prev"):
            output = self.step.output
            return output if name == "h" else self.step.carried().get(output, output)
        found = [key for key in self.values if key.endswith(f".{name}")]
        if len(found) != 1:
            several = f"{name!r} could be {', '.join(found)}" if found else f"there is no value named {name!r}"
            raise FormulaError(f"{several}; the names are {', '.join(self.values)}")
        return found[0]

    # -- derivatives -------------------------------------------------------------------------------

    def jacobian(self, out: str, wrt: str) -> Term:
        """∂out/∂wrt of one step in numerator layout, J[i, j] = ∂out_i/∂wrt_j.

        The parts of the state before, h_prev and c_prev, are independent of each other. For `wrt` a matrix
        of parameters the result is the change of `out` when that matrix W changes by ΔW.

        Parameters
        ----------
        out : str
            What is differentiated, such as ``h``, ``c`` or a gate.
        wrt : str
            By what: a part of the state before, ``x``, a gate or a parameter.

        Returns
        -------
        Term
            Of shape (m, n) for vectors of lengths m and n.

        Raises
        ------
        FormulaError
            If the step has no such value.
        """
        out, wrt = self.resolve(out), self.resolve(wrt)
        if out == wrt:
            own = self.values[out]
            return change_of(own) if own.ndim == 2 else identity(own.shape[0]) if own.shape else ONE
        if self.readout is not None and out in ("logits", "yhat"):
            return self._through_readout(self.readout, out, wrt)
        rows, columns = self.step.term(out).shape, self.step.term(wrt).shape
        found = self._chain.jacobian(out, wrt)
        if found is not None:
            return found
        return zero(rows if len(columns) == 2 else (*rows, *columns))

    def _through_readout(self, readout: TracedReadout, out: str, wrt: str) -> Term:
        """∂logits/∂wrt or ∂ŷ/∂wrt."""
        if out == "yhat":
            return readout.of_softmax if wrt == "logits" else product(readout.of_softmax, self.jacobian("logits", wrt))
        if wrt in readout.of_parameters:
            return readout.of_parameters[wrt]
        output = self.step.output
        return readout.jacobian if wrt == output else product(readout.jacobian, self.jacobian(output, wrt))

    @property
    def joint(self) -> Term:
        """∂(state)/∂(state before): for an LSTM the block matrix of h and c."""
        carried = self.step.carried()
        return block([[self.jacobian(now, before) for before in carried.values()] for now in carried])

    @cached_property
    def adjoints(self) -> dict[str, Term]:
        """δq_t = ∂E/∂q_t of every computed value q, from those computed after it: the recurrences of BPTT.

        δ at t+1 comes from the next step. Without a readout, ε_t is what the loss sends into the output.

        Raises
        ------
        FormulaError
            For a cell that attends over all its earlier states: the number of terms grows with time.
        """
        self._refuse_memory("adjoint recurrences")
        return self.adjoints_of_a_step

    @property
    def adjoints_of_a_step(self) -> dict[str, Term]:
        """As `adjoints`; of a cell that reads all of its earlier states, those of what only its own step reads."""
        return self._recurrences.adjoints

    def one_step_later(self, term: Term, time: Index = NEXT) -> Term:
        """A formula about step t as one about step t+1, in which the state before is that of step t.

        With `time` t−1: about the step before, for the half of a bidirectional net that goes back in time.

        Parameters
        ----------
        term : Term
            A formula about step t.
        time : Index
            The step that it shall be about.

        Returns
        -------
        Term
            Of the same shape.
        """
        return self._recurrences.one_step_later(term, time)

    @property
    def from_loss(self) -> Term:
        """∂E_t/∂(output), as far as it comes from the loss of step t itself; ε_t without a readout."""
        return self._recurrences.from_loss

    def sent_back(self, key: str) -> Term:
        """The contribution of step t alone to the adjoint of a value: Σ (∂u/∂value)ᵀ δu over what is computed from it.

        Parameters
        ----------
        key : str
            A value of the step, or of the state before it.

        Returns
        -------
        Term
            Of the shape of the value.
        """
        return self._recurrences.sent_back(key)

    @cached_property
    def gradients(self) -> dict[str, Term]:
        """∂E/∂parameter = Σ_t …, in terms of the adjoints δ.

        Raises
        ------
        FormulaError
            As `adjoints`.
        """
        self._refuse_memory("gradients as a sum over steps")
        return {key: self.gradient(key) for key in self._recurrences.parameters}

    def gradient(self, key: str) -> Term:
        """∂E/∂parameter; of attention alone, which has no steps, without the sum over time.

        Parameters
        ----------
        key : str
            A parameter, as in `gradients`.

        Returns
        -------
        Term
            Of the shape of the parameter.

        Raises
        ------
        FormulaError
            If the sum would have more terms from step to step, as attention over all earlier states has.
        """
        return self._recurrences.gradient(key)

    def _refuse_memory(self, what: str) -> None:
        if self.step.remembers():
            raise FormulaError(
                f"there are no {what} with a fixed number of terms: this cell reads all its earlier states; "
                "take jacobian(...) with respect to each of them"
            )

    def _recurrent(self, what: str) -> RecurrentStep:
        """The step, if it has a state of fixed size that goes from step to step."""
        if isinstance(self.step, BidirectionalStep):
            raise FormulaError(
                "a bidirectional net has no state that goes from step to step: its halves run against each other; "
                "derive each of its cells"
            )
        if not isinstance(self.step, RecurrentStep):
            raise FormulaError(
                f"an attention over a given memory has no steps in time, so there are no {what}; "
                "take jacobian(...) or bound(...) of single values, such as 'context' by 'm_1'"
            )
        self._refuse_memory(what)
        if not self.state:
            raise FormulaError(
                f"no value that this step computes is read by the next one, so there are no {what}: ∂h_t/∂h_{{t−1}} = 0"
            )
        return self.step

    def folded(self, term: Term) -> Term:
        """A formula multiplied out, with definitions that occur in it put back under their names.

        So Σ_s α_s m_s becomes the context again: ∂context/∂q = M diag(α) Mᵀ − context contextᵀ.

        Parameters
        ----------
        term : Term
            A formula about one step.

        Returns
        -------
        Term
            Equal to it.
        """
        names = {definition: self.values[key] for key, definition in self.definitions.items()}
        return substitute(normal_form(term), names)

    def evaluate(self, term: Term, params: Any, state: Any, x: Any, more: Mapping[Any, Any] | None = None) -> Any:
        """The value of a formula about one step, on arrays.

        Parameters
        ----------
        term : Term
            Such as `jacobian` gives.
        params, state : trees
            As the cell takes them; the state before the step.
        x : (D,)
            The input of the step.
        more : mapping, optional
            Values of other symbols, such as a change ``ΔW`` or an adjoint, by key or by term.

        Returns
        -------
        array
            Of the formula's shape.

        Raises
        ------
        FormulaError
            If a value or a size is missing, or the numbers lack a function.
        """
        if not isinstance(self.step, RecurrentStep):
            raise FormulaError("a formula of no single cell has no state to evaluate it at; use symbolic.evaluate")
        values = self.step.plan.keyed(params, state, x)
        sizes: dict[str, int] = {}
        for key, value in values.items():
            sizes |= dict(zip(self.step.term(key).shape, np.shape(value), strict=True))
        return evaluate(term, values | dict(more or {}), sizes=sizes)

    # -- over time ---------------------------------------------------------------------------------

    def product(self) -> Transition:
        """∂s_T/∂s_k = ∏ J_t for symbolic T and k, with its proof by induction.

        Returns
        -------
        Transition
            ``claim``, the formula; ``proof()``, its proof; ``equation()``, both sides.

        Raises
        ------
        FormulaError
            As `adjoints`.
        """
        step = self._recurrent("Jacobians of a state of fixed size")
        return transition(step, self.state, self.joint)

    def bound(self, out: str | None = None, wrt: str | None = None) -> Bound:
        """A proved bound of ‖∂s_t/∂s_{t−1}‖ and of the product over time, or of one Jacobian ‖∂out/∂wrt‖.

        Parameters
        ----------
        out, wrt : str, optional
            As `jacobian` takes them; without them the whole state by the state before.

        Returns
        -------
        Bound
            With ``evaluate(params, steps=T)``, and ``proof()``.

        Raises
        ------
        NoBoundError
            If nothing limits the Jacobian in terms of the parameters, as with gates that are exponentials, or if no
            state of fixed size goes from step to step, as with attention or in a convolution.
        """
        if out is not None and wrt is not None:
            out, wrt = self.resolve(out), self.resolve(wrt)
            return bound_of_step(self.step, self.jacobian(out, wrt), (out, wrt))
        try:
            step = self._recurrent("bounds over time")
        except FormulaError as error:
            raise NoBoundError(error.message) from error
        return bound_of_state(step, self.joint)

    # -- as text -----------------------------------------------------------------------------------

    def equations(self) -> dict[str, list[Statement]]:
        """All of it as equations under headings.

        Returns
        -------
        dict of str to list of Statement
            Each statement has ``text`` and ``latex``.
        """
        step, carried, values = self.step, self.step.carried(), self.values
        sections = {"The step": [equation(values[key], term) for key, term in self.definitions.items()]}
        befores = [key for key in step.before if key in carried.values() or step.remembers()]
        sections["Jacobians of one step"] = [
            derivative(step.term(out), step.term(wrt), self.jacobian(out, wrt))
            for out in dict.fromkeys((step.output, *carried))
            for wrt in befores
        ]
        if step.remembers():
            return sections
        sections[ADJOINTS] = [equation(step.seed(key), term) for key, term in self.adjoints.items()]
        E = symbol_term(Label("E"), ())
        sections["Gradients"] = [derivative(E, values[key], term) for key, term in self.gradients.items()]
        if carried and isinstance(step, RecurrentStep):
            sections["Over time"] = [self.product().equation(), *self._bound_over_time()]
        return sections

    def _bound_over_time(self) -> list[Statement]:
        """The bound of the product over time, if one is proved."""
        try:
            return [self.bound().over_time()]
        except NoBoundError:
            return []

    def text(self) -> str:
        """The derivation as text.

        Returns
        -------
        str
            What `equations` says, under its headings.
        """
        return as_text(self.equations())

    def latex(self) -> str:
        """The derivation as LaTeX: a paragraph and an `align*` for each part. Needs amsmath.

        Returns
        -------
        str
            For a document that uses amsmath.
        """
        return as_latex(self.equations())

    def _repr_latex_(self) -> str:
        lines = [line.latex for rows in self.equations().values() for line in rows]
        return aligned([f"& {line}" for line in lines])

    def __repr__(self) -> str:
        return f"<Derivation of a step from ({', '.join(self.step.before)}) to ({', '.join(self.step.after)})>"
