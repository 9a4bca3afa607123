"""How much one step, and T − k steps, can stretch or shrink a gradient: proved bounds in the parameters' norms."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..tree import flatten, flatten_like
from .evaluate import evaluate
from .intervals import Interval, Ranges
from .labels import Index
from .norms import AXIOMS, Inequality, Norms
from .proof import Proof, ProofStep, Statement
from .slopes import slope_proof, softmax_proof, vanishing_proof
from .terms import PRINTERS, Term, make
from .walk import subterms

if TYPE_CHECKING:
    from .onestep import TracedStep

__all__ = ["Bound", "bound_of_step"]

_UNIT = (Fraction(-1), Fraction(1))


@dataclass(frozen=True)
class Bound:
    """‖J_t‖ ≤ factor, and so ‖∂s_T/∂s_k‖ ≤ factor^(T−k).

    Attributes
    ----------
    step : TracedStep
    jacobian : Term
        J_t.
    factor : Term
        The bound of one step, in norms of parameters; it may hold max|c_{t−1}|, which grows with time.
    within : tuple of str
        Parts of the state whose entries stay in [−1, 1] once they are there; what the bound assumes of them.
    growth : dict
        For parts of the state that may grow: a bound of max|c_t| in max|c_{t−1}|.
    inequalities : tuple of Inequality
    """

    step: "TracedStep"
    jacobian: Term
    factor: Term
    within: tuple[str, ...]
    growth: Mapping[str, Term]
    inequalities: tuple[Inequality, ...]

    @property
    def constant(self) -> bool:
        """Whether the factor is the same at every step."""
        return not any(part.kind == "largest" and part.args[0].data.time for part in subterms([self.factor]))

    # -- numbers -----------------------------------------------------------------------------------

    def evaluate(self, params: Any, *, steps: int = 1, start: float = 1.0) -> float:
        """The factor for some parameters: no step of the first `steps` stretches a gradient more.

        Parameters
        ----------
        params : tree
            As the cell's `init` makes them.
        steps : int
            How many steps there are; only matters where the state may grow, see `growth`.
        start : float
            The largest |entry| of the initial state, at most 1 where `within` assumes it.

        Raises
        ------
        FormulaError
            If the factor depends on values other than parameters and the state's size.
        """
        return max(self.factors(params, steps=steps, start=start))

    def factors(self, params: Any, *, steps: int, start: float = 1.0) -> list[float]:
        """The bound of each of the first `steps` steps; their product bounds the Jacobian over all of them."""
        values = self._values(params)
        sizes = dict.fromkeys(self.growth, start)
        found = []
        for _ in range(steps):
            known = values | {self._largest_before(key): size for key, size in sizes.items()}
            found.append(float(evaluate(self.factor, known)))
            sizes = {key: float(evaluate(bound, known)) for key, bound in self.growth.items()}
        return found

    def _values(self, params: Any) -> dict[Any, Any]:
        assert self.step.plan is not None
        structure = flatten(self.step.plan.params)[1]
        return dict(zip(self.step.parameters, flatten_like(structure, params, "params"), strict=True))

    def _largest_before(self, key: str) -> Term:
        return make("largest", (self.step.term(self.step.carried()[key]),))

    # -- words -------------------------------------------------------------------------------------

    def statement(self) -> Statement:
        """‖∂s_t/∂s_{t−1}‖ ≤ factor."""
        write, tex = PRINTERS["text"], PRINTERS["latex"]
        end, start = self._state("t"), self._state("t-1")
        return Statement(
            f"‖∂{end}/∂{start}‖ ≤ {write(self.factor)}",
            rf"\left\lVert \frac{{\partial {_tex(end)}}}{{\partial {_tex(start)}}} \right\rVert \le {tex(self.factor)}",
        )

    def over_time(self) -> Statement:
        """‖∂s_T/∂s_k‖ ≤ factor^(T−k), or the product of the factors if they change."""
        write, tex = PRINTERS["text"], PRINTERS["latex"]
        end, start = self._state("T"), self._state("k")
        first, last = Index("k", 1), Index("T")
        if self.constant:
            power = make("span", (self.factor,), (first, last))
            words, formula = write(power), tex(power)
        else:
            words = f"∏_{{t=k+1..T}} ({write(self.factor)})"
            formula = rf"\prod_{{t=k+1}}^{{T}} \left({tex(self.factor)}\right)"
        return Statement(
            f"‖∂{end}/∂{start}‖ ≤ {words}",
            rf"\left\lVert \frac{{\partial {_tex(end)}}}{{\partial {_tex(start)}}} \right\rVert \le {formula}",
        )

    def _state(self, time: str) -> str:
        names = [
            f"{key.replace('.', '_')}_{{{time}}}" if len(time) > 1 else f"{key}_{time}" for key in self.step.carried()
        ]
        return names[0] if len(names) == 1 else f"({', '.join(names)})"

    def proof(self) -> Proof:
        """Every inequality again, the slopes by SymPy, and the product over time."""
        steps = [*self._slope_steps()]
        for line in self.inequalities:
            steps.append(ProofStep(_inequality(line), AXIOMS.get(line.rule, line.rule), self._again(line)))
        steps.append(ProofStep(self.over_time(), "one factor for each step, ‖A B‖ ≤ ‖A‖ ‖B‖", self._bounds_the_step))
        axioms = dict.fromkeys(AXIOMS[line.rule] for line in self.inequalities if line.rule in AXIOMS)
        return Proof(
            self.over_time(),
            (*axioms, AXIOMS["product"]) if AXIOMS["product"] not in axioms else tuple(axioms),
            self.assumptions(),
            tuple(steps),
        )

    def assumptions(self) -> tuple[str, ...]:
        """What the bound takes for granted."""
        kept = [f"every entry of the initial {key} is in [−1, 1]; then it stays there" for key in self.within]
        grown = [
            f"max|{key}_t| grows by no more than max|{key}_t| ≤ {PRINTERS['text'](bound)}"
            for key, bound in self.growth.items()
        ]
        return (*kept, *grown, "spectral norms")

    def limit(self) -> Proof:
        """What follows for T → ∞: the gradient vanishes if the factor is below 1."""
        write, tex = PRINTERS["text"], PRINTERS["latex"]
        return vanishing_proof(Statement(write(self.factor), tex(self.factor)))

    def _slope_steps(self) -> list[ProofStep]:
        """The facts about activation functions that the step uses, each a proof of its own."""
        used = [node.value.args[0] for node in self.step.values.values() if node.value.kind == "named"]
        proofs = {
            part.data: slope_proof(part.data)
            for part in subterms(used)
            if part.kind == "function" and part.data in ("tanh", "sigmoid")
        }
        if any(part.kind == "softmax" for part in subterms(used)):
            proofs["softmax"] = softmax_proof()
        return [ProofStep(proof.claim, "a proof of its own, by SymPy", _holds(proof)) for proof in proofs.values()]

    def _again(self, line: Inequality) -> Any:
        """Apply the rules to the left side again; the same right side must come out."""

        def check() -> bool:
            norms = Norms(self._given())
            bound = norms.norm if line.left.kind == "norm" else norms.largest
            return bound(line.left.args[0]) is line.right

        return check

    def _bounds_the_step(self) -> bool:
        return Norms(self._given()).norm(self.jacobian) is self.factor

    def _given(self) -> dict[Term, Interval]:
        return given_intervals(self.step, self.within)

    def text(self) -> str:
        """The bound and its proof."""
        return f"{self.statement().text}\n{self.proof().text()}"

    def latex(self) -> str:
        """The bound and its proof."""
        return self.proof().latex()

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.over_time().latex}$"


def _holds(proof: Proof) -> Any:
    return lambda: proof.holds


def _tex(state: str) -> str:
    return state


def _inequality(line: Inequality) -> Statement:
    write, tex = PRINTERS["text"], PRINTERS["latex"]
    return Statement(f"{write(line.left)} ≤ {write(line.right)}", rf"{tex(line.left)} \le {tex(line.right)}")


def given_intervals(step: "TracedStep", within: tuple[str, ...]) -> dict[Term, Interval]:
    """The state before the step, in [−1, 1] where that is assumed."""
    carried = step.carried()
    return {step.term(carried[key]): _UNIT for key in within}


def invariant_parts(step: "TracedStep") -> tuple[str, ...]:
    """The parts of the state that stay in [−1, 1] together: what leaves it is dropped until nothing does."""
    parts = tuple(step.carried())
    while True:
        ranges = Ranges(given_intervals(step, parts))
        found = {key: ranges.interval(step.term(key)) for key in parts}
        kept = tuple(key for key, one in found.items() if one is not None and one[0] >= -1 and one[1] <= 1)
        if kept == parts:
            return kept
        parts = kept


def bound_of_step(step: "TracedStep", jacobian: Term) -> Bound:
    """Bound the Jacobian of a step by the calculus of norms."""
    within = invariant_parts(step)
    norms = Norms(given_intervals(step, within))
    factor = norms.norm(jacobian)
    carried = step.carried()
    inequalities = tuple(norms.found)
    growth = {key: norms.largest(step.term(key)) for key in carried if key not in within}
    needed = {part.args[0] for part in subterms([factor]) if part.kind == "largest"}
    growth = {key: bound for key, bound in growth.items() if step.term(carried[key]) in needed}
    used = tuple(key for key in within if step.term(carried[key]) in norms.ranges.used)
    return Bound(step, jacobian, factor, used, growth, inequalities)
