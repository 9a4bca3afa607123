"""Both modes of a function against its numerical Jacobian, one column for each entry of the arguments."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..autodiff import jvp, vjp
from ..errors import DtypeError, GradientCheckError, UndecidedGradientError
from ..pytree import flatten
from ..tensor import Tensor, constant, is_floating
from ..transforms import argument_names
from .numerical import Column, column

__all__ = ["Problem", "Tolerances", "compare_with_numbers", "cotangents_of", "derivatives_of", "reduced", "weights"]


@dataclass(frozen=True)
class Problem:
    """A function reduced to what is checked.

    Attributes
    ----------
    name : str
    f : callable
        Of as many arrays as there are in `arrays`.
    arrays : list of numpy.ndarray
        Where it is checked.
    paths : list of str
        What the arrays are called.
    lift : bool
        Whether the function is given Tensors; derivatives take plain arrays.
    """

    name: str
    f: Callable[..., Any]
    arrays: list[np.ndarray]
    paths: list[str]
    lift: bool = True

    def leaves(self, xs: Sequence[Any]) -> list[Any]:
        """The floating-point leaves of the output."""
        return [value for value in flatten(self.f(*xs))[0] if is_floating(value) or _is_complex(value)]

    def flat(self, xs: Sequence[Any]) -> np.ndarray:
        """The output's numbers as one vector. The function is given Tensors, since it may use their methods."""
        given = [constant(x) for x in xs] if self.lift else xs
        parts = [np.ravel(_number(value)) for value in self.leaves(given)]
        return np.concatenate(parts) if parts else np.zeros(0)


def _number(value: Any) -> Any:
    return value.value if isinstance(value, Tensor) else value


def _is_complex(value: Any) -> bool:
    return getattr(getattr(value, "dtype", None), "kind", "") == "c" or isinstance(value, complex)


def reduced(f: Callable[..., Any], args: tuple[Any, ...]) -> Problem:
    """The function of its floating-point leaves alone, with their names."""
    names = argument_names(f, len(args))
    leaves, structure = flatten(args)
    paths = [path for name, child in zip(names, structure.children, strict=True) for path in child.paths(name)]
    moving = [i for i, value in enumerate(leaves) if is_floating(value)]
    if not moving:
        raise DtypeError("check_grads found no floating-point array among the arguments; write 3.0 for 3")

    def apply(*xs: Any) -> Any:
        full = list(leaves)
        for i, x in zip(moving, xs, strict=True):
            full[i] = x
        return f(*structure.unflatten(full))

    arrays = [np.asarray(_number(leaves[i])) for i in moving]
    return Problem(getattr(f, "__name__", type(f).__name__), apply, arrays, [paths[i] for i in moving])


def weights(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Fixed numbers of both signs, none near 0 or 1: no rule can be right by luck."""
    rng = np.random.default_rng(seed)
    return rng.uniform(1.1, 1.9, shape) * rng.choice([-1.0, 1.0], shape)


def cotangents_of(problem: Problem) -> list[np.ndarray]:
    """A fixed cotangent for each leaf of the output."""
    given = [constant(x) for x in problem.arrays] if problem.lift else problem.arrays
    values = [np.asarray(_number(value)) for value in problem.leaves(given)]
    return [weights(v.shape, 7 + i).astype(v.dtype) for i, v in enumerate(values)]


def derivatives_of(problem: Problem, modes: Sequence[str]) -> list[tuple[str, Problem]]:
    """The first derivatives as functions of the same arguments, to be checked in their turn."""
    found = []
    if "reverse" in modes:
        cotangents = cotangents_of(problem)

        def reverse(*xs: Any) -> Any:
            return vjp(lambda *ys: problem.leaves(ys), *xs)[1](cotangents)

        title = f"reverse derivative of {problem.name}"
        found.append((title, Problem(problem.name, reverse, problem.arrays, problem.paths, lift=False)))
    if "forward" in modes:
        tangents = [weights(array.shape, 3 + i).astype(array.dtype) for i, array in enumerate(problem.arrays)]

        def forward(*xs: Any) -> Any:
            return jvp(lambda *ys: problem.leaves(ys), xs, tangents)[1]

        title = f"forward derivative of {problem.name}"
        found.append((title, Problem(problem.name, forward, problem.arrays, problem.paths, lift=False)))
    return found


#: Outputs whose derivatives differ by more than this factor are pulled back apart: in one sum the large
#: ones would hide the small.
GROUP = 100.0


class Tolerances(NamedTuple):
    """The tolerance of a rule.

    Attributes
    ----------
    relative, absolute : float
        Of the compared number, and beside it.
    rounding : float
        Of the largest number that goes into the compared one: what cancels leaves its rounding behind.
    """

    relative: float
    absolute: float
    rounding: float


@dataclass(frozen=True)
class _Claim:
    """A number that one mode gives, beside the number that it should be."""

    mode: str
    what: str
    got: float
    expected: float
    noise: float
    largest: float
    kink: bool
    exact: bool


def compare_with_numbers(
    problem: Problem,
    modes: Sequence[str],
    use_complex: bool | None,
    tolerances: Tolerances,
    step: float,
    title: str,
) -> None:
    """Compare both modes with the numerical Jacobian, one column for each entry of the arguments.

    Raises
    ------
    GradientCheckError
        At the first entry where they differ by more than the tolerances.
    UndecidedGradientError
        If the numerical derivative does not converge, or if the two differ at a kink.
    DtypeError
        If the complex step is insisted on and the function does not allow it.
    """
    precise = [array.astype(np.result_type(array, np.float64)) for array in problem.arrays]
    cotangents = cotangents_of(problem)
    if not cotangents:
        return
    middle = problem.flat(precise)
    entries = [(which, index) for which, array in enumerate(problem.arrays) for index in np.ndindex(array.shape)]
    judges = []
    for which, index in entries:
        judge = column(
            problem.flat, precise, which, index, step=step, use_complex=use_complex is not False, middle=middle
        )
        _be_sure(judge, middle, f"`{title}`", _place(problem, which, index))
        if use_complex and not judge.exact.all():
            raise DtypeError(
                f"complex_step=True, but {title} does not carry complex numbers through; leave the option out"
            )
        judges.append(judge)
    pulled = list(_pulled_groups(problem, cotangents, judges, title)) if "reverse" in modes else []
    for (which, index), judge in zip(entries, judges, strict=True):
        claims = [_reverse_claim(float(found[which][index]), seed, judge) for seed, found in pulled]
        if "forward" in modes:
            claims += _forward_claims(_pushed(problem, which, index, title), judge)
        for claim in claims:
            _examine(claim, tolerances, f"`{title}`", _place(problem, which, index))


def _place(problem: Problem, which: int, index: tuple[int, ...]) -> str:
    return f"{problem.paths[which]}{list(index) if index else ''}"


def _be_sure(judge: Column, middle: np.ndarray, title: str, place: str) -> None:
    """Raise unless every number of the judge can be relied on."""
    if judge.converged.all():
        return
    row = int(np.argmin(judge.converged))
    output = f" of output entry {row}" if judge.value.size > 1 else ""
    if not np.isfinite(middle[row]):
        reason = f"the value{output} itself is {middle[row]}"
    elif np.isfinite(judge.noise[row]) and judge.noise[row] > max(1.0, abs(judge.value[row])) / 100:
        reason = f"beside the value{output}, {middle[row]:.4g}, rounding hides it; scale the function down"
    else:
        reason = (
            f"the difference quotients{output} do not converge, however narrow: the point is too near the edge of "
            "the domain, a kink or a jump (or what cancels inside leaves too much rounding); choose another"
        )
    raise UndecidedGradientError(f"the derivative of {title} at {place} cannot be checked: {reason}")


def _pulled_groups(
    problem: Problem, cotangents: list[np.ndarray], judges: list[Column], title: str
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """The reverse mode's answers, with their cotangents: one for all outputs of like scale."""
    seed = np.concatenate([np.ravel(g) for g in cotangents])
    scales = np.max([np.ones(seed.size), *(np.abs(judge.value) for judge in judges)], axis=0)
    groups = np.floor(np.log(scales) / np.log(GROUP))
    cuts = np.cumsum([g.size for g in cotangents])[:-1]
    for group in np.unique(groups) if seed.size else [0.0]:
        chosen = np.where(groups == group, seed, 0)
        parts = [
            part.reshape(g.shape).astype(g.dtype) for part, g in zip(np.split(chosen, cuts), cotangents, strict=True)
        ]
        yield chosen.astype(np.float64), _pulled(problem, parts, title)


def _reverse_claim(got: float, seed: np.ndarray, judge: Column) -> _Claim:
    """The pullback's number: of a scalar the derivative, of several outputs that of their weighted sum."""
    used = seed != 0
    chosen, value = seed[used], judge.value[used]
    noise, largest = float(np.abs(chosen) @ judge.noise[used]), float(np.max(np.abs(value), initial=0.0))
    kink, exact = bool(judge.kink[used].any()), bool(judge.exact[used].all())
    expected = float(chosen @ value)
    if seed.size == 1:
        return _Claim(
            "reverse", "the derivative", got / seed[0], expected / seed[0], noise, largest, kink=kink, exact=exact
        )
    what = "the derivative of Σ ȳ·out for a fixed ȳ"
    return _Claim("reverse", what, got, expected, noise, largest, kink=kink, exact=exact)


def _forward_claims(got: np.ndarray, judge: Column) -> Iterator[_Claim]:
    """The pushforward's numbers, one for each entry of the output."""
    largest = float(np.max(np.abs(judge.value), initial=0.0))
    for j, tangent in enumerate(got):
        what = "the derivative" if got.size == 1 else f"the derivative of output entry {j}"
        yield _Claim(
            "forward",
            what,
            float(tangent),
            float(judge.value[j]),
            float(judge.noise[j]),
            largest,
            kink=bool(judge.kink[j]),
            exact=bool(judge.exact[j]),
        )


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


def _examine(claim: _Claim, tolerances: Tolerances, title: str, place: str) -> None:
    """Raise unless the two numbers agree."""
    allowed = tolerances.relative * abs(claim.expected) + tolerances.absolute + tolerances.rounding * claim.largest
    if abs(claim.got - claim.expected) <= allowed + claim.noise:
        return
    method = "the complex step" if claim.exact else "central differences"
    text = (
        f"{claim.mode} mode of {title} disagrees with {method} at {place}: {claim.what} is {claim.got:.10g}, "
        f"expected {claim.expected:.10g}."
    )
    if claim.kink:
        hint = "The slopes from the two sides differ, so there may be a kink or jump at this point; choose another."
        raise UndecidedGradientError(f"{text} {hint}")
    raise GradientCheckError(text)
