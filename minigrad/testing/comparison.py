"""Both modes of a function against its numerical Jacobian, one column for each entry of the arguments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..autodiff import jvp, vjp
from ..errors import DtypeError, GradientCheckError
from .numerical import Column, column
from .problems import Problem, cotangents_of, weights

__all__ = ["compare_with_numbers"]


@dataclass(frozen=True)
class _Claim:
    """A number that one mode gives, beside the number that it should be."""

    mode: str
    what: str
    got: float
    expected: float
    noise: float
    kink: bool


def compare_with_numbers(
    problem: Problem,
    modes: Sequence[str],
    use_complex: bool | None,
    tolerances: tuple[float, float],
    step: float,
    title: str,
) -> None:
    """Compare both modes with the numerical Jacobian, one column for each entry of the arguments.

    Raises
    ------
    GradientCheckError
        At the first entry where they differ by more than the tolerances (relative, absolute).
    DtypeError
        If the complex step is insisted on and the function does not allow it.
    """
    precise = [array.astype(np.result_type(array, np.float64)) for array in problem.arrays]
    cotangents = cotangents_of(problem)
    seed = np.concatenate([np.ravel(g) for g in cotangents]).astype(np.float64) if cotangents else np.zeros(0)
    pulled = _pulled(problem, cotangents, title) if "reverse" in modes else None
    for which, array in enumerate(problem.arrays):
        for index in np.ndindex(array.shape):
            judge = column(problem.flat, precise, which, index, step=step, use_complex=use_complex is not False)
            if use_complex and judge.method != "the complex step":
                raise DtypeError(
                    f"complex_step=True, but {title} does not carry complex numbers through; leave the option out"
                )
            claims = [] if pulled is None else [_reverse_claim(float(pulled[which][index]), seed, judge)]
            if "forward" in modes:
                claims += _forward_claims(_pushed(problem, which, index, title), judge)
            place = f"{problem.paths[which]}{list(index) if index else ''}"
            for claim in claims:
                _examine(claim, judge, tolerances, f"`{title}`", place)


def _reverse_claim(got: float, seed: np.ndarray, judge: Column) -> _Claim:
    """The pullback's number: of a scalar the derivative, of several outputs that of their weighted sum."""
    expected, noise = float(seed @ judge.value), judge.noise * float(np.abs(seed).sum())
    kink = bool(judge.kink.any())
    if seed.size == 1:
        return _Claim("reverse", "the derivative", got / seed[0], expected / seed[0], noise, kink)
    return _Claim("reverse", "the derivative of Σ ȳ·out for a fixed ȳ", got, expected, noise, kink)


def _forward_claims(got: np.ndarray, judge: Column) -> list[_Claim]:
    """The pushforward's numbers, one for each entry of the output."""
    names = ["the derivative"] if got.size == 1 else [f"the derivative of output entry {j}" for j in range(got.size)]
    rows = zip(names, got, judge.value, judge.kink, strict=True)
    return [
        _Claim("forward", name, float(t), float(expected), judge.noise, bool(kink)) for name, t, expected, kink in rows
    ]


def _pulled(problem: Problem, cotangents: list[np.ndarray], title: str) -> list[np.ndarray]:
    """The reverse mode's answer: one array for each argument."""
    _, pullback = vjp(lambda *xs: problem.leaves(xs), *problem.arrays)
    try:
        found = [np.asarray(g) for g in pullback(cotangents)]
    except Exception as error:
        raise GradientCheckError(f"reverse mode of `{title}` failed with {type(error).__name__}: {error}") from error
    for g, array, path in zip(found, problem.arrays, problem.paths, strict=True):
        if g.shape != array.shape:
            raise GradientCheckError(
                f"reverse mode of `{title}` gives {path} a gradient of shape {g.shape}, expected {array.shape}"
            )
    return found


def _pushed(problem: Problem, which: int, index: tuple[int, ...], title: str) -> np.ndarray:
    """The forward mode's answer for one entry: how every entry of the output moves."""
    speed = float(weights((), 3 + which))
    tangents = [np.zeros_like(array) for array in problem.arrays]
    tangents[which][index] = speed
    try:
        values, found = jvp(lambda *xs: problem.leaves(xs), problem.arrays, tangents)
    except Exception as error:
        raise GradientCheckError(f"forward mode of `{title}` failed with {type(error).__name__}: {error}") from error
    for value, t in zip(values, found, strict=True):
        if np.shape(value) != np.shape(t):
            raise GradientCheckError(
                f"forward mode of `{title}` gives a tangent of shape {np.shape(t)}, expected {np.shape(value)}"
            )
    return np.concatenate([np.ravel(t) for t in found]) / tangents[which][index] if found else np.zeros(0)


def _examine(claim: _Claim, judge: Column, tolerances: tuple[float, float], title: str, place: str) -> None:
    """Raise unless the two numbers agree."""
    rtol, atol = tolerances
    largest = max(1.0, float(np.max(np.abs(judge.value), initial=0.0)))
    if abs(claim.got - claim.expected) <= rtol * abs(claim.expected) + atol * largest + claim.noise:
        return
    hint = " The slopes from the two sides differ, so there may be a kink or jump at this point." if claim.kink else ""
    raise GradientCheckError(
        f"{claim.mode} mode of {title} disagrees with {judge.method} at {place}: {claim.what} is {claim.got:.10g}, "
        f"expected {claim.expected:.10g}.{hint}"
    )
