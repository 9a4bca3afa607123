"""NumPy's own functions on Tensors: the same numbers, with gradients, or a refusal that helps."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import numpy_protocol
from minigrad.errors import DroppedGradientError, DtypeError, UnknownAttributeError, UnsupportedNumPyError
from minigrad.testing import check_grads, strategies

X = np.array([[0.3, -0.7, 1.1], [0.9, 0.2, -1.3]])
P = np.abs(X) + 0.2

#: A call of every function of the tables, on arrays or Tensors alike.
CALLS: dict[Any, Callable[[Any], Any]] = {
    **{f: lambda x, f=f: f(x, X * 0.6 + 0.1) for f in (np.add, np.subtract, np.multiply, np.maximum, np.minimum)},
    np.divide: lambda x: np.divide(X, x * x + 1.0),
    np.power: lambda x: np.power(x * x + 0.5, P),
    np.negative: np.negative,
    np.positive: np.positive,
    np.absolute: np.absolute,
    np.square: np.square,
    np.reciprocal: lambda x: np.reciprocal(x * x + 0.5),
    np.exp: np.exp,
    np.tanh: np.tanh,
    np.log: lambda x: np.log(x * x + 0.5),
    np.sqrt: lambda x: np.sqrt(x * x + 0.5),
    np.matmul: lambda x: np.matmul(x, X.T),
    **{
        f: lambda x, f=f: np.where(f(x, 0.25), x, -x)
        for f in (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
    },
    **{
        f: lambda x, f=f: np.where(f(x > 0.25, X > -0.5), x, -x)
        for f in (np.logical_and, np.logical_or, np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor)
    },
    **{f: lambda x, f=f: np.where(f(x > 0.25), x, -x) for f in (np.logical_not, np.invert)},
    np.sum: lambda x: np.sum(x, axis=0, keepdims=True) + np.sum(x),
    np.mean: lambda x: np.mean(x, axis=(0, 1)) + np.mean(x, 1),
    np.reshape: lambda x: np.reshape(x, (3, -1)) * np.arange(6.0).reshape(3, 2),
    np.ravel: lambda x: np.ravel(x) * np.arange(6.0),
    np.transpose: lambda x: np.transpose(x) * np.arange(6.0).reshape(3, 2) + np.transpose(x, (1, 0)),
    np.swapaxes: lambda x: np.swapaxes(x, 0, -1) * np.arange(6.0).reshape(3, 2),
    np.moveaxis: lambda x: np.moveaxis(x, 0, 1) * np.arange(6.0).reshape(3, 2),
    np.expand_dims: lambda x: np.expand_dims(x, (0, 2)),
    np.squeeze: lambda x: np.squeeze(x[None, :, None]),
    np.broadcast_to: lambda x: np.broadcast_to(x, (4, 2, 3)) * np.arange(4.0)[:, None, None],
    np.concatenate: lambda x: (
        np.concatenate([x, X, 2.0 * x], axis=1) * np.arange(9.0)
        + np.sum(np.concatenate([x, X], axis=None) * np.arange(12.0))
    ),
    np.stack: lambda x: np.stack([X, x], axis=-1) * np.arange(2.0),
    np.take: lambda x: np.take(x, [0, 2, 2], axis=1) + np.take(x, 3),
    np.where: lambda x: np.where(X > 0, x, X),
    np.dot: lambda x: np.dot(x, X.T) + np.dot(x[0], x[1]) + np.dot(2.0, x)[0, 0],
    np.outer: lambda x: np.outer(x, X[0]),
    np.shape: lambda x: x * np.shape(x)[0],
    np.ndim: lambda x: x * np.ndim(x),
    np.size: lambda x: x * np.size(x),
    np.zeros_like: lambda x: x + np.zeros_like(x),
    np.ones_like: lambda x: x * 2.0 - np.ones_like(x),
}


def test_every_function_is_called_here() -> None:
    """The table of this file and the tables of the package hold the same functions."""
    assert set(CALLS) == set(numpy_protocol.UFUNCS) | set(numpy_protocol.FUNCTIONS)


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
def test_numbers_and_gradients(function: Any) -> None:
    """NumPy's function of a Tensor has the number that it has of the array, and the right gradient."""
    f = CALLS[function]

    result = f(mg.tensor(X))

    assert isinstance(result, mg.Tensor)
    np.testing.assert_array_equal(result.value, f(X))
    check_grads(f, X)


@given(st.data())
def test_mixed_operands(data: st.DataObject) -> None:
    """Tensor and array, in either order, give what two arrays give; the result is a Tensor."""
    a, b = data.draw(strategies.broadcastable_shapes(2))
    x, y = data.draw(strategies.arrays(a)), data.draw(strategies.arrays(b))
    operators: list[Callable[[Any, Any], Any]] = [
        lambda p, q: p + q,
        lambda p, q: p - q,
        lambda p, q: p * q,
        lambda p, q: p / q,
        lambda p, q: p < q,
        lambda p, q: p == q,
    ]
    for operate in operators:
        for left, right in ((mg.tensor(x), y), (x, mg.tensor(y)), (mg.tensor(x), mg.tensor(y))):
            result = operate(left, right)
            assert isinstance(result, mg.Tensor)
            np.testing.assert_array_equal(result.value, operate(x, y))


def test_matrix_product_with_an_array_on_the_left() -> None:
    """``array @ t`` and ``numpy scalar * t`` are Tensors, with gradients."""
    t = mg.tensor([1.0, 2.0])

    (np.float64(3.0) * (np.array([[1.0, 2.0], [0.0, 1.0]]) @ t)).sum().backward()

    assert t.grad is not None
    assert t.grad.tolist() == [3.0, 9.0]


T = mg.tensor([0.5, 2.0], name="t")

REFUSED: dict[str, Callable[[], Any]] = {
    "np.sin": lambda: np.sin(T),
    "np.floor": lambda: np.floor(T),
    "np.isnan": lambda: np.isnan(T),
    "np.cumsum": lambda: np.cumsum(T),
    "np.max": lambda: np.max(T),
    "np.prod": lambda: np.prod(T),
    "np.clip": lambda: np.clip(T, 0, 1),
    "np.einsum": lambda: np.einsum("i,i", T, T),
    "np.linalg.norm": lambda: np.linalg.norm(T),
    "np.linalg.inv": lambda: np.linalg.inv(T),
    "np.add.reduce": lambda: np.add.reduce(T),
    "np.multiply.outer": lambda: np.multiply.outer(T, T),
    "np.add.at": lambda: np.add.at(np.zeros(2), [0], T),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unsupported_functions_are_refused(name: str) -> None:
    """A NumPy function without a primitive raises, names itself, one that has a gradient, and the way out."""
    with pytest.raises(UnsupportedNumPyError) as caught:
        REFUSED[name]()

    text = str(caught.value)
    assert text.startswith(f"{name} has no primitive, so its gradient is not known")
    assert text.endswith(" If no gradient is wanted, call it on the plain array, `.value`.")


#: Functions whose advice is a formula in x, a and b, or in the n entries of a vector.
FORMULAS = (
    *(
        "sign",
        "heaviside",
        "sinh",
        "cosh",
        "arctanh",
        "log1p",
        "expm1",
        "log2",
        "log10",
        "exp2",
        "hypot",
        "float_power",
    ),
    *(
        "remainder",
        "linalg.norm",
        "var",
        "std",
        "cumsum",
        "diff",
        "inner",
        "vdot",
        "tril",
        "triu",
        "flip",
        "flipud",
        "roll",
    ),
    *("fabs", "fmax", "fmin", "sort", "nan_to_num", "cbrt", "average"),
)


@pytest.mark.parametrize("name", FORMULAS)
def test_advice_computes_the_function(name: str) -> None:
    """The formula that an error tells to write is the function that was refused."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.2, 0.9, (2, 4, 4)) if name in ("tril", "triu") else rng.uniform(0.2, 0.9, (2, 4))
    function = np.linalg.norm if name == "linalg.norm" else getattr(np, name)
    options: dict[str, Any] = {"shift": 2} if name == "roll" else {}
    args = (a, b) if name in ("hypot", "float_power", "remainder", "inner", "vdot", "fmax", "fmin") else (a,)
    if name == "heaviside":
        args = (a, 0.0)
    if name == "average":
        options["weights"] = b
    with pytest.raises(UnsupportedNumPyError) as caught:
        function(mg.tensor(a), *args[1:], **options)
    formula = str(caught.value).partition("write ")[2].partition(". If no")[0]
    formula = formula.replace(", or a @ b.T", "").replace(" where x is positive", "").replace(" for a vector", "")
    formula = formula.replace(" of n entries", "").partition(", where")[0]

    names = {"np": np, "a": mg.tensor(a), "b": b, "x": mg.tensor(a), "n": b if name == "float_power" else len(a)}
    written = eval(formula, {**names, "weights": b, "k": 2})

    np.testing.assert_allclose(written.value, function(*args, **options), rtol=1e-12)


def test_functions_without_advice_get_none() -> None:
    """A function that is not in the table is told the way out alone, not a name that is spelt alike."""
    for call in (
        lambda: np.any(T),
        lambda: np.isnan(T),
        lambda: np.argmax(T),
        lambda: np.allclose(T, T),
        lambda: np.sin(T),
    ):
        with pytest.raises(UnsupportedNumPyError, match=r"its gradient is not known\. If no gradient is wanted"):
            call()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: T.max(), "functools.reduce"),
        (lambda: T.flatten(), r"t.reshape\(-1\)"),
        (lambda: T.exp(), r"np.exp\(t\)"),
        (lambda: T.sigmoid(), r"mg.sigmoid\(t\)"),
        (lambda: T.argmax(), "t.value.argmax"),
        (lambda: T.tolist(), "t.value.tolist"),
        (lambda: T.astype(int), "before mg.tensor"),
    ],
)
def test_methods_of_arrays_are_refused_with_advice(call: Callable[[], Any], text: str) -> None:
    """A method that Tensors do not have says what to write; `hasattr` is False for it."""
    with pytest.raises(UnknownAttributeError, match=text):
        call()
    assert not hasattr(T, "max")


def test_masks_combine_and_other_operators_are_refused() -> None:
    """&, |, ^ and ~ are NumPy's on masks, and name the missing brackets elsewhere; % and // say what to write."""
    x: Any = mg.tensor([-1.0, 0.5, 2.0])

    assert ((x > 0) & (x < 1)).value.tolist() == [False, True, False]
    assert (~(x > 0) | np.array([False, False, True])).value.tolist() == [True, False, True]
    assert (np.array([True, True, False]) ^ (x > 0)).value.tolist() == [True, False, True]
    for wrong in (lambda: (x > 0) & x, lambda: x | True, lambda: 0 & x, lambda: ~x):
        with pytest.raises(DtypeError, match=r"of booleans, got"):
            wrong()
    for refused in (
        lambda: x % 2,
        lambda: 2 % x,
        lambda: x // 2,
        lambda: round(x),
        lambda: divmod(x, 2),
        lambda: x << 1,
    ):
        with pytest.raises(UnsupportedNumPyError, match=r"plain array, `\.value`"):
            refused()


def test_axes_move_without_memory() -> None:
    """moveaxis and swapaxes of many axes work and are NumPy's, at every position."""
    x: Any = np.arange(6.0).reshape((1,) * 14 + (2, 3))
    t: Any = mg.tensor(x)

    for i in (0, 7, -1):
        assert np.array_equal(np.moveaxis(t, i, -3).value, np.moveaxis(x, i, -3))
        assert np.array_equal(np.swapaxes(t, i, 5).value, np.swapaxes(x, i, 5))
    assert np.array_equal(np.moveaxis(t, [0, 14], [1, 2]).value, np.moveaxis(x, [0, 14], [1, 2]))


@pytest.mark.parametrize(
    "call",
    [
        lambda: np.add(T, 1, out=np.zeros(2)),
        lambda: np.add(T, 1, where=np.array([True, False])),
        lambda: np.exp(T, dtype=np.float32),
        lambda: np.sum(T, dtype=np.float32),
        lambda: np.sum(T, where=np.array([True, False])),
        lambda: np.mean(T, out=np.zeros(())),
        lambda: np.concatenate([T, T], dtype=np.float32),
        lambda: np.array([1.0, 2.0]).__iadd__(T),
    ],
)
def test_options_without_a_gradient_are_refused(call: Callable[[], Any]) -> None:
    """``out=``, ``where=``, ``dtype=`` and in-place operations raise; nothing is written and nothing dropped."""
    with pytest.raises(UnsupportedNumPyError, match="of a Tensor takes "):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: float(T[0]),
        lambda: int(T[0]),
        lambda: complex(T[0]),
        lambda: math.tanh(T[0]),
        lambda: range(T[0]),
        lambda: np.asarray(T),
        lambda: np.array(T, dtype=np.float32),
        lambda: np.array([T, T]),
        lambda: np.array([T[0], T[1]]),
        lambda: np.random.default_rng(0).normal(T),
    ],
)
def test_conversions_that_drop_the_gradient_are_refused(call: Callable[[], Any]) -> None:
    """A Tensor never becomes a plain number or array behind the caller's back."""
    with pytest.raises(DroppedGradientError, match="its gradient would be lost"):
        call()


def test_writing_a_tensor_into_an_array_is_refused() -> None:
    """``array[0] = t`` raises whatever NumPy makes of the refusal, and leaves the array as it was."""
    array = np.zeros(2)

    with pytest.raises((DroppedGradientError, ValueError)):
        array[0] = T[0]
    assert array.tolist() == [0.0, 0.0]

    def filled(t: Any) -> Any:
        h = np.zeros(2)
        h[0] = t[0]
        return h.sum()

    with pytest.raises(DroppedGradientError, match=r"write h = np\.stack\(parts\)"):
        mg.grad(filled)(np.ones(2))


def test_every_public_ufunc_is_differentiated_or_refused() -> None:
    """No ufunc of NumPy gives a plain result for a Tensor: each one has an entry or raises."""
    for name in dir(np):
        ufunc = getattr(np, name)
        if isinstance(ufunc, np.ufunc) and ufunc not in numpy_protocol.UFUNCS:
            with pytest.raises(UnsupportedNumPyError):
                ufunc(*[T] * ufunc.nin)
