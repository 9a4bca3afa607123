"""What the numbers mean, in sentences."""

from math import log

import numpy as np

from .jacobians import LagNorms

__all__ = ["rate_per_step", "sentences"]

#: Below this a change at step k makes no difference that training could notice.
LOST = 1e-6


def rate_per_step(norms: np.ndarray) -> float:
    """The factor per step of the exponential that goes from the first norm to the last: (n_T / n_0)^(1/T).

    Examples
    --------
    >>> rate_per_step(np.array([1.0, 0.5, 0.25]))
    0.5
    """
    steps = len(norms) - 1
    return float((norms[-1] / norms[0]) ** (1 / steps)) if steps else 1.0


def sentences(lags: LagNorms, bound: np.ndarray | None) -> list[str]:
    """Decay or growth per step, its half-life, where it is lost, and how far the bound is from it."""
    norms, steps = lags.measured, len(lags.measured) - 1
    if not np.isfinite(norms).all():
        return ["The gradient overflows: its norm is not a finite number at some lag."]
    if norms[-1] == 0:
        return [f"At lag {int(np.argmax(norms == 0))} nothing is left: the norm is exactly 0."]
    rate = rate_per_step(norms)
    said = [
        f"Over {steps} steps the norm of the Jacobian goes from 1 to {norms[-1]:.3g}: "
        f"a factor of {rate:.3g} per step, {_speed(rate)}."
    ]
    lost = np.flatnonzero(norms < LOST)
    if len(lost):
        said.append(f"It falls below {LOST:g} at lag {lost[0]}.")
    largest = int(np.argmax(norms))
    if largest not in (0, steps):
        said.append(f"It is largest at lag {largest}, with {norms[largest]:.3g}.")
    if bound is not None:
        said.append(f"The proved bound at lag {steps} is {bound[-1]:.3g}, {bound[-1] / norms[-1]:.3g} times as large.")
    return said


def _speed(rate: float) -> str:
    if rate < 0.995:
        return f"so it halves every {log(0.5) / log(rate):.3g} steps"
    if rate > 1.005:
        return f"so it doubles every {log(2) / log(rate):.3g} steps"
    return "so it neither fades nor grows"
