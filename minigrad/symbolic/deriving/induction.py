"""∂s_T/∂s_k for symbolic T and k: an ordered product of step Jacobians, proved by induction on T.

Base: for T = k the product is empty, and the state is its own derivative. Step: s_T(s_k) is an opaque node
of the graph whose reverse rule *is* the hypothesis; the engine's reverse sweep goes through one more step
and that node, and what arrives must be the claim for T + 1. A claim that is only consistent with itself
passes the step and fails the base, so both are always run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...primitive import Primitive
from ...sweep import reverse_sweep
from ...tensor import Tensor, leaf
from ..errors import FormulaError
from ..printing.latex import latex
from ..printing.text import text
from ..terms.blocks import block
from ..terms.linear import read_linear
from ..terms.names import Index, Label
from ..terms.normal_form import equal
from ..terms.products import cell, identity, ordered_product, product, transpose
from ..terms.rebuild import at_time
from ..terms.symbols import symbol_term
from ..terms.term import Term
from .proof import Proof, ProofStep, Statement
from .traced_step import RecurrentStep, seed_of

__all__ = ["Transition", "peel", "transition"]

_FIRST, _START, _LAST = Index("k", 1), Index("k"), Index("T")


@dataclass(frozen=True)
class Transition:
    """The claim that ∂s_T/∂s_k is a given formula, and its proof.

    Attributes
    ----------
    step : RecurrentStep
    parts : tuple of str
        The parts of the state s that a step reads, such as h and c.
    jacobian : Term
        J_t = ∂s_t/∂s_{t−1}; of several parts, a matrix of blocks.
    claim : Term
        In the letters T and k.
    """

    step: RecurrentStep
    parts: tuple[str, ...]
    jacobian: Term
    claim: Term

    @property
    def term(self) -> Term:
        """The formula of ∂s_T/∂s_k."""
        return self.claim

    def equation(self) -> Statement:
        """The claim as an equation."""
        end, start = self._state(_LAST, text), self._state(_START, text)
        end_latex, start_latex = self._state(_LAST, latex), self._state(_START, latex)
        return Statement(
            f"∂{end}/∂{start} = {text(self.claim)}",
            rf"\frac{{\partial {end_latex}}}{{\partial {start_latex}}} = {latex(self.claim)}",
        )

    def proof(self) -> Proof:
        """Base and step, each checked by running the engine on symbols."""
        base_claim = at_time(self.claim, "T", _START)
        following = at_time(self.claim, "T", _LAST.shifted(1))
        base = ProofStep(
            Statement(f"T = k: ∂s_k/∂s_k = I = {text(base_claim)}", rf"T = k:\ I = {latex(base_claim)}"),
            "base case: a state is its own derivative; the claim at T = k, an empty product is I",
            lambda: equal(base_claim, identity(self.jacobian.shape[0])),
        )
        step = ProofStep(
            self._step_statement(following),
            "induction step: reverse sweep through step T+1 and the hypothesis, then one factor peeled off",
            lambda: equal(self._in_blocks(self.swept()), self._in_blocks(peel(following))),
        )
        return Proof(
            self.equation(),
            ("the chain rule, as the engine's reverse sweep applies it", "induction on T ≥ k"),
            ("the same step function at every t",),
            (base, step),
        )

    def _step_statement(self, following: Term) -> Statement:
        """The result of the sweep and the claim for T+1; for several parts, with P_T for the claim, which is long."""
        if len(self.parts) > 1:
            return Statement(
                "T → T+1: with P_T for the claim, block by block the sweep gives J_{T+1} P_T; the claim is P_{T+1}",
                r"T \to T+1:\ J_{T+1}\, P_T = P_{T+1}",
            )
        swept = self.swept()
        return Statement(
            f"T → T+1: the sweep gives {text(swept)}; the claim is {text(following)}",
            rf"T \to T+1:\ {latex(swept)} = {latex(following)}",
        )

    def text(self) -> str:
        """The claim and its proof."""
        return self.proof().text()

    def latex(self) -> str:
        """The claim and its proof."""
        return self.proof().latex()

    def _repr_latex_(self) -> str:
        return self.latex()

    def _state(self, time: Index, write: Callable[[Term], str]) -> str:
        """The state's letters at a time: ``h_T``, ``(h_T, c_T)``."""
        terms = [write(self._at(part, time)) for part in self.parts]
        return terms[0] if len(terms) == 1 else f"({', '.join(terms)})"

    def _at(self, part: str, time: Index) -> Term:
        term = self.step.term(part)
        return symbol_term(term.label.at(time), term.shape)

    def _grid(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        sizes = tuple(self.step.term(part).shape[0] for part in self.parts)
        return sizes, sizes

    def _in_blocks(self, matrix: Term) -> Term:
        """A product of several parts, multiplied out block by block, so that two of them can be compared."""
        count = len(self.parts)
        if count == 1:
            return matrix
        factors = matrix.args if matrix.kind == "product" else (matrix,)
        opened = [
            block([[cell(one, i, j, self._grid()) for j in range(count)] for i in range(count)]) for one in factors
        ]
        return product(*opened)

    def swept(self) -> Term:
        """∂s_{T+1}/∂s_k by the engine: one step on top of opaque nodes that have the claim for their rule."""
        starts = {part: leaf(self._at(part, _START)) for part in self.parts}
        opaque = {part: self._opaque(i, list(starts.values())) for i, part in enumerate(self.parts)}
        reached = self.step.run_from(opaque, _LAST)
        rows = []
        for part in self.parts:
            node = reached[part]
            seed = seed_of(Label(part.replace(".", "_"), _LAST.shifted(1)), node.shape)
            found = reverse_sweep([(node, seed)], targets=starts.values()).nodes
            rows.append([transpose(read_linear(found[start], seed)) for start in starts.values()])
        return block(rows)

    def _opaque(self, i: int, starts: list[Tensor]) -> Tensor:
        """s_T as a function of s_k, of which nothing is known but the hypothesis: its Jacobian is the claim."""

        def rule(j: int) -> Callable[..., Term]:
            jacobian = cell(self.claim, i, j, self._grid()) if len(self.parts) > 1 else self.claim
            return lambda g, y, *xs: product(transpose(jacobian), g)

        rules = tuple(rule(j) for j in range(len(starts)))
        primitive = Primitive("hypothesis", _unknown, rules, (None,) * len(rules))
        values = [start.value for start in starts]
        return Tensor(self._at(self.parts[i], _LAST), primitive, tuple(starts), values, {}, tracked=True)


def _unknown(*xs: Any) -> Any:
    raise FormulaError("a state of symbolic time has no value, only a derivative")


def transition(step: RecurrentStep, parts: tuple[str, ...], jacobian: Term) -> Transition:
    """The chain rule's claim: the latest factor on the left."""
    return Transition(step, parts, jacobian, ordered_product(jacobian, "t", _FIRST, _LAST))


def peel(term: Term) -> Term:
    """Take the latest factor of an ordered product out: ``J_{T+1} ∏_{t=T..k+1} J_t``."""
    if term.kind != "ordered":
        return term
    letter, first, last, descending = term.data
    newest = at_time(term.args[0], letter, last)
    rest = ordered_product(term.args[0], letter, first, last.shifted(-1), descending=descending)
    return product(newest, rest) if descending else product(rest, newest)
