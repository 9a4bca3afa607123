"""Hypothesis strategies: shapes, well-conditioned arrays, trees of arrays, random expression graphs.

Examples
--------
>>> from hypothesis import given
>>> from minigrad.testing import check_grads, strategies
>>> @given(strategies.expressions())
... def test_any_function_has_right_gradients(case):
...     f, args = case
...     check_grads(f, *args)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .. import primitives as p

__all__ = [
    "BINARY",
    "POLYNOMIAL",
    "UNARY",
    "Expression",
    "Operation",
    "Pair",
    "arrays",
    "axes",
    "broadcastable_shapes",
    "dtypes",
    "expressions",
    "indices",
    "shapes",
    "trees",
]


#: Operations on one value that keep it finite and are smooth wherever the strategies put it.
UNARY: dict[str, Callable[..., Any]] = {
    "negative": p.negative,
    "tanh": p.tanh,
    "sigmoid": p.sigmoid,
    "exp": p.exp,
    "log": p.log,
    "sqrt": p.sqrt,
    "relu": p.relu,
    "softmax": p.softmax,
    "log_softmax": p.log_softmax,
    "power": p.power,
    "sum": p.sum,
    "mean": p.mean,
    "reshape": p.reshape,
    "transpose": p.transpose,
    "broadcast_to": p.broadcast_to,
    "getitem": p.getitem,
    "take": p.take,
}

#: Operations on two values whose shapes broadcast, or that fit as the operation wants.
BINARY: dict[str, Callable[..., Any]] = {
    "add": p.add,
    "subtract": p.subtract,
    "multiply": p.multiply,
    "divide": p.divide,
    "power": p.power,
    "maximum": p.maximum,
    "minimum": p.minimum,
    "where": lambda a, b, mask: p.where(mask, a, b),
    "linear": p.linear,
    "outer": p.outer,
    "matmul": p.matmul,
    "concatenate": lambda a, b, axis: p.concatenate([a, b], axis),
    "stack": lambda a, b, axis: p.stack([a, b], axis),
}

#: Those among them that make polynomials with whole coefficients, exact in rational arithmetic.
POLYNOMIAL = frozenset({*UNARY, *BINARY}) - {
    *("tanh", "sigmoid", "exp", "log", "sqrt", "relu", "softmax", "log_softmax", "mean"),
    *("power", "divide", "maximum", "minimum"),
}


def _written(value: Any) -> str:
    """A setting as one would type it, on one line."""
    return f"np.array({value.tolist()})" if isinstance(value, np.ndarray) else repr(value)


@dataclass(frozen=True)
class Operation:
    """One line of an `Expression`: ``v[n] = name(*operands, **params)``.

    Attributes
    ----------
    name : str
        The primitive.
    operands : tuple of int
        Positions among the values so far.
    params : dict
        Settings such as ``axis``.
    """

    name: str
    operands: tuple[int, ...]
    params: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        operands = [f"v[{i}]" for i in self.operands]
        settings = [f"{key}={_written(value)}" for key, value in self.params.items()]
        return f"{self.name}({', '.join(operands + settings)})"

    def run(self, values: list[Any]) -> Any:
        """Compute the line's value.

        Parameters
        ----------
        values : list
            All values so far.
        """
        table = UNARY if len(self.operands) == 1 else BINARY
        return table[self.name](*(values[i] for i in self.operands), **self.params)


@dataclass(frozen=True)
class Expression:
    """A function of some arrays that returns one scalar: the sum of all values that no line uses.

    Attributes
    ----------
    inputs : int
        The number of arguments.
    lines : tuple of Operation
        What is computed, in order.
    """

    inputs: int
    lines: tuple[Operation, ...]

    @property
    def __name__(self) -> str:
        return "expression"

    def __call__(self, *args: Any) -> Any:
        """Run the lines on arrays, Tensors or anything that primitives run on."""
        values = list(args)
        for line in self.lines:
            values.append(line.run(values))
        used = {i for line in self.lines for i in line.operands}
        unused = [p.sum(value) for i, value in enumerate(values) if i not in used]
        return sum(unused[1:], unused[0])

    def __repr__(self) -> str:
        inputs = ", ".join(f"v[{i}]" for i in range(self.inputs))
        lines = [f"    v[{self.inputs + i}] = {line}" for i, line in enumerate(self.lines)]
        return "\n".join([f"<Expression of {inputs}, summed over unused values", *lines]) + ">"

    def values(self, *args: Any) -> list[np.ndarray]:
        """List the arguments and the value of every line.

        Parameters
        ----------
        *args : array or Tensor
            As many as `inputs`.

        Returns
        -------
        list of arrays
            The arguments, then the values of the lines.
        """
        values = list(args)
        for line in self.lines:
            values.append(line.run(values))
        return values


class Pair(NamedTuple):
    """The NamedTuple that `trees` uses, shaped like a state.

    Attributes
    ----------
    h, c : tree
        The two parts.
    """

    h: Any
    c: Any


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 3) -> st.SearchStrategy[Any]:
    """Shapes of arrays; ``min_side=0`` gives empty ones as well.

    Parameters
    ----------
    min_dims, max_dims : int
        How few and how many axes.
    min_side, max_side : int
        How short and how long an axis.

    Returns
    -------
    strategy of tuple of int
        Shapes.
    """
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


def broadcastable_shapes(
    count: int = 2, max_dims: int = 3, min_side: int = 1, max_side: int = 3
) -> st.SearchStrategy[tuple[tuple[int, ...], ...]]:
    """Tuples of `count` shapes that NumPy broadcasts together, and need not be equal.

    Parameters
    ----------
    count : int
        How many shapes.
    max_dims : int
        How many axes at most.
    min_side, max_side : int
        How short and how long an axis.

    Returns
    -------
    strategy of tuple of shapes
        As many as were asked for.
    """
    return hnp.mutually_broadcastable_shapes(
        num_shapes=count, max_dims=max_dims, min_side=min_side, max_side=max_side
    ).map(lambda found: found.input_shapes)


def dtypes() -> st.SearchStrategy[np.dtype]:
    """float64 and float32: the two that are kept as given.

    Returns
    -------
    strategy of numpy.dtype
        One of the two.
    """
    return st.sampled_from([np.dtype(np.float64), np.dtype(np.float32)])


def _grid(low: float, high: float) -> st.SearchStrategy[float]:
    """Odd multiples of 1/32: exact in float32 and as fractions, and never 0, ±1 or another kink."""
    first, last = int(np.ceil((low * 32 - 1) / 2)), int(np.floor((high * 32 - 1) / 2))
    return st.integers(first, last).map(lambda n: (2 * n + 1) / 32)


@st.composite
def arrays(
    draw: Callable[..., Any],
    shape: Any = None,
    dtype: Any = np.float64,
    low: float = -2.0,
    high: float = 2.0,
    distinct: bool = False,
) -> np.ndarray:
    """Arrays of well-conditioned numbers: odd multiples of 1/32, of magnitude 1/32 to 2.

    Parameters
    ----------
    shape : tuple of int or strategy, optional
        By default any of `shapes`.
    dtype : dtype or strategy
        What the entries are stored as.
    low, high : float
        Bounds of the entries; ``low=0.25`` for arguments of log and sqrt.
    distinct : bool
        No number appears twice, so that maxima are unique.

    Returns
    -------
    strategy of numpy.ndarray
        Of that shape and dtype.
    """
    size = shapes() if shape is None else shape
    size = draw(size) if isinstance(size, st.SearchStrategy) else size
    kind = draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype
    count = int(np.prod(size, dtype=int))
    entries = draw(st.lists(_grid(low, high), min_size=count, max_size=count, unique=distinct))
    return np.array(entries, kind).reshape(size)


def axes(ndim: int) -> st.SearchStrategy[Any]:
    """An axis as `sum` takes it: None, one number of either sign, or a tuple.

    Parameters
    ----------
    ndim : int
        How many axes the array has.

    Returns
    -------
    strategy of None, int or tuple of int
        Valid for that array.
    """
    if ndim == 0:
        return st.sampled_from([None, ()])
    several = st.lists(st.integers(0, ndim - 1), unique=True, max_size=ndim).map(tuple)
    return st.none() | st.integers(-ndim, ndim - 1) | several


def indices(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    """An index: integers, slices, None, Ellipsis, and arrays of integers, repeats included.

    Parameters
    ----------
    shape : tuple of int
        The shape of the array to be indexed.

    Returns
    -------
    strategy of index
        Valid for that array.
    """
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    if not shape or 0 in shape:
        return basic
    return basic | hnp.arrays(np.intp, st.integers(1, 4), elements=st.integers(0, shape[0] - 1))


def trees(leaves: st.SearchStrategy[Any] | None = None, max_leaves: int = 5) -> st.SearchStrategy[Any]:
    """Trees of dict, list, tuple, NamedTuple (`Pair`) and None over `leaves`, by default over `arrays`.

    Parameters
    ----------
    leaves : strategy, optional
        Of what stands at the leaves.
    max_leaves : int
        About how many of them at most.

    Returns
    -------
    strategy of tree
        Down to a leaf alone.
    """
    keys = st.sampled_from(["W", "U", "b", "layer 1", 0])

    def extend(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return (
            st.dictionaries(keys, inner, max_size=3)
            | st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.builds(Pair, inner, inner)
            | st.none()
        )

    return st.recursive(arrays() if leaves is None else leaves, extend, max_leaves=max_leaves)


#: Values of lines stay below this, so that derivatives stay well-conditioned too.
_LARGEST = 8.0
#: Lines with a kink keep this distance from it; check_grads moves entries by about 1e-3.
_MARGIN = 0.05


@st.composite
def expressions(
    draw: Callable[..., Any],
    max_lines: int = 8,
    dtype: Any = np.float64,
    only: Sequence[str] | frozenset[str] | None = None,
) -> tuple[Expression, tuple[np.ndarray, ...]]:
    """Random expression graphs: a function built from primitives, and arguments to call it with.

    Values are kept below 8 and away from kinks and singularities, so that the gradient is
    well-conditioned; values are shared freely, so that gradients must add up.

    Parameters
    ----------
    max_lines : int
        How many operations at most.
    dtype : dtype or strategy
        Of the arguments.
    only : collection of str, optional
        Names of operations to use, see `UNARY` and `BINARY` in `minigrad.testing.strategies`;
        `POLYNOMIAL` there for functions that are exact in rational arithmetic.

    Returns
    -------
    strategy of (Expression, tuple of numpy.ndarray)
        A function, and arrays to call it with.
    """
    kind = draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype
    count = draw(st.integers(1, 3))
    common, other = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    sizes = st.lists(st.sampled_from([common, common, other]), max_size=2).map(tuple)
    args = tuple(draw(arrays(draw(sizes), kind)) for _ in range(count))
    values = [np.asarray(arg, np.float64) for arg in args]
    lines: list[Operation] = []
    for _ in range(draw(st.integers(min(3, max_lines), max_lines))):
        line = draw(_lines(values, only))
        value = line.run(values)
        if value.size and value.size <= 30 and np.abs(value).max() <= _LARGEST:
            lines.append(line)
            values.append(value)
    return Expression(count, tuple(lines)), args


@st.composite
def _lines(draw: Callable[..., Any], values: list[np.ndarray], only: Any) -> Operation:
    """One more operation on one or two of the values."""
    i, j = draw(st.tuples(*[st.integers(0, len(values) - 1)] * 2))
    a, b = values[i], values[j]
    two = [name for name in _fitting_pair(a, b) if only is None or name in only]
    one = [name for name in _fitting(a) if only is None or name in only]
    if two and draw(st.booleans()):
        name = draw(st.sampled_from(two))
        return Operation(name, (i, j), draw(_pair_params(name, a, b)))
    name = draw(st.sampled_from(one))
    return Operation(name, (i,), draw(_params(name, a)))


def _fitting(x: np.ndarray) -> list[str]:
    """Operations on x that are smooth there."""
    names = ["tanh", "sigmoid", "power", "sum", "mean", "reshape", "transpose", "broadcast_to", "negative"]
    if x.max() < 2:
        names.append("exp")
    if x.min() > 0.25:
        names += ["log", "sqrt"]
    if np.abs(x).min() > _MARGIN:
        names.append("relu")
    if x.ndim:
        names += ["softmax", "log_softmax", "getitem", "take"]
    return names


def _params(name: str, x: np.ndarray) -> st.SearchStrategy[dict[str, Any]]:
    """The settings of an operation on x."""
    choices: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "power": st.sampled_from([{"n": 2}, {"n": 3}, {"n": 2.0}]),
        "sum": axes(x.ndim).map(lambda axis: {"axis": axis}),
        "mean": axes(x.ndim).map(lambda axis: {"axis": axis}),
        "reshape": st.sampled_from([{"shape": (-1,)}, {"shape": (*x.shape, 1)}, {"shape": (1, *x.shape)}]),
        "transpose": st.permutations(range(x.ndim)).map(lambda order: {"axes": tuple(order)}),
        "broadcast_to": st.just({"shape": (2, *x.shape)}),
    }
    if x.ndim:
        choices["getitem"] = indices(x.shape).map(lambda index: {"index": index})
        picked = st.lists(st.integers(0, x.shape[0] - 1), min_size=1, max_size=3)
        choices["take"] = picked.map(lambda positions: {"indices": positions, "axis": 0})
    return choices.get(name, st.just({}))


def _fitting_pair(a: np.ndarray, b: np.ndarray) -> list[str]:
    """Operations on a and b that their shapes allow, smooth at their values."""
    names = []
    if _broadcast_shape(a.shape, b.shape) is not None:
        names += ["multiply", "add", "subtract", "where"]
        if np.abs(b).min() > 0.25:
            names.append("divide")
        if a.min() > 0.25 and np.abs(b).max() < 3:
            names.append("power")
        if np.abs(a - b).min() > _MARGIN:
            names += ["maximum", "minimum"]
    if a.ndim == 2 and b.ndim and a.shape[1] == b.shape[-1]:
        names.append("linear")
    if a.ndim and b.ndim:
        if a.shape[:-1] == b.shape[:-1]:
            names.append("outer")
        if a.shape[-1] == b.shape[max(b.ndim - 2, 0)] and _broadcast_shape(a.shape[:-2], b.shape[:-2]) is not None:
            names.append("matmul")
        if a.ndim == b.ndim and a.shape[1:] == b.shape[1:]:
            names.append("concatenate")
    if a.shape == b.shape:
        names.append("stack")
    return names


def _pair_params(name: str, a: np.ndarray, b: np.ndarray) -> st.SearchStrategy[dict[str, Any]]:
    """The settings of an operation on a and b."""
    if name == "where":
        return hnp.arrays(np.bool_, _broadcast_shape(a.shape, b.shape) or ()).map(lambda mask: {"mask": mask})
    if name == "concatenate":
        return st.just({"axis": 0})
    if name == "stack":
        return st.integers(-1, a.ndim).map(lambda axis: {"axis": axis})
    return st.just({})


def _broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    """The common shape, or None."""
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None
