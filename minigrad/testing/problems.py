"""A function reduced to what a gradient check needs: some floating-point arrays in, some out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autodiff import jvp, vjp
from ..errors import DtypeError
from ..lifting import argument_names
from ..tensor import Tensor, constant, is_floating
from ..tree import flatten

__all__ = ["Problem", "cotangents_of", "derivatives_of", "reduced", "weights"]


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
