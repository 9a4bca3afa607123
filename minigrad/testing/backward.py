"""check_backward: is a backward pass written by hand the gradient of its forward pass?"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from ..autodiff import grad
from ..errors import DisconnectedOutputWarning, GradientCheckError, NonScalarOutputError, TreeError
from ..pytree import Structure, flatten, flatten_like
from ..tensor import Tensor
from ..transforms import argument_names
from .numerical import STEP, central_difference

__all__ = ["check_backward"]

#: Sizes tried unless the caller says otherwise: small, because a slip in an index or a dropped path shows at
#: two or three steps, and the smallest failure is the one to read.
SIZES: Mapping[str, tuple[int, int]] = {"T": (1, 6), "H": (1, 4), "D": (1, 3)}

#: An automatic gradient is right to about 1e-13; a hand-written one may sum in another order. What is
#: wrong by a factor, a sign or a path is wrong by far more than 1e-6.
AUTOMATIC = (1e-6, 1e-9)

#: Central differences of a loss of order 1 are good to about 1e-9.
NUMERICAL = (1e-4, 1e-6)


@dataclass(frozen=True)
class _Mismatch:
    """One gradient that is wrong: where, and both arrays."""

    path: str
    got: np.ndarray
    expected: np.ndarray
    judge: str

    @property
    def position(self) -> tuple[int, ...]:
        """The entry with the largest difference."""
        distance = np.abs(self.got - self.expected)
        distance = np.where(np.isnan(distance), np.inf, distance)
        return tuple(int(i) for i in np.unravel_index(np.argmax(distance), distance.shape))


@dataclass(frozen=True)
class _Check:
    """The comparison for given sizes and seed."""

    f: Callable[..., Any]
    backward: Callable[..., Any]
    make_args: Callable[..., tuple[Any, ...]]
    wrt: tuple[int, ...]
    several: bool

    def mismatches(self, seed: int, sizes: Mapping[str, int]) -> list[_Mismatch]:
        """Every gradient that is wrong at these sizes."""
        args = self.make_args(np.random.default_rng(seed), **sizes)
        names = argument_names(self.f, len(args))
        expected, structures, judge, (rtol, atol) = self._expected(args)
        result = self.backward(*args)
        trees = result if self.several else (result,)
        if self.several and (not isinstance(result, tuple | list) or len(result) != len(self.wrt)):
            raise TreeError(f"backward must return {len(self.wrt)} gradients, one for each of wrt={self.wrt}")
        found = []
        for i, tree, structure, arrays in zip(self.wrt, trees, structures, expected, strict=True):
            got = flatten_like(structure, tree, f"the gradient of {names[i]}")
            for path, g, e in zip(structure.paths(names[i]), got, arrays, strict=True):
                g = np.asarray(g.value if isinstance(g, Tensor) else g)
                if g.shape != e.shape:
                    raise GradientCheckError(
                        f"the gradient of {path} has the shape {g.shape}, expected that of {path}, {e.shape}, "
                        f"at {_sizes(sizes)}"
                    )
                if not np.allclose(g, e, rtol=rtol, atol=atol * max(1.0, float(np.max(np.abs(e), initial=0.0)))):
                    found.append(_Mismatch(path, g, e, judge))
        return found

    def _expected(
        self, args: tuple[Any, ...]
    ) -> tuple[list[list[np.ndarray]], list[Structure], str, tuple[float, float]]:
        """The right gradients: automatic where the forward pass runs on Tensors, numerical otherwise."""
        structures = [flatten(args[i])[1] for i in self.wrt]
        trees = self._automatic(args)
        if trees is not None:
            arrays = [[np.asarray(leaf) for leaf in flatten(tree)[0]] for tree in trees]
            return arrays, structures, "automatic differentiation", AUTOMATIC
        arrays = [self._numerical(args, i) for i in self.wrt]
        return arrays, structures, "central differences", NUMERICAL

    def _automatic(self, args: tuple[Any, ...]) -> Any:
        """The gradient by minigrad; None for a forward pass that does not run on Tensors, or drops them on its way.

        Such a pass uses what plain arrays have and Tensors have not, so anything may be raised; whether
        the pass itself is at fault shows when it is run on plain arrays.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DisconnectedOutputWarning)
                return grad(self.f, self.wrt)(*args)
        except Exception:
            self.f(*args)
            return None

    def _numerical(self, args: tuple[Any, ...], position: int) -> list[np.ndarray]:
        """The gradient of one argument by central differences, for a forward pass on plain arrays."""
        leaves, structure = flatten(args[position])
        arrays = [np.array(leaf, np.float64) for leaf in leaves]

        def flat(xs: list[np.ndarray]) -> np.ndarray:
            moved = (*args[:position], structure.unflatten(xs), *args[position + 1 :])
            loss = np.asarray(self.f(*moved))
            if loss.shape != ():
                raise NonScalarOutputError(f"f must return one number, the loss, got the shape {loss.shape}; sum it")
            return np.array([float(loss)])

        gradients = []
        for which, array in enumerate(arrays):
            gradient = np.empty(array.shape)
            for index in np.ndindex(array.shape):
                gradient[index] = central_difference(flat, arrays, which, index, STEP).value[0]
            gradients.append(gradient)
        return gradients


def check_backward(
    f: Callable[..., Any],
    backward: Callable[..., Any],
    make_args: Callable[..., tuple[Any, ...]],
    *,
    wrt: int | tuple[int, ...] = 0,
    sizes: Mapping[str, tuple[int, int]] = SIZES,
    examples: int = 100,
) -> None:
    """Compare a hand-written backward pass with the gradient of its forward pass.

    Sizes and random inputs are searched by Hypothesis, which shrinks a failure to the smallest sizes that
    still fail: what is wrong at T = 1 is a rule, what is wrong only from T = 2 on is a path through time.

    Parameters
    ----------
    f : callable
        ``f(*args) -> loss``, the forward pass: of NumPy functions that run on Tensors, or of any others;
        then central differences are the judge.
    backward : callable
        ``backward(*args)`` returns a gradient like the argument `wrt`, or a tuple of them if `wrt` is one.
    make_args : callable
        ``make_args(rng, **sizes) -> tuple``, random arguments for the given sizes.
    wrt : int or tuple of int
        Which arguments `backward` differentiates with respect to.
    sizes : mapping of str to (int, int)
        The smallest and largest value of each size; by default T in 1…6, H in 1…4, D in 1…3. A size
        called T is read as the number of time steps.
    examples : int
        How many random choices to try.

    Raises
    ------
    GradientCheckError
        Naming the smallest failing sizes, every gradient that is wrong there, by how much, and the lag from
        which on it is wrong.
    TreeError
        If `backward` returns another structure than that of the arguments.
    NonScalarOutputError
        If `f` returns more than one number.

    Examples
    --------
    A backward pass that forgets the derivative of tanh:

    >>> import numpy as np
    >>> def loss(w, x):
    ...     return np.sum(np.tanh(w * x))
    >>> def wrong(w, x):
    ...     return x
    >>> check_backward(loss, wrong, lambda rng, D: (rng.normal(size=D), rng.normal(size=D)), sizes={"D": (1, 3)})
    Traceback (most recent call last):
    ...
    minigrad.errors.GradientCheckError: backward is wrong at D=1, the smallest sizes that fail ...
    """
    positions = (wrt,) if isinstance(wrt, int) else tuple(wrt)
    check = _Check(f, backward, make_args, positions, several=not isinstance(wrt, int))
    strategy = st.tuples(
        st.fixed_dictionaries({name: st.integers(low, high) for name, (low, high) in sizes.items()}),
        st.integers(0, 2**16),
    )
    search = settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    try:
        smallest, seed = find(strategy, lambda case: bool(check.mismatches(case[1], case[0])), settings=search)
    except NoSuchExample:
        return
    raise GradientCheckError(_report(check, smallest, seed, sizes))


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={size}" for name, size in sizes.items())


def _report(check: _Check, sizes: Mapping[str, int], seed: int, ranges: Mapping[str, tuple[int, int]]) -> str:
    """The fault, its size, and the lag from which on it shows."""
    wrong = check.mismatches(seed, sizes)
    lines = [f"backward is wrong at {_sizes(sizes)}, the smallest sizes that fail (judge: {wrong[0].judge}):"]
    for mismatch in wrong:
        at = mismatch.position
        got, expected = float(mismatch.got[at]), float(mismatch.expected[at])
        place = f"{mismatch.path}{list(at) if at else ''}"
        lines.append(f"  the gradient of {place} is {got:.8g}, expected {expected:.8g}{_likeness(mismatch)}")
    if "T" in sizes:
        lines.append(f"  {_lag(check, sizes, ranges['T'][0])}")
    return "\n".join(lines)


def _likeness(mismatch: _Mismatch) -> str:
    """A remark where the wrong array is the right one but for a sign, a factor or a transposition."""
    got, expected = mismatch.got, mismatch.expected
    size = float(np.vdot(expected, expected))
    if size == 0 or not np.isfinite(got).all():
        return ""
    factor = float(np.vdot(expected, got)) / size
    if expected.size > 1 and np.allclose(got, factor * expected, rtol=1e-6, atol=1e-9):
        return f": {factor:.4g} times the right gradient"
    square = got.ndim == 2 and got.shape[0] == got.shape[1] > 1
    return ": the transpose of the right gradient" if square and np.allclose(got.T, expected, rtol=1e-6) else ""


def _lag(check: _Check, sizes: Mapping[str, int], fewest: int) -> str:
    """From which lag on the gradients are wrong: shorter runs of the same sizes are tried again."""
    steps = sizes["T"]
    if steps > fewest:
        shorter = [{**sizes, "T": t} for t in range(fewest, steps)]
        if not any(check.mismatches(seed, case) for case in shorter for seed in range(5)):
            return (
                f"It is right up to T={steps - 1} and wrong from lag {steps - 1} on: look at what links a step to "
                "the one before, the δ passed back and the products with the earlier state."
            )
    return "It is wrong already at lag 0, within one step: look at the rules of the step itself."
