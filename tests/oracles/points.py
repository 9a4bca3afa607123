"""Arguments for every differentiable primitive, of ordinary size, up to ±700, tiny and subnormal."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.primitive import PRIMITIVES
from minigrad.testing import strategies

__all__ = ["DTYPES", "NAMES", "cases", "numbers"]

#: Every differentiable primitive but `checkpoint`, which runs others; its own test compares it with them.
NAMES = sorted(name for name, record in PRIMITIVES.items() if record.differentiable and name != "checkpoint")
DTYPES = [np.float64, np.float32]

#: Arguments that must be above 0.
POSITIVE = {"log": (0,), "sqrt": (0,), "power": (0,)}


def numbers(dtype: Any, *, positive: bool = False) -> st.SearchStrategy[float]:
    """Entries of four sizes, none of them 0: ordinary, large, tiny and subnormal."""
    width = np.finfo(dtype).bits
    tiny, smallest = float(np.finfo(dtype).smallest_normal), float(np.finfo(dtype).smallest_subnormal)
    sizes = [(2**-10, 3.0), (3.0, 700.0), (tiny, 2**-10), (smallest, tiny)]
    bounds = [tuple(float(np.dtype(dtype).type(end)) for end in size) for size in sizes]
    size = st.one_of(*(st.floats(low, high, width=width) for low, high in bounds))
    return size if positive else st.tuples(size, st.sampled_from([1.0, -1.0])).map(lambda pair: pair[0] * pair[1])


def _array(draw: Any, name: str, which: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    entries = numbers(dtype, positive=which in POSITIVE.get(name, ()))
    if (name, which) == ("power", 1):  # elsewhere all powers are 1, 0 or inf
        entries = st.floats(0.25, 4.0, width=np.finfo(dtype).bits) | st.floats(-4.0, -0.25, width=np.finfo(dtype).bits)
    return draw(hnp.arrays(dtype, shape, elements=entries, fill=st.nothing()))


@st.composite
def cases(draw: st.DrawFn, name: str, dtype: Any = np.float64) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments and settings of a primitive; floating-point entries are never 0, nor equal in `maximum`."""

    def array(which: int, shape: tuple[int, ...]) -> np.ndarray:
        return _array(draw, name, which, shape, dtype)

    def side(low: int = 1, high: int = 3) -> int:
        return draw(st.integers(low, high))

    match name:
        case "add" | "subtract" | "multiply" | "divide" | "power" | "maximum" | "minimum":
            shapes = draw(strategies.broadcastable_shapes(2, max_dims=1, min_side=1))
            a, b = (array(which, shape) for which, shape in enumerate(shapes))
            return (a, _apart(a, b) if name in ("maximum", "minimum") else b), {}
        case "where":
            mask = draw(hnp.arrays(np.bool_, (2, 2)))
            return (mask, array(1, (2,)), array(2, (2, 1))), {}
        case "softmax" | "log_softmax":
            return (array(0, (side(), side())),), {"axis": draw(st.integers(0, 1))}
        case "sum" | "mean":
            axis = draw(st.sampled_from([(), (0,), (1,), (0, 1)]))
            return (array(0, (side(), side())),), {"axis": axis, "keepdims": draw(st.booleans())}
        case "astype":
            return (array(0, (3,)),), {"dtype": np.dtype(dtype)}
        case "reshape":
            return (array(0, (2, 3)),), {"shape": draw(st.sampled_from([(6,), (3, 2), (1, 6)]))}
        case "transpose":
            return (array(0, (1, 2, 2)),), {"axes": draw(st.none() | st.permutations(range(3)).map(tuple))}
        case "broadcast_to":
            return (array(0, (2, 1)),), {"shape": (2, 2, 2)}
        case "concatenate":
            return (array(0, (1, 2)), array(1, (2, 2))), {"axis": 0}
        case "stack":
            return (array(0, (2,)), array(1, (2,))), {"axis": draw(st.integers(0, 1))}
        case "getitem":
            return (array(0, (2, 3)),), {"index": draw(strategies.indices((2, 3)))}
        case "scatter":
            indices = tuple(draw(st.lists(strategies.indices((2, 2)), min_size=1, max_size=2)))
            parts = tuple(array(i, np.zeros((2, 2))[index].shape) for i, index in enumerate(indices))
            return parts, {"indices": indices, "shape": (2, 2)}
        case "take":
            return (array(0, (2, 3)), draw(_positions((2,), 3))), {"axis": 1}
        case "put":
            return (array(0, (2, 2)), draw(_positions((2,), 3))), {"axis": 1, "shape": (2, 3)}
        case "pick":
            return (array(0, (2, 3)), draw(_positions((2,), 3))), {}
        case "spread":
            return (array(0, (2,)), draw(_positions((2,), 3))), {"size": 3}
        case "linear":
            m, n = side(), side()
            return (array(0, (m, n)), array(1, draw(st.sampled_from([(n,), (2, n)])))), {}
        case "outer":
            m, n, batch = side(), side(), draw(st.sampled_from([(), (2,)]))
            return (array(0, (*batch, m)), array(1, (*batch, n))), {}
        case "matmul":
            m, k, n = side(), side(), side()
            left = draw(st.sampled_from([(k,), (m, k), (2, m, k)]))
            return (array(0, left), array(1, draw(st.sampled_from([(k,), (k, n)])))), {}
        case _:
            return (array(0, draw(st.sampled_from([(), (3,)]))),), {}


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`b` with entries doubled until none of them is among those of `a`: at a tie there is no derivative."""
    while np.isin(b, a).any():
        b = np.where(np.isin(b, a), 2 * b, b).astype(b.dtype)
    return b


def _positions(shape: tuple[int, ...], size: int) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.intp, shape, elements=st.integers(0, size - 1))
