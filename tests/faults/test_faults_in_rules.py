"""Every published slip in the rules of the primitives, rule after rule: check_grads notices each of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from planting import after, planted

import minigrad as mg
from minigrad.errors import GradientCheckError
from minigrad.primitive import PRIMITIVES
from minigrad.primitives import arithmetic
from minigrad.primitives import linalg as products
from minigrad.primitives import selection as choice
from minigrad.primitives import shape as shaping
from minigrad.testing import check_grads, check_primitive

_RNG = np.random.default_rng(0)
VECTOR = _RNG.uniform(0.3, 1.7, 3)
SQUARE = _RNG.uniform(0.3, 1.7, (3, 3))
OTHER = _RNG.uniform(1.8, 2.6, (3, 3))
MIXED = SQUARE + np.array([[0.2, -0.1, 0.3], [-0.2, 0.1, -0.3], [0.15, 0.25, -0.2]])
CUBE = _RNG.uniform(0.3, 1.7, (3, 3, 3))
MASK = np.array([[True, False, True], [False, True, True], [True, True, False]])
PLACES = np.array([2, 0, 2])

#: For each primitive: the public function, applied to arrays on which no wrong axis is a wrong shape.
CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    **{name: (getattr(mg, name), (VECTOR,)) for name in ("exp", "log", "sqrt", "tanh", "sigmoid", "negative")},
    "relu": (mg.relu, (VECTOR - 1,)),
    **{
        name: (getattr(mg, name), (SQUARE, OTHER))
        for name in ("add", "subtract", "multiply", "divide", "power", "linear", "outer", "matmul")
    },
    "maximum": (mg.maximum, (SQUARE, MIXED)),
    "minimum": (mg.minimum, (SQUARE, MIXED)),
    "absolute": (abs, (VECTOR - 1,)),
    "where": (lambda a, b: mg.where(MASK, a, b), (SQUARE, OTHER)),
    "softmax": (mg.softmax, (SQUARE,)),
    "log_softmax": (mg.log_softmax, (SQUARE,)),
    "sum": (lambda x: mg.sum(x, 1), (SQUARE,)),
    "mean": (lambda x: mg.mean(x, 1), (SQUARE,)),
    "reshape": (lambda x: mg.reshape(x, (9,)), (SQUARE,)),
    "transpose": (lambda x: mg.transpose(x, (1, 2, 0)), (CUBE,)),
    "broadcast_to": (lambda x: mg.broadcast_to(x, (3, 3)), (VECTOR,)),
    "concatenate": (lambda a, b: mg.concatenate([a, b], 1), (SQUARE, OTHER)),
    "stack": (lambda a, b: mg.stack([a, b], 1), (SQUARE, OTHER)),
    "getitem": (lambda x: x[1:], (SQUARE,)),
    "take": (lambda x: mg.take(x, PLACES, 1), (SQUARE,)),
}

#: Primitives that only other rules use: with the arguments as `check_primitive` takes them.
INNER: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "alias": ((VECTOR,), {}),
    "astype": ((VECTOR,), {"dtype": np.dtype(np.float64)}),
    "scatter": ((SQUARE[1:], VECTOR), {"indices": (slice(1, None), 0), "shape": (3, 3)}),
    "put": ((SQUARE, PLACES), {"axis": 1, "shape": (3, 3)}),
    "pick": ((SQUARE, PLACES), {}),
    "spread": ((VECTOR, PLACES), {"size": 3}),
}

#: Without a derivative there is no rule to be wrong in; `checkpoint` is a whole function, see its own tests.
WITHOUT = {"checkpoint", *(name for name, record in PRIMITIVES.items() if not record.differentiable)}


def check(name: str, modes: tuple[str, ...] = ("reverse", "forward")) -> None:
    """The function that a user would call."""
    if name in CALLS:
        f, args = CALLS[name]
        check_grads(f, *args, modes=modes)
    else:
        values, params = INNER[name]
        check_primitive(name, *values, modes=modes, **params)


def test_every_primitive_has_a_case() -> None:
    """No primitive is left out, and each passes as it is."""
    assert set(CALLS) | set(INNER) | WITHOUT == set(PRIMITIVES)
    for name in (*CALLS, *INNER):
        check(name)


#: Slips that any rule can have.
ANYWHERE: dict[str, Callable[[Any], Any]] = {
    "wrong sign": lambda g: -g,
    "missing factor": lambda g: 0.5 * g,
    "dropped path": lambda g: 0.0 * g,
}
RULES = [
    (name, mode, position)
    for name in (*CALLS, *INNER)
    for mode, rules in (("reverse", PRIMITIVES[name].vjps), ("forward", PRIMITIVES[name].jvps))
    for position, rule in enumerate(rules)
    if rule is not None
]


@pytest.mark.parametrize("slip", ANYWHERE)
@pytest.mark.parametrize(("name", "mode", "position"), RULES)
def test_a_slip_in_any_rule(name: str, mode: str, position: int, slip: str) -> None:
    """A wrong sign, a missing factor and a dropped path are noticed in each rule of each primitive."""
    with planted(name, mode, position, after(ANYWHERE[slip])), pytest.raises(GradientCheckError):
        check(name, (mode,))


def _rolled(axis: int) -> Callable[[Any], Any]:
    """Entries one place further along an axis."""
    return after(lambda g: np.roll(g, 1, axis))


def _instead(rule: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda _: rule


def _total(g: Any) -> Any:
    return np.sum(g, -1, keepdims=True)


#: slip, primitive, argument, and what stands in the place of its reverse rule.
SPECIFIC: list[tuple[str, str, int, Callable[[Any], Any]]] = [
    # missing activation derivative
    *(
        ("missing activation derivative", name, 0, _instead(lambda g, y, x: g))
        for name in ("tanh", "sigmoid", "exp", "log", "sqrt", "relu")
    ),
    # the slope of another function, or of the wrong letter
    ("(1 − h)² for 1 − h²", "tanh", 0, _instead(lambda g, y, x: g * (1 - y) ** 2)),
    ("1 − a² for 1 − h²", "tanh", 0, _instead(lambda g, y, x: g * (1 - x * x))),
    ("1 + h² for 1 − h²", "tanh", 0, _instead(lambda g, y, x: g * (1 + y * y))),
    ("1 − h for 1 − h²", "tanh", 0, _instead(lambda g, y, x: g * (1 - y))),
    ("slope of σ", "tanh", 0, _instead(lambda g, y, x: g * y * (1 - y))),
    ("σ² for σ (1 − σ)", "sigmoid", 0, _instead(lambda g, y, x: g * y * y)),
    ("1 − σ for σ (1 − σ)", "sigmoid", 0, _instead(lambda g, y, x: g * (1 - y))),
    ("σ for σ (1 − σ)", "sigmoid", 0, _instead(lambda g, y, x: g * y)),
    ("a (1 − a) for σ (1 − σ)", "sigmoid", 0, _instead(lambda g, y, x: g * x * (1 - x))),
    ("slope of tanh", "sigmoid", 0, _instead(lambda g, y, x: g * (1 - y * y))),
    ("input for output", "exp", 0, _instead(lambda g, y, x: g * x)),
    ("output for input", "log", 0, _instead(lambda g, y, x: g / y)),
    ("missing ½", "sqrt", 0, _instead(lambda g, y, x: g / y)),
    ("input for output", "sqrt", 0, _instead(lambda g, y, x: 0.5 * g / x)),
    ("slope on the wrong side", "relu", 0, _instead(lambda g, y, x: g * (x < 0))),
    ("leaks", "relu", 0, _instead(lambda g, y, x: g * np.where(x > 0, 1.0, 0.01))),
    # a transposed weight, the factors in the wrong order
    ("transposed weight", "linear", 1, _instead(lambda g, y, W, x: g @ W.T)),
    ("transposed gradient of a weight", "linear", 0, after(np.transpose)),
    ("transposed gradient", "outer", 0, _instead(lambda G, y, g, x: x @ G)),
    ("transposed gradient", "outer", 1, _instead(lambda G, y, g, x: g @ G.T)),
    ("transposed weight", "matmul", 0, _instead(lambda g, y, a, b: g @ b)),
    ("transposed weight", "matmul", 1, _instead(lambda g, y, a, b: a @ g)),
    ("wrong order of factors", "matmul", 0, _instead(lambda g, y, a, b: b.T @ g)),
    ("wrong order of factors", "matmul", 1, _instead(lambda g, y, a, b: g @ a.T)),
    ("not undone", "transpose", 0, _instead(lambda g, y, x, *, axes: np.transpose(g, axes))),
    ("column-major", "reshape", 0, _instead(lambda g, y, x, *, shape: np.reshape(g, x.shape, order="F"))),
    # the wrong argument of a product, quotient or power
    ("own factor for the other", "multiply", 0, _instead(lambda g, y, a, b: g * a)),
    ("own factor for the other", "multiply", 1, _instead(lambda g, y, a, b: g * b)),
    ("output for factor", "multiply", 0, _instead(lambda g, y, a, b: g * y)),
    ("factor dropped", "multiply", 1, _instead(lambda g, y, a, b: g)),
    ("b for b²", "divide", 1, _instead(lambda g, y, a, b: -g * a / b)),
    ("product for quotient", "divide", 0, _instead(lambda g, y, a, b: g * b)),
    ("n for n − 1", "power", 0, _instead(lambda g, y, x, n: g * n * x**n)),
    ("missing n", "power", 0, _instead(lambda g, y, x, n: g * x ** (n - 1))),
    ("log of the exponent", "power", 1, _instead(lambda g, y, x, n: g * y * np.log(n))),
    # masks, maxima
    ("mask turned", "where", 1, _instead(lambda g, y, m, a, b: np.where(m, 0, g))),
    ("gradient to both sides", "maximum", 0, _instead(lambda g, y, a, b: g)),
    ("gradient to the loser", "maximum", 0, _instead(lambda g, y, a, b: np.where(a < b, g, 0))),
    # sums and means
    ("sum for mean", "mean", 0, _instead(lambda g, y, x, *, axis, keepdims: np.broadcast_to(g[:, None], x.shape))),
    ("mean over all entries", "mean", 0, after(lambda g: g / 3)),
    ("mean for sum", "sum", 0, after(lambda g: g / 3)),
    ("over the wrong axis", "sum", 0, _instead(lambda g, y, x, *, axis, keepdims: np.broadcast_to(g, x.shape))),
    ("over the wrong axis", "mean", 0, _instead(lambda g, y, x, *, axis, keepdims: np.broadcast_to(g / 3, x.shape))),
    # softmax
    ("without −ααᵀ", "softmax", 0, _instead(lambda g, y, x, *, axis: y * g)),
    ("elementwise slope of σ", "softmax", 0, _instead(lambda g, y, x, *, axis: y * (1 - y) * g)),
    ("sign of −ααᵀ", "softmax", 0, _instead(lambda g, y, x, *, axis: y * (g + _total(y * g)))),
    ("without α in the sum", "softmax", 0, _instead(lambda g, y, x, *, axis: y * (g - _total(g)))),
    ("over the wrong axis", "softmax", 0, _instead(lambda g, y, x, *, axis: y * (g - np.sum(y * g, 0)))),
    ("no normalisation", "log_softmax", 0, _instead(lambda g, y, x, *, axis: g)),
    ("log for softmax", "log_softmax", 0, _instead(lambda g, y, x, *, axis: g - y * _total(g))),
    ("rule of softmax", "log_softmax", 0, _instead(lambda g, y, x, *, axis: g - np.exp(y) * _total(np.exp(y) * g))),
    # an index off by one, a part in the place of another
    ("index off by one", "getitem", 0, _rolled(0)),
    ("index off by one", "take", 0, _rolled(1)),
    ("index off by one", "concatenate", 0, _rolled(1)),
    ("index off by one", "stack", 0, _rolled(1)),
    ("index off by one", "pick", 0, _rolled(1)),
    ("index off by one", "spread", 0, _rolled(0)),
    ("index off by one", "put", 0, _rolled(1)),
    ("index off by one", "scatter", 0, _rolled(0)),
    ("index off by one", "reshape", 0, _rolled(0)),
    ("parts exchanged", "concatenate", 0, lambda rule: lambda *args, **params: rule(*args, **params)[::-1]),
    ("parts exchanged", "stack", 0, lambda rule: lambda *args, **params: rule(*args, **params)[::-1]),
    ("last copy only", "broadcast_to", 0, _instead(lambda g, y, x, *, shape: g[-1])),
]


@pytest.mark.parametrize(
    ("slip", "name", "position", "change"), SPECIFIC, ids=[f"{name}: {slip} ({i})" for slip, name, i, _ in SPECIFIC]
)
def test_a_published_slip(slip: str, name: str, position: int, change: Callable[[Any], Any]) -> None:
    """Each slip that is known from papers, courses and forums is noticed in the rule where it is made."""
    with planted(name, "reverse", position, change), pytest.raises(GradientCheckError):
        check(name, ("reverse",))


#: Functions of two arguments that broadcast, and the module whose `unbroadcast` their rules use.
BROADCAST = {
    "add": (arithmetic, mg.add),
    "subtract": (arithmetic, mg.subtract),
    "multiply": (arithmetic, mg.multiply),
    "divide": (arithmetic, mg.divide),
    "power": (arithmetic, mg.power),
    "maximum": (choice, mg.maximum),
    "where": (choice, lambda a, b: mg.where(MASK, a, b)),
    "matmul": (products, mg.matmul),
    "broadcast_to": (shaping, lambda a, b: mg.broadcast_to(a, (3, 3)) * b),
}


def _wrong_axis(g: Any, x: Any) -> Any:
    """Sums over the last axes instead of the first ones."""
    return g if g.shape == x.shape else np.sum(g, tuple(range(x.ndim, g.ndim)))


def _first_only(g: Any, x: Any) -> Any:
    """Takes the cotangent of one copy instead of their sum."""
    return g if g.shape == x.shape else g[(0,) * (g.ndim - x.ndim)]


def _mean(g: Any, x: Any) -> Any:
    """Takes the mean of the copies' cotangents instead of their sum."""
    return g if g.shape == x.shape else np.mean(g, tuple(range(g.ndim - x.ndim)))


@pytest.mark.parametrize("wrong", [_wrong_axis, _first_only, _mean], ids=["wrong axis", "one copy", "mean for sum"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", BROADCAST)
def test_a_slip_in_unbroadcasting(monkeypatch: Any, name: str, side: str, wrong: Callable[..., Any]) -> None:
    """A sum over the wrong axis, one copy for all, and a mean for a sum are noticed wherever shapes broadcast."""
    module, f = BROADCAST[name]
    small, large = {"matmul": (SQUARE, CUBE), "maximum": (VECTOR, VECTOR + MIXED - SQUARE)}.get(name, (VECTOR, OTHER))
    args = (small, large) if side == "left" else (large, small)
    if name == "broadcast_to":
        args = (small, large)
    check_grads(f, *args)

    monkeypatch.setattr(module, "unbroadcast", wrong)

    with pytest.raises(GradientCheckError):
        check_grads(f, *args)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_an_exponential_without_a_shift(monkeypatch: Any, name: str) -> None:
    """Softmax and its logarithm without the shift by the maximum overflow where the right ones are differentiable."""
    x = np.array([800.0, 799.0])  # e^800 is no float
    check_grads(getattr(mg, name), x)

    monkeypatch.setattr(mg.primitives.reductions, "_shifted", lambda x, axis: x)

    with pytest.raises(GradientCheckError), np.errstate(over="ignore", invalid="ignore"):
        check_grads(getattr(mg, name), x)
