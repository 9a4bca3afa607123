"""check_grads: are the derivatives of a function what arithmetic says they are?"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DtypeError, GradientCheckError, UndecidedGradientError
from ..graph import trace
from ..primitive import PRIMITIVES, Primitive
from ..tensor import SCALARS, Tensor, bind, describe, is_floating
from .comparison import Problem, Tolerances, compare_with_numbers, cotangents_of, derivatives_of, reduced
from .numerical import STEP

__all__ = ["check_grads", "check_primitive"]

#: Tolerances by precision of the arguments. float64: central differences with h = 1e-3 are good to about
#: 1e-11, and 1e-6 leaves room for functions whose fifth derivative is large. float32: eps is 1e-7; sums of
#: some hundred terms and a subtraction cost three digits. float16: eps is 1e-3.
TOLERANCES = {
    2: Tolerances(5e-2, 5e-2, 5e-2),
    4: Tolerances(5e-4, 5e-5, 5e-5),
    8: Tolerances(1e-6, 1e-7, 1e-13),
}

#: Up to how many nodes are searched for the operation to blame when a check has failed.
_BLAME_LIMIT = 500


def check_grads(
    f: Callable[..., Any],
    *args: Any,
    order: int = 1,
    modes: Sequence[str] = ("reverse", "forward"),
    complex_step: bool | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    step: float = STEP,
) -> None:
    """Compare the derivatives of ``f`` at ``args`` with numerical ones, entry by entry.

    Every floating-point leaf of the arguments is moved; integers, masks, strings and the like are held
    fixed. The judge is the central difference with Richardson's extrapolation, and the complex step
    where the function carries complex numbers through. Close to the edge of the domain, a pole or a kink the
    difference is narrowed until it converges; where it never does, no rule is accused.

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
        the difference quotient), 5e-4 and 5e-5 for float32 (limited by rounding inside the rules). Each
        derivative is held to its own size, also beside much larger ones.
    step : float
        The widest difference that is tried, relative to entries above 1.

    Raises
    ------
    GradientCheckError
        Naming the mode, the argument, the position, both numbers and, if it can be found, the operation
        whose rule is wrong.
    UndecidedGradientError
        A `GradientCheckError` too, if the point is at a kink or so close to one, to a jump or to the edge of
        the domain that no difference quotient converges.
    ValueError
        If `order` or `modes` is not one of those above.
    DtypeError
        If there is no floating-point leaf among the arguments or in what ``f`` returns, or `complex_step` is
        True and the function does not allow it.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> check_grads(lambda W, x: mg.tanh(mg.linear(W, x)), np.eye(2), np.array([0.5, -1.0]), order=2)
    """
    _check_options(order, modes)
    problem = reduced(f, args)
    if not cotangents_of(problem):
        raise DtypeError(
            f"`{problem.name}` returns no floating-point number, so there is no derivative to check; "
            "return the arrays, not None, integers, masks or strings"
        )
    tolerances = _tolerances(problem.arrays, rtol, atol)
    try:
        _compare(problem, order, modes, complex_step, tolerances, step)
    except UndecidedGradientError:
        raise
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

    Parameters
    ----------
    primitive : Primitive or str
        One that is registered, or its name.
    *args : array or number
        What to apply it to; floating-point arrays are moved.
    order : {1, 2}
        2: check second derivatives as well.
    modes : sequence of {"reverse", "forward"}
        Which rules to check.
    rtol, atol : float, optional
        Tolerances, as in `check_grads`.
    **params
        The operation's settings, such as ``axis=0``.

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
    problem = Problem(record.name, apply, arrays, [f"argument {i}" for i in moving])
    _check_options(order, modes)
    tolerances = _tolerances(problem.arrays, rtol, atol)
    _compare(problem, order, modes, None, tolerances, STEP)


def _compare(
    problem: Problem,
    order: int,
    modes: Sequence[str],
    use_complex: bool | None,
    tolerances: Tolerances,
    step: float,
) -> None:
    """First derivatives, and of these the derivatives; there the complex step is not insisted on."""
    compare_with_numbers(problem, modes, use_complex, tolerances, step, problem.name)
    if order == 2:
        for title, derivative in derivatives_of(problem, modes):
            compare_with_numbers(derivative, modes, use_complex and None, tolerances, step, title)


def _check_options(order: int, modes: Sequence[str]) -> None:
    if order not in (1, 2):
        raise ValueError(f"order={order!r} is not 1 or 2; for higher derivatives check mg.grad(f) in its turn")
    if not modes or not set(modes) <= {"reverse", "forward"}:
        raise ValueError(f'modes={modes!r} must be some of "reverse" and "forward"')


def _tolerances(arrays: list[np.ndarray], rtol: float | None, atol: float | None) -> Tolerances:
    size = min(8, *(array.dtype.itemsize for array in arrays)) if arrays else 8
    usual = TOLERANCES[size]
    absolute = usual.absolute if atol is None else atol
    return Tolerances(usual.relative if rtol is None else rtol, absolute, min(usual.rounding, absolute))


def _blame(problem: Problem, order: int) -> str:
    """A sentence about the first operation whose own rule is wrong, or nothing if none is found."""
    for node in trace(problem.f, *problem.arrays).nodes[:_BLAME_LIMIT]:
        if node.is_leaf:
            continue
        values = [arg.value if isinstance(arg, Tensor) else arg for arg in node.args]
        try:
            check_primitive(node.primitive, *values, order=order, **node.params)
        except UndecidedGradientError:
            continue
        except GradientCheckError as error:
            return f" The rule to blame is that of {describe(node)}: {error}"
        except Exception:  # a search for a hint must not hide the failure itself
            continue
    return ""
