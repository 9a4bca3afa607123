"""Comparison of what a backward pass returns with the right gradients: right, wrong, or undecided and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .cases import BackwardError, BadShape, Functions, Leaf, is_real
from .judges import AUTOMATIC_JUDGE, SPREAD, Judgement, Slopes, automatic, beside, leaves_of, numerical, rounding_of

__all__ = ["Arguments", "Finding", "Gradients", "findings", "judged"]

Arguments = tuple[object, ...]
Gradients = list[np.ndarray | BadShape]
Status = Literal["right", "wrong", "undecided"]

#: Tolerances relative to each entry and to the largest entry of its array. A hand-written gradient may sum in another
#: order than an automatic one; what is wrong by a factor, a sign or a path is off by far more.
AUTOMATIC = (1e-6, 1e-11)
NUMERICAL = (1e-4, 1e-7)

#: The same for a pass that computes in a lower precision, in units of its machine epsilon.
ROUNDED = (1000, 100)

#: But never more than this part.
MOST = 0.02

#: So many times its measured rounding may a gradient be off. The measure is a maximum of six samples.
SAFETY = 30

#: The largest rounding that is believed, relative to the largest gradient.
JUMP = 1e-3

#: Arrays with more entries than this, all together, are first compared along directions if the judge is numerical.
FEW = 12

#: Distance of the points beside a kink, and their number.
APART, AROUND = 1e-5, 16


#: Reasons why nothing can be said at some arguments.
KINK = "the loss has a kink at these arguments; take others"
DIVERGENT = "no difference quotient of the loss converges at these arguments; take others"


@dataclass(frozen=True)
class Finding:
    """The verdict on one gradient at one case.

    Attributes
    ----------
    leaf : Leaf
    status : {"right", "wrong", "undecided"}
    got, expected : numpy.ndarray or BadShape
    judge : str
    reason : str
        Of an undecided one.
    """

    leaf: Leaf
    status: Status
    got: np.ndarray | BadShape
    expected: np.ndarray
    judge: str
    reason: str = ""


def judged(functions: Functions, args: Arguments) -> Judgement:
    """The right gradients: automatic where the forward pass runs on Tensors, numerical otherwise."""
    return automatic(functions, args) or numerical(functions, args)


def findings(functions: Functions, args: Arguments, got: Gradients) -> list[Finding]:
    """The verdicts on all gradients at one point."""
    judgement = automatic(functions, args)
    if judgement is None:
        if _agree_along_directions(functions, args, got):
            names = functions.leaves(args)
            return [Finding(leaf, "right", g, np.zeros(0), "") for leaf, g in zip(names, got, strict=True)]
        judgement = numerical(functions, args)
    return list(_Comparison(functions, args, got, judgement).findings())


def _tolerance(expected: np.ndarray, judgement: Judgement, epsilon: float) -> np.ndarray:
    """The tolerance of each entry where nothing is known of the pass but its precision."""
    relative, absolute = AUTOMATIC if judgement.name == AUTOMATIC_JUDGE else NUMERICAL
    if epsilon > np.finfo(np.float64).eps:
        relative = max(relative, min(ROUNDED[0] * epsilon, MOST))
        absolute = max(absolute, min(ROUNDED[1] * epsilon, MOST))
    return np.asarray(relative * np.abs(expected) + absolute * np.max(np.abs(expected), initial=0.0))


def _agree_along_directions(functions: Functions, args: Arguments, got: Gradients) -> bool:
    """Return whether large gradients agree with the slopes of the loss, each in a random direction."""
    arrays = [g for g in got if isinstance(g, np.ndarray)]
    if len(arrays) < len(got) or sum(g.size for g in arrays) <= FEW:
        return False
    slopes, rng = Slopes(functions, args), np.random.default_rng(2)
    for i, g in enumerate(arrays):
        direction = [np.zeros(x.shape) for x in slopes.point]
        direction[i] = rng.uniform(0.5, 1, g.shape) * rng.choice([-1.0, 1.0], g.shape)
        slope, error = slopes.along(direction)
        claimed = float(np.vdot(g, direction[i]))
        if not abs(claimed - slope) <= error + NUMERICAL[0] * abs(slope) or error > 1e-2 * abs(slope):
            return False
    return True


class _Comparison:
    """One backward pass at one point beside its judge."""

    def __init__(self, functions: Functions, args: Arguments, got: Gradients, judgement: Judgement) -> None:
        self.functions = functions
        self.args = args
        self.got = got
        self.judgement = judgement
        self.exact = judgement.name == AUTOMATIC_JUDGE
        self.leaves = functions.leaves(args)
        self.epsilon = _epsilon(args, got)
        self.largest = max((float(np.max(np.abs(e), initial=0.0)) for e in judgement.arrays), default=0.0)
        self._rounding: list[tuple[float, float]] | None = None
        self._around: tuple[list[Judgement], bool] | None = None

    def findings(self) -> Iterator[Finding]:
        """One verdict for each gradient."""
        for which, (leaf, g) in enumerate(zip(self.leaves, self.got, strict=True)):
            status: Status
            status, reason = ("wrong", "") if isinstance(g, BadShape) else self._verdict(which, g)
            yield Finding(leaf, status, g, self.judgement.arrays[which], self.judgement.name, reason)

    def _verdict(self, which: int, g: np.ndarray) -> tuple[Status, str]:
        e, error = self.judgement.arrays[which], self.judgement.errors[which]
        allowed = _tolerance(e, self.judgement, self.epsilon)
        known = np.isfinite(error)
        if not np.isfinite(g).all():
            return "wrong", ""
        off = np.abs(g - np.where(known, e, 0.0))
        visible = np.max(np.abs(e[known]), initial=0.0) > 10 * np.max(error[known], initial=0.0)
        if known.all() and (off <= allowed).all():
            return "right", ""
        if known.all() and visible and (off <= allowed + error).all():
            return "right", ""
        if known.all() and not visible and (off <= allowed + error).all():
            return self._hidden(float(np.max(error, initial=0.0)), "the difference quotients")
        of_pass, of_judge = self._rounding_of(which)
        noise = SAFETY * (of_pass + of_judge)
        if known.all() and (off <= allowed + error + noise).all():
            if np.max(np.abs(e), initial=0.0) <= SAFETY * of_judge + np.max(error, initial=0.0):
                return "right", ""  # zero, but for rounding on both sides
            return ("right", "") if np.max(np.abs(e)) > noise else self._hidden(noise, "the pass itself")
        return self._beside_a_kink(which, g, allowed + noise)

    def _hidden(self, noise: float, of: str) -> tuple[Status, str]:
        """A gradient below the noise: zero, if the noise is nothing beside the other gradients."""
        if noise <= 1e-9 * self.largest:
            return "right", ""
        return "undecided", f"it is below the rounding of {of}, {noise:.2g}; scale the arguments so that it is larger"

    def _rounding_of(self, which: int) -> tuple[float, float]:
        if self._rounding is None:
            spread = max(SPREAD, self.epsilon)
            zeros = [np.zeros(np.shape(e)) for e in self.judgement.arrays]
            try:
                of_pass = rounding_of(
                    lambda args: _numbers(self.functions.gradients(args)[0], zeros), self.args, spread
                )
            except BackwardError:
                of_pass = [0.0] * len(zeros)
            of_judge = [0.0] * len(zeros)
            if self.exact:
                of_judge = rounding_of(lambda args: _arrays(automatic(self.functions, args), zeros), self.args)
            most = JUMP * self.largest  # more is no rounding, but the jump of a gradient at a kink
            of_pass, of_judge = ([noise if noise < most else 0.0 for noise in of] for of in (of_pass, of_judge))
            self._rounding = list(zip(of_pass, of_judge, strict=True))
        return self._rounding[which]

    def _beside_a_kink(self, which: int, g: np.ndarray, allowed: np.ndarray) -> tuple[Status, str]:
        """The verdict where the numbers differ: at a kink, any slope between the two sides is right."""
        e, known = self.judgement.arrays[which], np.isfinite(self.judgement.errors[which])
        around, agree = self._neighbours()
        off = np.abs(g - np.where(known, e, g)) > allowed
        if not self.exact:
            if all(np.isfinite(error).all() for error in self.judgement.errors):
                return "wrong", ""
            if agree:
                return ("undecided", KINK) if off.any() else ("right", "")
            return ("wrong", "") if off.any() else ("undecided", DIVERGENT)
        samples = [e, *(j.arrays[which] for j in around)]
        low, high = np.min(samples, axis=0), np.max(samples, axis=0)
        jump = high - low > 1e-2 * np.max(np.abs(samples))
        kink = high - low > 1e-2 * np.max(np.abs(samples), axis=0)  # entries that are small beside others jump too
        if jump.any() and agree and not (off & ~kink).any():
            slack = np.max(allowed) + 1e-3 * (high - low)
            within = (low - slack <= g) & (g <= high + slack)
            return ("right", "") if within.all() else ("undecided", KINK)
        return ("right", "") if self._judge_errs(which, g) else ("wrong", "")

    def _neighbours(self) -> tuple[list[Judgement], bool]:
        """The right gradients at points close by, and whether the pass agrees with them there."""
        if self._around is None:
            distance, count = (APART, AROUND) if self.exact else (1e-2, 3)
            positions = self.functions.positions(self.args)
            points = [beside(self.args, positions, max(distance, 10 * self.epsilon), seed) for seed in range(count)]
            around = [automatic(self.functions, p) if self.exact else numerical(self.functions, p) for p in points]
            found = [(p, j) for p, j in zip(points, around, strict=True) if j is not None]
            self._around = [j for _, j in found], bool(found) and all(self._agrees(p, j) for p, j in found[:3])
        return self._around

    def _agrees(self, args: Arguments, judgement: Judgement) -> bool:
        try:
            got = self.functions.gradients(args)[0]
        except BackwardError:
            return False
        for which, (g, e, error) in enumerate(zip(got, judgement.arrays, judgement.errors, strict=True)):
            if isinstance(g, BadShape) or not np.isfinite(g).all():
                return False
            noise = SAFETY * sum(self._rounding_of(which))
            known = np.isfinite(error)
            if (np.abs(g - e) > _tolerance(e, judgement, self.epsilon) + error + noise)[known].any():
                return False
        return True

    def _judge_errs(self, which: int, g: np.ndarray) -> bool:
        """Return whether difference quotients side with the pass against its automatic judge."""
        if not self.exact:
            return False
        e = self.judgement.arrays[which]
        slopes = Slopes(self.functions, self.args)
        direction = [np.zeros(x.shape) for x in slopes.point]
        direction[which] = (g - e) / np.max(np.abs(g - e))
        slope, error = slopes.along(direction)
        of_pass, of_judge = float(np.vdot(g, direction[which])), float(np.vdot(e, direction[which]))
        gap = abs(of_pass - of_judge)
        return bool(error < gap / 100 and abs(slope - of_pass) < gap / 10)


def _epsilon(args: Arguments, got: Gradients) -> float:
    """The machine epsilon of the least precise array that goes in or comes out."""
    dtypes = [g.dtype for g in got if isinstance(g, np.ndarray) and g.dtype.kind == "f"]
    dtypes += [x.dtype for x in leaves_of(args, range(len(args))) if is_real(x)]
    return max((float(np.finfo(dtype).eps) for dtype in dtypes), default=float(np.finfo(np.float64).eps))


def _numbers(got: Gradients, zeros: list[np.ndarray]) -> list[np.ndarray]:
    return [g if isinstance(g, np.ndarray) and g.shape == z.shape else z for g, z in zip(got, zeros, strict=True)]


def _arrays(judgement: Judgement | None, zeros: list[np.ndarray]) -> list[np.ndarray]:
    return zeros if judgement is None else judgement.arrays
