"""Trying a line on real nets, small ones first: the search for a counterexample."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from operator import add
from typing import Any

import numpy as np

from ..errors import FormulaError
from ..parsing.evaluate import MisfitError, evaluate
from ..parsing.names import moved, spoken, step_of, without_time
from ..parsing.syntax import Call, Expression, Line, Name, outside_sums, subexpressions
from .budget import Budget
from .rounding import MEASURED, Measured
from .simulation import Draws, OutsideError, Simulation, drive

__all__ = ["Counterexample", "CounterexampleSearch", "Trial"]

#: Sizes (T, H, D, K) from small to large, so that the first failure is a small one. From the fifth on all
#: sizes differ, so that no transposition can hide behind equal lengths.
LADDER = ((1, 1, 1, 2), (2, 1, 1, 2), (1, 2, 1, 2), (2, 2, 1, 2), (2, 2, 3, 4), (3, 3, 2, 4), (4, 2, 3, 5))
SEEDS = (0, 1)

#: Tried last, for lines that hold only of the few short numbers or only where values are small: (T, H, D, K), and how
#: often each kind of numbers is drawn.
LAST, LAST_DRAWS = (3, 3, 2, 4), ((Draws.CONTINUOUS, 2), (Draws.LARGE_STATES, 16), (Draws.LARGE_PARAMETERS, 3))

#: Both sides come from a few dozen operations in float64; what differs by more than this is different.
TOLERANCE = 1e-9

#: How far rounding can put a value off, as a part of the numbers that it was made of.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Counterexample:
    """A state that a real net reaches, in which the two sides of a line differ.

    Attributes
    ----------
    sizes : dict
        T, H, D and K of the net.
    step : int
        The time step t.
    letters : dict
        The values of the letters that the line uses.
    formula, truth : numpy.ndarray
        What the line's formula gives, and what the derivative really is.
    """

    sizes: dict[str, int]
    step: int
    letters: dict[str, np.ndarray] = field(repr=False)
    formula: np.ndarray
    truth: np.ndarray

    def __str__(self) -> str:
        sizes = ", ".join(f"{name}={size}" for name, size in self.sizes.items())
        letters = "".join(f", {name} = {_short(value)}" for name, value in self.letters.items())
        sides = f"the formula gives {_short(self.formula)}, true is {_short(self.truth)}"
        return f"at {sizes}, t={self.step}{letters}: {sides}"


def _short(value: Any) -> str:
    return np.array2string(np.asarray(value), precision=4, separator=", ").replace("\n", "")


@dataclass(frozen=True)
class Trial:
    """The outcome of a line on real nets.

    Attributes
    ----------
    counterexample : Counterexample or None
        The first state in which the line fails.
    held : int
        In how many states it held.
    undefined : int
        In how many states the formula had no finite value, as a quotient by 0 has none.
    early : bool
        Whether a gradient's formula speaks of a step before the first, in its sum over all steps: then it
        has no value in any run.
    """

    counterexample: Counterexample | None
    held: int
    undefined: int
    early: bool = False


class CounterexampleSearch:
    """Evaluates lines in reachable states of one cell.

    Attributes
    ----------
    definitions : dict of str to Expression
        Names that earlier lines gave to formulas.
    resize : bool
        Whether nets of other sizes than the cell's are tried.
    """

    def __init__(
        self, cell: Any, readout: Any, definitions: dict[str, Expression], budget: Budget, *, resize: bool = True
    ) -> None:
        self.budget = budget
        self.cell = cell
        self.resize = resize
        self.readout = readout
        self.definitions = definitions
        self._runs: dict[tuple[Any, int, Draws], Simulation] = {}
        self._defined: dict[tuple[Simulation, str, int], Any] = {}
        self._truths: dict[tuple[Simulation, str, str, int], np.ndarray] = {}
        self._remembered: Expression | None = None
        self._parts: dict[tuple[Simulation, int], dict[int, Measured]] = {}
        self._is_noting = False

    def trial(self, line: Line) -> Trial:
        """Try a line on the ladder, up to the first state in which it fails."""
        held = undefined = 0
        for sizes, seed in product(LADDER, SEEDS):
            self.budget.check()
            run = self._run(sizes, seed)
            for t, formula, truth in self._sides(line, run):
                if not np.isfinite(formula.value).all():
                    undefined += 1
                elif _differ(formula, truth):
                    return Trial(self._counterexample(line, run, t, formula, truth), held, undefined)
                else:
                    held += 1
        found = self._among_other_numbers(line) if held else None
        return Trial(found, held, undefined, held == undefined == 0 and self._starts_too_early(line))

    def _among_other_numbers(self, line: Line) -> Counterexample | None:
        """A state in which the line fails, among those with other numbers than short ones."""
        with np.errstate(all="ignore"):
            for draws, times in LAST_DRAWS:
                for seed in range(times):
                    self.budget.check()
                    run = self._run(LAST, seed, draws)
                    for t, formula, truth in self._sides(line, run):
                        finite = np.isfinite(formula.value).all() and np.isfinite(truth).all()
                        if finite and _differ(formula, truth):
                            return self._counterexample(line, run, t, formula, truth)
        return None

    def _counterexample(
        self, line: Line, run: Simulation, t: int, formula: Measured, truth: np.ndarray
    ) -> Counterexample:
        return Counterexample(dict(run.sizes), t + line.moved, self._letters(line, run, t), formula.value, truth)

    def _letters(self, line: Line, run: Simulation, t: int) -> dict[str, np.ndarray]:
        """The values of a line's letters, called as they are in the line as it was written."""
        values = {name: self._letter(name, run, t).value for name in self._names(line, run)}
        timed = run.timed | set(self.definitions)
        return {
            spoken(
                moved(name, -line.moved) if line.moved and without_time(name).removeprefix("d_") in timed else name
            ): value
            for name, value in values.items()
        }

    def _starts_too_early(self, line: Line) -> bool:
        """True if a sum over time in the line begins before the first step."""
        if not any(isinstance(part, Call) and part.function == "sum_t" for part in subexpressions(line.formula)):
            return False
        try:
            self._evaluate(line.formula, self._run(LADDER[-1], SEEDS[0]), 1)
        except OutsideError as error:
            return error.early
        return False

    def holds(self, line: Line) -> bool:
        """True if a line holds where sizes are all different; quick, for trying repairs."""
        tried = False
        try:
            for formula, truth in self.pairs(line):
                if _differ(formula, truth):
                    return False
                tried = True
        except FormulaError:
            return False
        return tried

    def remember(self, line: Line) -> None:
        """Work out every part of a line's formula, for `holds` of formulas that share most parts with it."""
        # Parts are known by their identity, so the formula has to stay.
        self._remembered, self._parts, self._is_noting = line.formula, {}, True
        try:
            for _ in self.pairs(line):
                pass
        except FormulaError:
            pass  # what was worked out before the fault is known
        finally:
            self._is_noting = False

    def pairs(self, line: Line) -> Iterator[tuple[Measured, np.ndarray]]:
        """Both sides of a line in a few states of nets whose sizes are all different."""
        for seed in SEEDS:
            for _, formula, truth in self._sides(line, self._run(LADDER[4], seed), strict=True):
                if np.isfinite(formula.value).all():
                    yield formula, truth

    def _run(self, sizes: tuple[int, ...], seed: int, draws: Draws = Draws.SHORT) -> Simulation:
        if (sizes, seed, draws) not in self._runs:
            named = dict(zip(("T", "H", "D", "K"), sizes, strict=True))
            if not self.resize:
                named["K"] = getattr(self.readout, "classes", named["K"])
            run = drive(self.cell, self.readout, named, seed, resize=self.resize, draws=draws)
            self._runs[sizes, seed, draws] = run
        return self._runs[sizes, seed, draws]

    def _sides(self, line: Line, run: Simulation, strict: bool = False) -> Iterator[tuple[int, Measured, np.ndarray]]:
        """``(t, formula, truth)`` at every step; at one if neither side of a parameter's gradient depends on it.

        Steps at which the line speaks of what lies outside the run are left out, or refused if `strict`.
        """
        constant = {*run.params, *run.readout_letters, *run.sizes}
        whole = line.of == "E" and line.by in constant and constant.issuperset(outside_sums(line.formula))
        for t in (1,) if whole else run.times:
            if t + line.moved < 1:
                continue
            try:
                formula = self._evaluate(line.formula, run, t)
                truth = self._truth(line, run, t)
            except (OutsideError, MisfitError):
                if strict:
                    raise
                continue
            yield t, formula, truth

    def _truth(self, line: Line, run: Simulation, t: int) -> np.ndarray:
        if line.of is None:
            return run.value(line.by, t)
        key = run, line.of, line.by, t
        if key not in self._truths:
            self._truths[key] = run.adjoint(line.by, t) if line.of == "E" else run.jacobian(line.of, line.by, t)
        return self._truths[key]

    def _evaluate(self, formula: Expression, run: Simulation, t: int) -> Measured:
        def over_time(inner: Expression) -> Measured:
            with np.errstate(all="ignore"):
                summands = [self._evaluate(inner, run, step) for step in range(1, run.steps + 1)]
                if len({one.shape for one in summands}) > 1:
                    raise MisfitError("the summands of different steps have different sizes, as weights α have")
                return reduce(add, summands)

        found: Measured = evaluate(
            formula,
            MEASURED,
            lambda name: self._letter(name, run, t),
            lambda name: self._size(name, run),
            over_time,
            known=self._parts.setdefault((run, t), {}) if self._is_noting else self._parts.get((run, t), {}),
            noting=self._is_noting,
        )
        return found

    def _letter(self, name: str, run: Simulation, t: int) -> Measured:
        stem = name if name in self.definitions else without_time(name)
        if stem in self.definitions:
            return self._definition(stem, run, t if stem == name else t + step_of(name))
        return Measured.given(run.value(name, t))

    def _definition(self, wanted: str, run: Simulation, t: int) -> Measured:
        """The value of a defined name; all names are worked out in their order, each once at every step."""
        if (run, wanted, t) in self._defined:
            return self._known(run, wanted, t)
        for name, formula in self.definitions.items():
            for step in range(1, run.steps + 2):
                if (run, name, step) not in self._defined:
                    self._defined[run, name, step] = self._or_error(formula, run, step)
            if name == wanted:
                break
        return self._known(run, wanted, t)

    def _known(self, run: Simulation, wanted: str, t: int) -> Measured:
        found = self._defined.get((run, wanted, t), OutsideError(wanted, t))
        if isinstance(found, OutsideError):
            raise found
        return found

    def _or_error(self, formula: Expression, run: Simulation, t: int) -> Any:
        try:
            return self._evaluate(formula, run, t)
        except OutsideError as error:
            return error

    def _size(self, name: str, run: Simulation) -> int:
        return run.sizes[name] if name in run.sizes else len(run.value(name, 1))

    def _names(self, line: Line, run: Simulation) -> list[str]:
        """The letters of a line that have one value at a step; what stands under sum_t has many."""
        inside = {
            name.name
            for part in subexpressions(line.formula)
            if isinstance(part, Call) and part.function == "sum_t"
            for name in subexpressions(part)
            if isinstance(name, Name)
        }
        names = [part.name for part in subexpressions(line.formula) if isinstance(part, Name)]
        return [name for name in dict.fromkeys(names) if name not in inside and name not in run.sizes]


def _differ(formula: Measured, truth: np.ndarray) -> bool:
    """True if two values are further apart than rounding can put them."""
    if formula.shape != truth.shape:
        return True
    scale = 1.0 + float(np.max(np.abs(truth), initial=0.0))
    with np.errstate(all="ignore"):
        allowed = TOLERANCE * scale + ROUNDING * formula.size
        return bool(np.any(np.abs(formula.value - truth) > allowed))
