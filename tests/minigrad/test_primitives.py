"""Every primitive, found in the registry, against numerical derivatives and against itself."""

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.primitive import PRIMITIVES, elementwise, register
from minigrad.sweep import SparseCotangent, forward_sweep, reverse_sweep
from minigrad.tensor import SCALARS, bind, constant, is_floating
from minigrad.testing import check_primitive, strategies

Case = tuple[tuple[Any, ...], dict[str, Any]]

#: These tests run once for each primitive, so that fewer examples each are enough.
FEWER = settings(max_examples=max(10, settings().max_examples // 3))

#: Primitives that the tests of this file cannot treat like the others, and where they are tested.
ELSEWHERE = {"stop_gradient": "below, by its own test", "checkpoint": "test_checkpoint.py"}


def _one(low: float = -2.0, high: float = 2.0) -> Callable[..., Case]:
    def case(draw: Any, dtype: Any, side: int) -> Case:
        return (draw(strategies.arrays(strategies.shapes(min_side=side), dtype, low, high)),), {}

    return case


def _two(first: float = -2.0, second: float = -2.0, shift: float = 0.0) -> Callable[..., Case]:
    """Two arrays that broadcast, with lower bounds; `shift` keeps them from being equal anywhere."""

    def case(draw: Any, dtype: Any, side: int) -> Case:
        a, b = draw(strategies.broadcastable_shapes(2, min_side=side))
        left = draw(strategies.arrays(a, dtype, low=first))
        right = draw(strategies.arrays(b, dtype, low=second))
        return (left, (right + shift).astype(dtype)), {}

    return case


def _nonzero(draw: Any, dtype: Any, side: int) -> Case:
    (x,), _ = _one()(draw, dtype, side)
    return (np.where(x >= 0, x + 1 / 64, x - 1 / 64).astype(dtype),), {}


def _power(draw: Any, dtype: Any, side: int) -> Case:
    (x, n), _ = _two(first=0.25)(draw, dtype, side)
    return (x, draw(st.sampled_from([n, 0, 1, 2, 3, 2.0, -1]))), {}


def _where(draw: Any, dtype: Any, side: int) -> Case:
    m, a, b = draw(strategies.broadcastable_shapes(3, min_side=side))
    mask = draw(hnp.arrays(np.bool_, m))
    return (mask, draw(strategies.arrays(a, dtype)), draw(strategies.arrays(b, dtype))), {}


def _softmax(draw: Any, dtype: Any, side: int) -> Case:
    x = draw(strategies.arrays(strategies.shapes(min_dims=1, min_side=side), dtype))
    return (x,), {"axis": draw(st.integers(0, x.ndim - 1))}


def _reduction(draw: Any, dtype: Any, side: int) -> Case:
    (x,), _ = _one()(draw, dtype, side)
    chosen = draw(st.lists(st.integers(0, x.ndim - 1), unique=True).map(tuple)) if x.ndim else ()
    return (x,), {"axis": chosen, "keepdims": draw(st.booleans())}


def _mean(draw: Any, dtype: Any, side: int) -> Case:
    return _reduction(draw, dtype, 1)  # the mean of no entries is NaN, as NumPy's


def _reshape(draw: Any, dtype: Any, side: int) -> Case:
    (x,), _ = _one()(draw, dtype, side)
    return (x,), {"shape": draw(st.sampled_from([(x.size,), (1, *x.shape), (*x.shape[::-1], 1)]))}


def _transpose(draw: Any, dtype: Any, side: int) -> Case:
    (x,), _ = _one()(draw, dtype, side)
    return (x,), {"axes": draw(st.none() | st.permutations(range(x.ndim)).map(tuple))}


def _broadcast_to(draw: Any, dtype: Any, side: int) -> Case:
    small, large = draw(strategies.broadcastable_shapes(2, min_side=side))
    return (draw(strategies.arrays(small, dtype)),), {"shape": np.broadcast_shapes(small, large)}


def _concatenate(draw: Any, dtype: Any, side: int) -> Case:
    shape = draw(strategies.shapes(min_dims=1, min_side=side))
    axis = draw(st.integers(0, len(shape) - 1))
    lengths = draw(st.lists(st.integers(side, 2), min_size=1, max_size=3))
    sizes = [(*shape[:axis], length, *shape[axis + 1 :]) for length in lengths]
    return tuple(draw(strategies.arrays(size, dtype)) for size in sizes), {"axis": axis}


def _stack(draw: Any, dtype: Any, side: int) -> Case:
    shape = draw(strategies.shapes(max_dims=2, min_side=side))
    count = draw(st.integers(1, 3))
    parts = tuple(draw(strategies.arrays(shape, dtype)) for _ in range(count))
    return parts, {"axis": draw(st.integers(0, len(shape)))}


def _getitem(draw: Any, dtype: Any, side: int) -> Case:
    x = draw(strategies.arrays(strategies.shapes(min_side=side), dtype))
    return (x,), {"index": draw(strategies.indices(x.shape))}


def _scatter(draw: Any, dtype: Any, side: int) -> Case:
    shape = draw(strategies.shapes(min_side=side))
    indices = tuple(draw(st.lists(strategies.indices(shape), min_size=1, max_size=3)))
    parts = tuple(draw(strategies.arrays(np.zeros(shape)[index].shape, dtype)) for index in indices)
    return parts, {"indices": indices, "shape": shape}


def _take(draw: Any, dtype: Any, side: int) -> Case:
    x = draw(strategies.arrays(strategies.shapes(min_dims=1, min_side=max(1, side)), dtype))
    axis = draw(st.integers(0, x.ndim - 1))
    positions = hnp.arrays(
        np.intp, strategies.shapes(max_dims=2, min_side=side), elements=st.integers(0, x.shape[axis] - 1)
    )
    return (x, draw(positions)), {"axis": axis}


def _put(draw: Any, dtype: Any, side: int) -> Case:
    (x, positions), params = _take(draw, dtype, side)
    axis = params["axis"]
    return (np.take(x, positions, axis), positions), {"axis": axis, "shape": x.shape}


def _pick(draw: Any, dtype: Any, side: int) -> Case:
    x = draw(strategies.arrays(strategies.shapes(min_dims=1, min_side=max(1, side)), dtype))
    classes = hnp.arrays(np.intp, x.shape[:-1], elements=st.integers(0, x.shape[-1] - 1))
    return (x, draw(classes)), {}


def _spread(draw: Any, dtype: Any, side: int) -> Case:
    (x, classes), _ = _pick(draw, dtype, side)
    return (x[..., 0], classes), {"size": x.shape[-1]}


def _linear(draw: Any, dtype: Any, side: int) -> Case:
    m, n = draw(st.tuples(st.integers(side, 3), st.integers(side, 3)))
    batch = draw(strategies.shapes(max_dims=2, min_side=side))
    return (draw(strategies.arrays((m, n), dtype)), draw(strategies.arrays((*batch, n), dtype))), {}


def _outer(draw: Any, dtype: Any, side: int) -> Case:
    m, n = draw(st.tuples(st.integers(side, 3), st.integers(side, 3)))
    batch = draw(strategies.shapes(max_dims=2, min_side=side))
    return (draw(strategies.arrays((*batch, m), dtype)), draw(strategies.arrays((*batch, n), dtype))), {}


def _matmul(draw: Any, dtype: Any, side: int) -> Case:
    k, m, n = draw(st.tuples(*[st.integers(side, 3)] * 3))
    left, right = draw(strategies.broadcastable_shapes(2, max_dims=1, min_side=side))
    a = draw(st.sampled_from([(k,), (*left, m, k)]))
    b = draw(st.sampled_from([(k,), (*right, k, n)]))
    return (draw(strategies.arrays(a, dtype)), draw(strategies.arrays(b, dtype))), {}


def _astype(draw: Any, dtype: Any, side: int) -> Case:
    (x,), _ = _one()(draw, dtype, side)
    return (x,), {"dtype": np.dtype(dtype)}


CASES: dict[str, Callable[..., Case]] = {
    **dict.fromkeys(("alias", "negative", "tanh", "sigmoid", "exp", "relu"), _one()),
    **dict.fromkeys(("log", "sqrt"), _one(low=0.25)),
    **dict.fromkeys(("add", "subtract", "multiply"), _two()),
    "divide": _two(second=0.25),
    "power": _power,
    **dict.fromkeys(("maximum", "minimum"), _two(shift=1 / 64)),
    "absolute": _nonzero,
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), _two(first=0.25, second=0.25)),
    "logical_not": _one(low=0.25),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"), _two(shift=1 / 64)),
    "where": _where,
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    "sum": _reduction,
    "mean": _mean,
    "astype": _astype,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "concatenate": _concatenate,
    "stack": _stack,
    "getitem": _getitem,
    "scatter": _scatter,
    "take": _take,
    "put": _put,
    "pick": _pick,
    "spread": _spread,
    "linear": _linear,
    "outer": _outer,
    "matmul": _matmul,
}


@st.composite
def cases(draw: Any, name: str, dtype: Any = np.float64, side: int = 1) -> Case:
    """Arguments and settings that a primitive takes; ``side=0`` allows empty arrays."""
    return CASES[name](draw, dtype, side)


def apply(name: str, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The primitive on leaves made of its floating-point arguments; the output node, and the leaves."""
    lifted = [mg.tensor(arg) if type(arg) not in SCALARS and is_floating(arg) else arg for arg in args]
    return bind(PRIMITIVES[name], tuple(lifted), params), [x for x in lifted if isinstance(x, mg.Tensor)]


def dense(share: Any) -> Any:
    """A share as an array, also where indexing left a piece."""
    return share.result() if isinstance(share, SparseCotangent) else share


def test_registry_is_covered() -> None:
    """Every primitive of every module of the engine has a case here, and no case is left over."""
    for module in pkgutil.walk_packages(mg.__path__, "minigrad."):
        spec = module.module_finder.find_spec(module.name, None)  # type: ignore[call-arg, union-attr]
        if spec is not None and spec.origin and "register(" in Path(spec.origin).read_text("utf-8"):
            importlib.import_module(module.name)

    assert set(PRIMITIVES) == set(CASES) | set(ELSEWHERE)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_record_is_complete(name: str) -> None:
    """A primitive has a reverse and a forward rule for the same arguments, each saying its formula first."""
    record = PRIMITIVES[name]

    assert record.name == name
    assert [rule is None for rule in record.vjps] == [rule is None for rule in record.jvps]
    assert all(rule is None or callable(rule) for rule in (*record.vjps, *record.jvps))
    assert not record.variadic or len(record.vjps) == 1
    assert all(rule.__doc__ for rule in record.vjps if rule is not None)


@pytest.mark.parametrize("name", CASES)
@FEWER
@given(data=st.data())
def test_rules_are_right(name: str, data: st.DataObject) -> None:
    """Reverse rule = forward rule = numerical derivative, and so for the rules' own derivatives."""
    args, params = data.draw(cases(name))

    check_primitive(name, *args, order=2, **params)


@pytest.mark.parametrize("name", CASES)
@FEWER
@given(data=st.data())
def test_reverse_is_adjoint_of_forward(name: str, data: st.DataObject) -> None:
    """⟨g, J t⟩ = ⟨Jᵀ g, t⟩ for tangents of all arguments together, empty arrays included."""
    args, params = data.draw(cases(name, side=0))
    output, leaves = apply(name, args, params)
    rng = np.random.default_rng(0)
    g = rng.normal(size=output.shape)
    ts = {x: rng.normal(size=x.shape) for x in leaves}

    pushed = forward_sweep([output], ts).get(output)
    pulled = reverse_sweep([(output, g)], targets=leaves).nodes

    left = 0.0 if pushed is None else float(np.sum(g * pushed))
    right = sum(float(np.sum(pulled[x] * t)) for x, t in ts.items() if x in pulled)
    np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-12)
    assert all(pulled[x].shape == x.shape for x in leaves if x in pulled)
    assert pushed is None or pushed.shape == output.shape


@pytest.mark.parametrize("name", CASES)
@FEWER
@given(data=st.data())
def test_float32_is_kept(name: str, data: st.DataObject) -> None:
    """Single precision in gives single precision out: value, every share, every tangent, right to its digits."""
    args, params = data.draw(cases(name, dtype=np.float32))
    output, leaves = apply(name, args, params)
    if output.dtype == bool:
        return
    g = np.ones(output.shape, np.float32)

    shares = reverse_sweep([(output, g)], keep_all=True).edges
    pushed = forward_sweep([output], {x: np.ones(x.shape, np.float32) for x in leaves})

    assert output.dtype == np.float32
    assert {dense(share).dtype for share in shares.values()} <= {np.dtype(np.float32)}
    assert pushed[output].dtype == np.float32
    check_primitive(name, *args, **params)


@pytest.mark.parametrize("name", CASES)
@FEWER
@given(data=st.data())
def test_plain_and_recorded_sweeps_agree(name: str, data: st.DataObject) -> None:
    """A rule gives the same numbers on arrays and on Tensors."""
    args, params = data.draw(cases(name, side=0))
    output, leaves = apply(name, args, params)
    g = np.random.default_rng(1).normal(size=output.shape)

    plain = reverse_sweep([(output, g)], targets=leaves).nodes
    recorded = reverse_sweep([(output, constant(g))], targets=leaves, recorded=True).nodes

    assert plain.keys() == recorded.keys()
    for leaf, adjoint in plain.items():
        np.testing.assert_allclose(adjoint, recorded[leaf].value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
@FEWER
@given(data=st.data())
def test_arguments_are_not_written_into(name: str, data: st.DataObject) -> None:
    """Neither the value nor the rules change an argument, the output or the cotangent."""
    args, params = data.draw(cases(name))
    before = [np.array(arg) for arg in args]
    output, leaves = apply(name, args, params)
    value = np.array(output.value)
    g = np.ones(output.shape)

    reverse_sweep([(output, g)], targets=leaves)
    forward_sweep([output], {x: np.ones(x.shape) for x in leaves})

    assert all(np.array_equal(a, b) for a, b in zip(before, args, strict=True))
    assert np.array_equal(value, output.value)
    assert np.array_equal(g, np.ones(output.shape))


#: Functions that treat every vector of a batch alike, with the arguments that carry the batch.
BATCHED: dict[str, tuple[Callable[..., Any], int]] = {
    **{name: (getattr(mg, name), 1) for name in ("tanh", "sigmoid", "exp", "relu", "negative", "softmax")},
    "log_softmax": (mg.log_softmax, 1),
    "sum": (lambda x: mg.sum(x, -1), 1),
    "mean": (lambda x: mg.mean(x, -1), 1),
    "power": (lambda x: mg.power(x, 2), 1),
    "getitem": (lambda x: x[..., 1:], 1),
    "take": (lambda x: mg.take(x, [0, 0, 1], -1), 1),
    "linear": (lambda x: mg.linear(np.arange(6.0).reshape(2, 3), x), 1),
    **{name: (getattr(mg, name), 2) for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum")},
    "concatenate": (lambda x, y: mg.concatenate([x, y], -1), 2),
    "stack": (lambda x, y: mg.stack([x, y], -1), 2),
    "cross_entropy": (lambda x, y: mg.cross_entropy(x, mg.softmax(y)), 2),
}


@pytest.mark.parametrize("name", BATCHED)
@given(data=st.data())
def test_batch_axes(name: str, data: st.DataObject) -> None:
    """A batch is treated as its members are, one by one: value, reverse rule and forward rule."""
    f, count = BATCHED[name]
    batch = data.draw(strategies.shapes(max_dims=2, max_side=2))
    xs = [data.draw(strategies.arrays((*batch, 3), low=0.25 * i)) + i / 64 for i in range(count)]

    value, pullback = mg.vjp(f, *xs)
    pulled = pullback(value)
    _, pushed = mg.jvp(f, xs, xs)

    for i in np.ndindex(batch):
        alone, pullback_alone = mg.vjp(f, *(x[i] for x in xs))
        np.testing.assert_allclose(value[i], alone, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(pushed[i], mg.jvp(f, [x[i] for x in xs], [x[i] for x in xs])[1], atol=1e-13)
        for whole, part in zip(pulled, pullback_alone(alone), strict=True):
            np.testing.assert_allclose(whole[i], part, rtol=1e-12, atol=1e-13)


def test_stop_gradient_is_a_constant() -> None:
    """stop_gradient keeps the value and has derivative 0 in both modes."""
    x = np.array([1.0, 2.0])

    value, tangent = mg.jvp(lambda x: mg.stop_gradient(x) * x, (x,), (np.ones(2),))

    assert value.tolist() == [1.0, 4.0]
    assert tangent.tolist() == [1.0, 2.0]
    assert mg.grad(lambda x: (mg.stop_gradient(x) * x).sum())(x).tolist() == [1.0, 2.0]


def test_slope_is_the_rule_of_elementwise_functions() -> None:
    """A primitive with a slope multiplies by it, forward and backward, on whatever type of number."""
    x = np.linspace(0.3, 1.7, 5)
    for record in PRIMITIVES.values():
        if record.slope is not None:
            y = record.value(x)
            expected = record.slope(y, x) * 2.0

            assert np.array_equal(record.vjps[0](2.0 * np.ones(5), y, x), expected)
            assert np.array_equal(record.jvps[0](2.0 * np.ones(5), y, x), expected)


def test_a_name_is_registered_once() -> None:
    """A second primitive of the same name is refused and does not replace the first."""
    first = PRIMITIVES["tanh"]

    with pytest.raises(
        ValueError, match=r"'tanh' is defined in minigrad\.primitives\.elementwise already; choose another"
    ):
        elementwise("tanh", np.tanh, lambda y, x: 1 - y * y)
    assert PRIMITIVES["tanh"] is first


def test_a_cell_of_a_notebook_can_be_run_twice() -> None:
    """A module may register its own primitive again; the later record stands."""
    try:
        for factor in (2.0, 3.0):
            rule = lambda g, y, x, factor=factor: factor * g  # noqa: E731
            scaled = register("scaled", lambda x, factor=factor: factor * x, vjps=(rule,), jvps=(rule,))

        assert PRIMITIVES["scaled"] is scaled
        assert float(mg.grad(lambda x: bind(scaled, (x,)))(1.0)) == 3.0
    finally:
        PRIMITIVES.pop("scaled", None)


@pytest.mark.parametrize("given_rule", ["vjp", "jvp"])
def test_a_rule_given_for_one_direction_serves_both(given_rule: str) -> None:
    """None beside a rule is "not given", not zero: the missing rule is the transpose of the given one."""
    A = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]])
    vjp: Any = (lambda g, y, x: A.T @ g) if given_rule == "vjp" else None
    jvp: Any = (lambda t, y, x: A @ t) if given_rule == "jvp" else None
    try:
        record = register("one_direction", lambda x: A @ x, vjps=(vjp,), jvps=(jvp,))
        x = np.array([0.5, -1.0, 2.0])

        check_primitive("one_direction", x, order=2)
        assert np.array_equal(mg.jacobian(lambda x: bind(record, (x,)))(x), A)
        np.testing.assert_allclose(mg.hessian(lambda x: (bind(record, (x,)) ** 2).sum())(x), 2 * A.T @ A)
    finally:
        PRIMITIVES.pop("one_direction", None)


def test_rules_come_in_pairs() -> None:
    """A primitive with fewer forward than reverse rules is refused."""
    with pytest.raises(ValueError, match="'odd' has 1 vjp rules but 0 jvp rules; give one pair each"):
        register("odd", np.tanh, vjps=(None,), jvps=())
    assert "odd" not in PRIMITIVES
