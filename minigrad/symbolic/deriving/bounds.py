"""Proved bounds of ‖∂s_t/∂s_{t−1}‖ and of the product over T − k steps, in norms of the parameters."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...pytree import flatten, flatten_like
from ..errors import FormulaError, NoBoundError
from ..terms.evaluate import evaluate
from ..terms.names import NOW, PREVIOUS, Index, Label
from ..terms.symbols import symbol_term
from ..terms.term import Term, make
from ..terms.traversal import leaves, subterms, visible
from .activation_bounds import slope_proof, softmax_proof, vanishing_proof
from .norms import AXIOMS, Inequality, Interval, Norms, Ranges
from .proof import Proof, ProofStep, Statement
from .traced_step import RecurrentStep, TracedStep

__all__ = ["X_MAX", "Bound", "bound_of_state", "bound_of_step", "given_intervals", "input_limit", "invariant_parts"]

_UNIT = (Fraction(-1), Fraction(1))

#: The largest magnitude in any input.
X_MAX = symbol_term(Label("x_max"), ())


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
    subject : (str, str) or None
        Keys of what is differentiated by what; None for the state by the state before.
    """

    step: TracedStep
    jacobian: Term
    factor: Term
    within: tuple[str, ...]
    growth: Mapping[str, Term]
    inequalities: tuple[Inequality, ...]
    subject: tuple[str, str] | None = None

    @property
    def constant(self) -> bool:
        """True if the factor is the same at every step."""
        return not any(part.kind in ("symbol", "named") and part.label.time for part in subterms([self.factor]))

    # -- numbers -----------------------------------------------------------------------------------

    def evaluate(self, params: Any, *, steps: int = 1, start: float = 1.0, inputs: float | None = None) -> float:
        """The factor for some parameters: no step of the first `steps` stretches a gradient more.

        Parameters
        ----------
        params : tree
            As the cell's `init` makes them.
        steps : int
            How many steps there are; only matters where the state may grow, see `growth`.
        start : float
            The largest magnitude in the initial state, at most 1 where `within` assumes it.
        inputs : float, optional
            x_max, the largest magnitude in any input: needed where the bound holds it, see `needs_inputs`.

        Raises
        ------
        FormulaError
            If the factor depends on values other than parameters, the state's size and the inputs', or on
            those of the inputs, and they are not given.
        """
        return max(self.factors(params, steps=steps, start=start, inputs=inputs))

    @property
    def needs_inputs(self) -> bool:
        """True if the bound holds x_max, the largest magnitude in any input, as where an activation is unbounded."""
        return any(part is X_MAX for part in subterms([self.factor, *self.growth.values()]))

    def factors(self, params: Any, *, steps: int, start: float = 1.0, inputs: float | None = None) -> list[float]:
        """The bound of each of the first `steps` steps; their product bounds the Jacobian over all of them."""
        if inputs is None and self.needs_inputs:
            raise FormulaError("this bound grows with the inputs: pass inputs=, the largest magnitude in any of them")
        values = self._values(params) | {X_MAX: inputs}
        values |= self._fixed_norms(values)
        sizes = dict.fromkeys(self.growth, start)
        found = []
        for _ in range(steps):
            known = values | {self._largest_before(key): size for key, size in sizes.items()}
            found.append(float(evaluate(self.factor, known)))
            sizes = {key: float(evaluate(bound, known)) for key, bound in self.growth.items()}
        return found

    def _fixed_norms(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """The norms that are the same at every step, those of parameters, by their terms."""
        found = {}
        for part in subterms([self.factor, *self.growth.values()]):
            if part.kind == "norm":
                with suppress(FormulaError):  # a norm that depends on the state is computed at each step
                    found[part] = evaluate(part, values)
        return found

    def value(self, values: Mapping[Any, Any]) -> float:
        """The factor for given arrays, by key: parameters, and whatever else it holds."""
        return float(evaluate(self.factor, values))

    def _values(self, params: Any) -> dict[Any, Any]:
        if not isinstance(self.step, RecurrentStep):
            raise FormulaError("this bound is of no single cell: give its arrays by key to value(...)")
        structure = flatten(self.step.plan.params)[1]
        return dict(zip(self.step.parameters, flatten_like(structure, params, "params"), strict=True))

    def _largest_before(self, key: str) -> Term:
        return make("largest", (self.step.term(self.step.carried()[key]),))

    # -- words -------------------------------------------------------------------------------------

    def statement(self) -> Statement:
        """‖∂s_t/∂s_{t−1}‖ ≤ factor."""
        write, tex = Term.text, Term.latex
        ends = self._ends(NOW, PREVIOUS, write), self._ends(NOW, PREVIOUS, tex)
        return _norm_at_most(ends, write(self.factor), tex(self.factor))

    def over_time(self) -> Statement:
        """‖∂s_T/∂s_k‖ ≤ factor^(T−k), or the product of the factors if they change."""
        write, tex = Term.text, Term.latex
        ends = self._ends(Index("T"), Index("k"), write), self._ends(Index("T"), Index("k"), tex)
        first, last = Index("k", 1), Index("T")
        if self.constant:
            power = make("span", (self.factor,), (first, last))
            words, formula = write(power), tex(power)
        else:
            words = f"∏_{{t=k+1..T}} ({write(self.factor)})"
            formula = rf"\prod_{{t=k+1}}^{{T}} \left({tex(self.factor)}\right)"
        return _norm_at_most(ends, words, formula)

    def _ends(self, end: Index, start: Index, write: Callable[[Term], str]) -> tuple[str, str]:
        """The value that is differentiated and the one by which, as they are written."""
        if self.subject is not None:
            out, wrt = self.subject
            return write(self.step.term(out)), write(self.step.term(wrt))
        return self._state(end, write), self._state(start, write)

    def _state(self, time: Index, write: Callable[[Term], str]) -> str:
        """The state's letters at a time."""
        terms = [self.step.term(key) for key in self.step.carried()]
        names = [write(symbol_term(term.label.at(time), term.shape)) for term in terms]
        return names[0] if len(names) == 1 else f"({', '.join(names)})"

    def proof(self) -> Proof:
        """Every inequality again, the slopes by SymPy, and the product over time."""
        steps = self._slope_steps()
        steps += [self._stays(key) for key in self.within]
        for line in self.inequalities:
            steps.append(ProofStep(_inequality(line), AXIOMS.get(line.rule, line.rule), self._again(line)))
        claim = self.over_time() if self.subject is None else self.statement()
        reason = "one factor for each step, ‖A B‖ ≤ ‖A‖ ‖B‖" if self.subject is None else "the lines above"
        steps.append(ProofStep(claim, reason, self._bounds_the_step))
        rules = [line.rule for line in self.inequalities] + (["product"] if self.subject is None else [])
        axioms = tuple(dict.fromkeys(AXIOMS[rule] for rule in rules if rule in AXIOMS))
        return Proof(claim, axioms, self.assumptions(), tuple(steps))

    def _stays(self, key: str) -> ProofStep:
        """The step that shows that a part of the state stays in [−1, 1]."""
        now, before = self.step.term(key), self.step.term(self.step.carried()[key])
        write, tex = Term.text, Term.latex
        return ProofStep(
            Statement(
                f"if |{write(before)}| ≤ 1 in every entry, then |{write(now)}| ≤ 1",
                rf"\left|{tex(before)}\right| \le 1 \;\Longrightarrow\; \left|{tex(now)}\right| \le 1",
            ),
            "interval arithmetic on the step",
            lambda: _inside(Ranges(self._given()).interval(now)),
        )

    def assumptions(self) -> tuple[str, ...]:
        """The assumptions of the bound."""
        kept = [f"every entry of the initial {key} is in [−1, 1]; then it stays there" for key in self.within]
        grown = [
            f"max|{key}_t| grows by no more than max|{key}_t| ≤ {bound.text()}" for key, bound in self.growth.items()
        ]
        inputs = ["every entry of every input is in [−x_max, x_max]"] if self.needs_inputs else []
        return (*kept, *grown, *inputs, "spectral norms")

    def limit(self) -> Proof:
        """The limit for T → ∞: the gradient vanishes if the factor is below 1."""
        write, tex = Term.text, Term.latex
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
            norms = self._norms()
            bound = norms.norm if line.left.kind == "norm" else norms.largest
            return bound(line.left.args[0]) is line.right

        return check

    def _norms(self) -> Norms:
        return Norms(self._given(), input_limit(self.step))

    def _bounds_the_step(self) -> bool:
        return self._norms().norm(self.jacobian) is self.factor

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


def _norm_at_most(ends: tuple[tuple[str, str], tuple[str, str]], words: str, formula: str) -> Statement:
    """‖∂a/∂b‖ ≤ … as text and as LaTeX."""
    (end, start), (end_tex, start_tex) = ends
    return Statement(
        f"‖∂{end}/∂{start}‖ ≤ {words}",
        rf"\left\lVert \frac{{\partial {end_tex}}}{{\partial {start_tex}}} \right\rVert \le {formula}",
    )


def _inside(interval: Interval | None) -> bool:
    """True if an interval is known and lies in [−1, 1]."""
    return interval is not None and interval[0] >= -1 and interval[1] <= 1


def _inequality(line: Inequality) -> Statement:
    write, tex = Term.text, Term.latex
    return Statement(f"{write(line.left)} ≤ {write(line.right)}", rf"{tex(line.left)} \le {tex(line.right)}")


def given_intervals(step: TracedStep, within: tuple[str, ...]) -> dict[Term, Interval]:
    """The state before the step, in [−1, 1] where that is assumed."""
    carried = step.carried()
    return {step.term(carried[key]): _UNIT for key in within}


def input_limit(step: TracedStep) -> dict[Term, Term]:
    """The input, if the step has one, with the assumption about it: max|x_t| ≤ x_max."""
    return {step.term("x"): X_MAX} if "x" in step.values else {}


def invariant_parts(step: TracedStep) -> tuple[str, ...]:
    """The parts of the state that stay in [−1, 1] together: what leaves it is dropped until nothing does."""
    parts = tuple(step.carried())
    while True:
        ranges = Ranges(given_intervals(step, parts))
        kept = tuple(key for key in parts if _inside(ranges.interval(step.term(key))))
        if kept == parts:
            return kept
        parts = kept


def _needed_parts(step: TracedStep, within: tuple[str, ...], used: set[Term]) -> tuple[str, ...]:
    """Of the parts that stay in [−1, 1] those that were used, and those that they need in order to stay there."""
    carried = step.carried()
    needed = {key for key in within if step.term(carried[key]) in used}
    while True:
        ranges = Ranges(given_intervals(step, within))
        for key in needed:
            ranges.interval(step.term(key))
        more = needed | {key for key in within if step.term(carried[key]) in ranges.used}
        if more == needed:
            return tuple(key for key in within if key in needed)
        needed = more


def bound_of_step(step: TracedStep, jacobian: Term, subject: tuple[str, str] | None = None) -> Bound:
    """Bound the Jacobian of a step by the calculus of norms."""
    within = invariant_parts(step)
    norms = Norms(given_intervals(step, within), input_limit(step))
    factor = norms.norm(jacobian)
    inequalities = tuple(norms.found)
    growth = _growth(step, norms, factor, within)
    needed = _needed_parts(step, within, norms.ranges.used)
    return Bound(step, jacobian, factor, needed, growth, inequalities, subject)


def bound_of_state(step: RecurrentStep, jacobian: Term) -> Bound:
    """Bound ‖∂s_t/∂s_{t−1}‖ by norms of the parameters, and by what is known to limit the state and the inputs.

    Raises
    ------
    NoBoundError
        If the bound holds the size of a value that nothing limits.
    """
    bound = bound_of_step(step, jacobian)
    given = {*(step.term(key) for key in step.parameters), X_MAX}
    limited = {make("largest", (step.term(step.carried()[key]),)) for key in bound.growth}

    def opened(part: Term) -> tuple[Term, ...]:
        return () if part in limited else visible(part)

    for part in subterms([bound.factor, *bound.growth.values()], opened):
        sized = part.kind in ("norm", "largest", "row_sums") and part not in limited
        if sized and not given.issuperset(leaves(part, opened)):
            raise NoBoundError(f"the bound of one step holds {part}, which the parameters alone do not limit")
    return bound


def _growth(step: TracedStep, norms: Norms, factor: Term, within: tuple[str, ...]) -> dict[str, Term]:
    """For each part of the state of which the bound holds the size: a bound of its size after the step."""
    befores = {make("largest", (step.term(key),)): now for now, key in step.carried().items() if now not in within}
    growth: dict[str, Term] = {}
    waiting = [factor]
    while waiting:
        held = [befores[part] for part in subterms([waiting.pop()]) if part in befores]
        for now in held:
            if now not in growth:
                growth[now] = norms.largest(step.term(now))
                waiting.append(growth[now])
    return {now: growth[now] for now in befores.values() if now in growth}
