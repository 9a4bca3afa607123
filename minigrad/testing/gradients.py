"""check_grads: are the derivatives of a function what arithmetic says they are?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autodiff import argument_names, jvp, vjp
from ..errors import DtypeError, GradientCheckError
from ..graph import trace
from ..primitive import PRIMITIVES, Primitive
from ..tensor import SCALARS, Tensor, bind, constant, describe, is_floating
from ..tree import flatten
from .numerical import Column, column

__all__ = ["check_grads", "check_primitive"]

#: Relative and absolute tolerance by precision of the arguments. float64: central differences with
#: h = 1e-3 are good to about 1e-11, and 1e-6 leaves room for functions whose fifth derivative is large.
#: float32: eps is 1e-7; sums of some hundred terms and a subtraction cost three digits. float16: eps is 1e-3.
TOLERANCES = {2: (5e-2, 5e-2), 4: (5e-4, 5e-5), 8: (1e-6, 1e-7)}

#: Up to how many nodes are searched for the operation to blame when a check has failed.
_BLAME_LIMIT = 500


@dataclass(frozen=True)
class _Problem:
    """A function reduced to what is checked: some floating arrays in, one flat vector out."""

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


def check_grads(
    f: Callable[..., Any],
    *args: Any,
    order: int = 1,
    modes: Sequence[str] = ("reverse", "forward"),
    complex_step: bool | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    step: float = 1e-3,
) -> None:
    """Compare the derivatives of ``f`` at ``args`` with numerical ones, entry by entry.

    Every floating-point leaf of the arguments is moved; integers, masks, strings and the like are held
    fixed. The judge is the central difference with Richardson's extrapolation, and the complex step
    where the function carries complex numbers through.

    Parameters
    ----------
    f : callable
        Takes and returns trees of arrays. It must not be at a kink (relu at 0, say) or a jump.
    *args : trees
        Where to check. Small arrays: every entry costs five evaluations.
    order : {1, 2}
        2: check second derivatives as well, reverse over reverse and forward over reverse.
    modes : sequence of {"reverse", "forward"}
        Which rules to check.
    complex_step : bool, optional
        True: insist on it. False: never use it. By default it is used where it agrees with the central
        difference, as it does unless the function is not analytic.
    rtol, atol : float, optional
        Tolerances; by default, from the least precise argument: 1e-6 and 1e-7 for float64 (limited by
        the difference quotient), 5e-4 and 5e-5 for float32 (limited by rounding inside the rules). `atol` is
        relative to the largest derivative where that is above 1.
    step : float
        The width of the difference, relative to entries above 1.

    Raises
    ------
    GradientCheckError
        Naming the mode, the argument, the position, both numbers and, if it can be found, the operation
        whose rule is wrong.
    ValueError
        If `order` or `modes` is not one of those above.
    DtypeError
        If there is no floating-point leaf, or `complex_step` is True and the function does not allow it.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> check_grads(lambda W, x: mg.tanh(mg.linear(W, x)), np.eye(2), np.array([0.5, -1.0]), order=2)
    """
    _check_options(order, modes)
    problem = _reduce(f, args)
    tolerances = _tolerances(problem.arrays, rtol, atol)
    try:
        _first_order(problem, modes, complex_step, tolerances, step, problem.name)
        if order == 2:
            for title, derivative in _derivatives(problem, modes):
                _first_order(derivative, modes, complex_step and None, tolerances, step, title)
    except GradientCheckError as error:
        blamed = _blame(problem, order)
        raise GradientCheckError(f"{error}{blamed}") from error.__cause__


def check_primitive(
    primitive: Primitive | str,
    *args: Any,
    order: int = 1,
    modes: Sequence[str] = ("reverse", "forward"),
    rtol: float | None = None,
    atol: float | None = None,
    **params: Any,
) -> None:
    """Check the rules of one primitive at ``args``, with its settings as keywords; see `check_grads`.

    Floating-point arrays are moved. Python numbers are held fixed, as in a graph.

    Raises
    ------
    GradientCheckError
        If a rule is wrong.
    KeyError
        If no primitive has the name.

    Examples
    --------
    >>> import numpy as np
    >>> check_primitive("sum", np.ones((2, 3)), axis=(0,), keepdims=False)
    """
    record = PRIMITIVES[primitive] if isinstance(primitive, str) else primitive
    moving = [i for i, arg in enumerate(args) if type(arg) not in SCALARS and is_floating(arg)]

    def apply(*xs: Any) -> Any:
        full = list(args)
        for i, x in zip(moving, xs, strict=True):
            full[i] = x
        return bind(record, tuple(full), params)

    arrays = [np.asarray(args[i]) for i in moving]
    problem = _Problem(record.name, apply, arrays, [f"argument {i}" for i in moving])
    _check_options(order, modes)
    tolerances = _tolerances(problem.arrays, rtol, atol)
    _first_order(problem, modes, None, tolerances, 1e-3, record.name)
    if order == 2:
        for title, derivative in _derivatives(problem, modes):
            _first_order(derivative, modes, None, tolerances, 1e-3, title)


def _check_options(order: int, modes: Sequence[str]) -> None:
    if order not in (1, 2):
        raise ValueError(f"order={order!r} is not 1 or 2; for higher derivatives check mg.grad(f) in its turn")
    if not modes or not set(modes) <= {"reverse", "forward"}:
        raise ValueError(f'modes={modes!r} must be some of "reverse" and "forward"')


def _reduce(f: Callable[..., Any], args: tuple[Any, ...]) -> _Problem:
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
    return _Problem(getattr(f, "__name__", type(f).__name__), apply, arrays, [paths[i] for i in moving])


def _tolerances(arrays: list[np.ndarray], rtol: float | None, atol: float | None) -> tuple[float, float]:
    size = min(8, *(array.dtype.itemsize for array in arrays)) if arrays else 8
    usual = TOLERANCES[size]
    return (usual[0] if rtol is None else rtol, usual[1] if atol is None else atol)


def _weights(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Fixed numbers of both signs, none near 0 or 1: no rule can be right by luck."""
    rng = np.random.default_rng(seed)
    return rng.uniform(1.1, 1.9, shape) * rng.choice([-1.0, 1.0], shape)


def _cotangents(problem: _Problem) -> list[np.ndarray]:
    given = [constant(x) for x in problem.arrays] if problem.lift else problem.arrays
    values = [np.asarray(_number(value)) for value in problem.leaves(given)]
    return [_weights(v.shape, 7 + i).astype(v.dtype) for i, v in enumerate(values)]


def _first_order(
    problem: _Problem,
    modes: Sequence[str],
    use_complex: bool | None,
    tolerances: tuple[float, float],
    step: float,
    title: str,
) -> None:
    """Compare both modes with the numerical Jacobian, one column for each entry of the arguments."""
    precise = [array.astype(np.result_type(array, np.float64)) for array in problem.arrays]
    cotangents = _cotangents(problem)
    seed = np.concatenate([np.ravel(g) for g in cotangents]).astype(np.float64) if cotangents else np.zeros(0)
    pulled = _pulled(problem, cotangents, title) if "reverse" in modes else None
    scale = 1.0 if seed.size != 1 else float(seed[0])
    what = "the derivative of Σ ȳ·out for a fixed ȳ" if seed.size != 1 else "the derivative"
    for which, array in enumerate(problem.arrays):
        for index in np.ndindex(array.shape):
            judge = column(problem.flat, precise, which, index, step=step, use_complex=use_complex is not False)
            if use_complex and judge.method != "the complex step":
                raise DtypeError(
                    f"complex_step=True, but {title} does not carry complex numbers through; leave the option out"
                )
            place = f"{problem.paths[which]}{list(index) if index else ''}"
            if pulled is not None:
                expected = seed @ judge.value / scale
                got = pulled[which][index] / scale
                kink = bool(judge.kink.any())
                noise = judge.noise * float(np.abs(seed).sum())
                _compare("reverse", title, what, place, got, expected, judge, tolerances, noise, kink)
            if "forward" in modes:
                for j, got in enumerate(_pushed(problem, which, index, title)):
                    what_j = "the derivative" if seed.size == 1 else f"the derivative of output entry {j}"
                    expected, kink = judge.value[j], bool(judge.kink[j])
                    _compare("forward", title, what_j, place, got, expected, judge, tolerances, judge.noise, kink)


def _pulled(problem: _Problem, cotangents: list[np.ndarray], title: str) -> list[np.ndarray]:
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


def _pushed(problem: _Problem, which: int, index: tuple[int, ...], title: str) -> np.ndarray:
    """The forward mode's answer for one entry: how every entry of the output moves."""
    speed = float(_weights((), 3 + which))
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


def _compare(
    mode: str,
    title: str,
    what: str,
    place: str,
    got: Any,
    expected: Any,
    judge: Column,
    tolerances: tuple[float, float],
    noise: float,
    kink: bool,
) -> None:
    rtol, atol = tolerances
    largest = max(1.0, float(np.max(np.abs(judge.value), initial=0.0)))
    if abs(got - expected) <= rtol * abs(expected) + atol * largest + noise:
        return
    hint = " The slopes from the two sides differ, so there may be a kink or jump at this point." if kink else ""
    raise GradientCheckError(
        f"{mode} mode of `{title}` disagrees with {judge.method} at {place}: {what} is {float(got):.10g}, "
        f"expected {float(expected):.10g}.{hint}"
    )


def _derivatives(problem: _Problem, modes: Sequence[str]) -> list[tuple[str, _Problem]]:
    """The first derivatives as functions of the same arguments, to be checked in their turn."""
    found = []
    if "reverse" in modes:
        cotangents = _cotangents(problem)

        def reverse(*xs: Any) -> Any:
            return vjp(lambda *ys: problem.leaves(ys), *xs)[1](cotangents)

        title = f"reverse derivative of {problem.name}"
        found.append((title, _Problem(problem.name, reverse, problem.arrays, problem.paths, lift=False)))
    if "forward" in modes:
        tangents = [_weights(array.shape, 3 + i).astype(array.dtype) for i, array in enumerate(problem.arrays)]

        def forward(*xs: Any) -> Any:
            return jvp(lambda *ys: problem.leaves(ys), xs, tangents)[1]

        title = f"forward derivative of {problem.name}"
        found.append((title, _Problem(problem.name, forward, problem.arrays, problem.paths, lift=False)))
    return found


def _blame(problem: _Problem, order: int) -> str:
    """A sentence about the first operation whose own rule is wrong, or nothing if none is found."""
    for node in trace(problem.f, *problem.arrays).nodes[:_BLAME_LIMIT]:
        if node.is_leaf:
            continue
        values = [arg.value if isinstance(arg, Tensor) else arg for arg in node.args]
        try:
            check_primitive(node.primitive, *values, order=order, **node.params)
        except GradientCheckError as error:
            return f" The rule to blame is that of {describe(node)}: {error}"
        except Exception:  # a search for a hint must not hide the failure itself
            continue
    return ""
