"""Right gradients for a check of a backward pass, each with its uncertainty, and the rounding of what is checked.

Everything is computed in float64, also for arguments of float32. How much a function rounds is measured, since its
dtype does not tell: a pass may store float64 numbers in float32 buffers. Over a short line a smooth function is a
cubic, and what is left of its values is rounding; compare Moré and Wild, "Estimating computational noise", SIAM Journal
on Scientific Computing 33(3), 2011.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autodiff import grad
from ..errors import DisconnectedOutputWarning
from ..pytree import flatten
from .cases import Functions, changed, replaced

__all__ = [
    "AUTOMATIC_JUDGE",
    "Judgement",
    "Slopes",
    "automatic",
    "beside",
    "in_double",
    "leaves_of",
    "numerical",
    "rounding_of",
]

#: What reports call the judge that is exact.
AUTOMATIC_JUDGE = "automatic differentiation"

#: Half the length of a line on which rounding is measured, relative to entries above 1: much more than the precision
#: of float32, so that it rounds differently at each point, while a cubic fits smooth functions to about 1e-17.
SPREAD = 1e-4

#: The points of a line, in units of `SPREAD`: off the point itself, where there may be a kink, and at uneven distances,
#: since even steps may each be a whole number of float32's units in the last place.
POINTS = 10 + np.array([-1.0, -0.77, -0.38, -0.11, 0.16, 0.45, 0.71, 1.0])

#: How many lines, in random directions; along one, a value may stand still.
LINES = 2

#: Widths of difference quotients: for functions that round as float64 does, and the widest of all.
NARROW, WIDE = 1e-3, 0.1

#: A slope is not improved any more where its error is less than this part of it.
CONVERGED = 1e-7

#: So many widths are tried at most, each half of the one before.
HALVINGS = 20


@dataclass(frozen=True)
class Judgement:
    """The right gradients at one point.

    Attributes
    ----------
    arrays : list of numpy.ndarray
        One for each leaf.
    errors : list of numpy.ndarray
        By how much each entry may be off; inf where nothing is known.
    name : str
        The method, as reports call it.
    """

    arrays: list[np.ndarray]
    errors: list[np.ndarray]
    name: str


def in_double(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copies of the arguments in float64, or in what is more precise."""
    return changed(args, range(len(args)), lambda x: x.astype(np.result_type(x, np.float64)))


def beside(args: tuple[Any, ...], positions: Sequence[int], distance: float, seed: int) -> tuple[Any, ...]:
    """Copies of the arguments, with every floating-point entry at some positions moved a little, at random."""
    rng = np.random.default_rng(seed)

    def near(x: np.ndarray) -> np.ndarray:
        by = rng.uniform(0.5, 1, x.shape) * rng.choice([-1.0, 1.0], x.shape)
        return np.asarray(x + distance * np.maximum(1, np.abs(x)) * by).astype(x.dtype)

    return changed(args, positions, near)


def leaves_of(args: tuple[Any, ...], positions: Sequence[int]) -> list[np.ndarray]:
    """The arrays at some positions."""
    return [np.asarray(leaf) for i in positions for leaf in flatten(args[i])[0]]


def automatic(functions: Functions, args: tuple[Any, ...]) -> Judgement | None:
    """The gradients by minigrad; None for a forward pass that does not run on Tensors, or drops them on its way.

    Such a pass uses what plain arrays have and Tensors have not, so anything may be raised; that the pass itself is
    not at fault has been seen when it ran on plain arrays.
    """
    positions = tuple(functions.positions(args))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", DisconnectedOutputWarning)
            trees = grad(functions.f, positions)(*in_double(args))
    except Exception:
        return None
    arrays = [np.asarray(leaf, np.float64) for tree in trees for leaf in flatten(tree)[0]]
    if not all(np.isfinite(array).all() for array in arrays):
        return None
    return Judgement(arrays, [np.zeros(array.shape) for array in arrays], AUTOMATIC_JUDGE)


class Slopes:
    """Slopes of the loss at one point, by difference quotients that allow for its measured rounding."""

    def __init__(self, functions: Functions, args: tuple[Any, ...]) -> None:
        precise, positions = in_double(args), functions.positions(args)
        self.point = [x.astype(np.result_type(x, np.float64)) for x in leaves_of(precise, positions)]

        def loss(arrays: list[np.ndarray]) -> float:
            try:
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return float(np.asarray(functions.f(*replaced(precise, positions, arrays))))
            except Exception:  # moved out of the function's domain
                return float("nan")

        self.loss = loss
        self.here = loss(self.point)
        sizes = [np.maximum(1, np.abs(x)) for x in self.point]
        rng = np.random.default_rng(0)
        self._mixed = [[size * rng.uniform(-1, 1, size.shape) for size in sizes] for _ in range(LINES)]
        lines = [[self._along(direction, t) for t in POINTS * SPREAD] for direction in self._mixed]
        measured = max(_beside_a_cubic(np.array(line)) for line in lines)
        self.rounding = max(measured, np.finfo(np.float64).eps * abs(self.here))
        self.scale = self._scale()

    def _along(self, direction: list[np.ndarray], t: float) -> float:
        return self.loss([x + t * d for x, d in zip(self.point, direction, strict=True)])

    def _scale(self) -> float:
        """The change of the loss with its arguments, whatever constant stands beside."""
        for width in (WIDE, 1e-3, 1e-5):
            change = max(abs(self._along(direction, width) - self.here) for direction in self._mixed)
            if np.isfinite(change) and change > 0:
                return max(change / width, self.rounding)
        return max(abs(self.here), float(np.finfo(np.float64).tiny))

    def along(self, direction: list[np.ndarray]) -> tuple[float, float]:
        """The slope in a direction, and by how much it may be off: inf at a kink, or where nothing converges.

        Central differences of halved widths, extrapolated: ``(4 D(h/2) − D(h)) / 3``. The error is the change from
        one width to the next and the rounding; the width with the smallest error is taken. At a kink the slopes of
        the two sides differ by as much at half the width.
        """
        width = float(np.clip((self.rounding / self.scale) ** 0.2, NARROW, WIDE))
        best, error, value, last, bend, kinked = 0.0, float("inf"), None, None, None, False
        for _ in range(HALVINGS):
            above, below = self._along(direction, width), self._along(direction, -width)
            slope, sides = (above - below) / (2 * width), abs(above - 2 * self.here + below) / width
            noise = 10 * self.rounding / width
            if bend is not None and sides > 4 * noise + 1e-6 * abs(slope):
                kinked = sides > 0.75 * bend
            if noise >= error:
                break
            if last is not None and np.isfinite(slope):
                extrapolated = (4 * slope - last) / 3
                if value is not None and not kinked and abs(extrapolated - value) + noise < error:
                    best, error = extrapolated, abs(extrapolated - value) + noise
                value = extrapolated
            last, bend = (slope, sides) if np.isfinite(slope) else (None, None)
            if error <= CONVERGED * abs(best) + noise:
                break
            width /= 2
        return best, error

    def of_entry(self, which: int, index: tuple[int, ...]) -> tuple[float, float]:
        """The partial derivative with respect to one entry, and by how much it may be off."""
        direction = [np.zeros(x.shape) for x in self.point]
        size = max(1.0, abs(float(self.point[which][index])))
        direction[which][index] = size
        value, error = self.along(direction)
        return value / size, error / size


def numerical(functions: Functions, args: tuple[Any, ...]) -> Judgement:
    """The gradients by central differences, entry by entry, for a forward pass on plain arrays."""
    slopes = Slopes(functions, args)
    arrays = [np.zeros(x.shape) for x in slopes.point]
    errors = [np.zeros(x.shape) for x in slopes.point]
    for which, array in enumerate(arrays):
        for index in np.ndindex(array.shape):
            array[index], errors[which][index] = slopes.of_entry(which, index)
    return Judgement(arrays, errors, "central differences")


def rounding_of(
    gradients: Callable[[tuple[Any, ...]], list[np.ndarray]], args: tuple[Any, ...], spread: float = SPREAD
) -> list[float]:
    """Estimate how rounding moves what a function of the arguments returns, array by array.

    Parameters
    ----------
    gradients : callable
        Of the arguments.
    args : tuple
        Where.
    spread : float
        Half the length of the lines: well above the precision of the arguments.
    """

    def at(seed: int, t: float) -> tuple[Any, ...]:
        rng = np.random.default_rng(seed)

        def step(x: np.ndarray) -> np.ndarray:
            return np.asarray(x + t * np.maximum(1, np.abs(x)) * rng.uniform(-1, 1, x.shape)).astype(x.dtype)

        return changed(args, range(len(args)), step)

    lines = [[gradients(at(seed, t)) for t in POINTS * spread] for seed in range(LINES)]
    found = [[_beside_a_cubic(np.array(values, np.float64)) for values in zip(*line, strict=True)] for line in lines]
    return [max(of_array) for of_array in zip(*found, strict=True)]


def _beside_a_cubic(values: np.ndarray) -> float:
    """The largest distance of values on a line, along the first axis, from the cubics that fit them best."""
    columns = values.reshape(len(values), -1)
    columns = columns[:, np.isfinite(columns).all(0)]
    basis = np.vander(POINTS - POINTS.mean(), 4)
    fitted = basis @ np.linalg.lstsq(basis, columns, rcond=None)[0]
    return float(np.max(np.abs(columns - fitted), initial=0.0))
