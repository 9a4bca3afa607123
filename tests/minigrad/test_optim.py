"""Optimisers against their formulas and PyTorch's; clipping; Pascanu's regulariser."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import LSTM, RNN, Bidirectional, Stacked, unroll
from minigrad.optim import (
    SGD,
    Adam,
    clip_by_norm,
    clip_by_value,
    global_norm,
    pascanu_omega,
    pascanu_regularizer,
)
from minigrad.pytree import flatten, tree_map
from minigrad.testing import check_grads

seeds = st.integers(0, 2**32 - 1)
OPTIMIZERS = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, weight_decay=0.3),
    Adam(0.1),
    Adam(0.1, weight_decay=0.3),
]


def random_tree(rng: np.random.Generator, scale: float = 1.0, dtype: Any = np.float64) -> Any:
    """A gradient of several shapes, one of them 0-d."""
    tree = {"W": rng.standard_normal((2, 3)), "layers": [rng.standard_normal(4), {"b": rng.standard_normal(())}]}
    return tree_map(lambda g: np.asarray(scale * g, dtype), tree)


def flat(tree: Any) -> np.ndarray:
    """All entries as one vector."""
    return np.concatenate([np.ravel(leaf) for leaf in flatten(tree)[0]])


@given(seeds, st.floats(0, 0.99), st.floats(0, 1), st.integers(1, 5))
def test_sgd_is_its_formula(seed: int, momentum: float, decay: float, steps: int) -> None:
    """v ← μ v + g, p ← p − lr (v + λ p), entry by entry over any tree."""
    rng = np.random.default_rng(seed)
    optimizer = SGD(0.1, momentum, decay)
    params = random_tree(rng)
    state, p, v = optimizer.init(params), flat(params), 0.0
    for _ in range(steps):
        gradient = random_tree(rng)
        params, state = optimizer.step(params, gradient, state)
        v = momentum * v + flat(gradient)
        p = p - 0.1 * (v + decay * p)
    np.testing.assert_allclose(flat(params), p, rtol=1e-12, atol=1e-12)


@given(seeds, st.floats(0, 0.99), st.floats(0, 0.9999), st.floats(0, 1), st.integers(1, 5))
def test_adam_is_its_formula(seed: int, beta1: float, beta2: float, decay: float, steps: int) -> None:
    """Algorithm 1 of Kingma and Ba as an unrolled sum: m̂ and v̂ are weighted means of g and g²."""
    rng = np.random.default_rng(seed)
    optimizer = Adam(0.1, beta1, beta2, weight_decay=decay)
    params, gradients = random_tree(rng), [random_tree(rng) for _ in range(steps)]
    state, p = optimizer.init(params), flat(params)
    for t in range(1, steps + 1):
        params, state = optimizer.step(params, gradients[t - 1], state)
        past = np.stack([flat(g) for g in gradients[:t]])
        m_weights, v_weights = beta1 ** np.arange(t)[::-1], beta2 ** np.arange(t)[::-1]
        m_hat = m_weights @ past / m_weights.sum()
        v_hat = v_weights @ past**2 / v_weights.sum()
        p = p - 0.1 * (m_hat / (np.sqrt(v_hat) + 1e-8) + decay * p)
    np.testing.assert_allclose(flat(params), p, rtol=1e-9, atol=1e-9)
    assert state.steps == steps


@pytest.mark.parity
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_steps_are_pytorchs(optimizer: Any) -> None:
    """Ten steps equal torch.optim's SGD, Adam and AdamW (decoupled decay of SGD has no twin there)."""
    torch = pytest.importorskip("torch")
    if isinstance(optimizer, SGD) and optimizer.weight_decay:
        pytest.skip("torch.optim.SGD couples its weight decay with the momentum")
    rng = np.random.default_rng(0)
    params = {"w": rng.standard_normal(5)}
    theirs = torch.tensor(params["w"].copy(), requires_grad=True)
    if isinstance(optimizer, SGD):
        other = torch.optim.SGD([theirs], lr=optimizer.lr, momentum=optimizer.momentum)
    else:
        other = torch.optim.AdamW([theirs], lr=optimizer.lr, weight_decay=optimizer.weight_decay)
    state = optimizer.init(params)
    for _ in range(10):
        g = rng.standard_normal(5)
        params, state = optimizer.step(params, {"w": g}, state)
        theirs.grad = torch.tensor(g)
        other.step()
    np.testing.assert_allclose(params["w"], theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_are_pure_and_keep_dtypes(optimizer: Any, dtype: Any) -> None:
    """A step leaves its arguments as they were, and float32 stays float32, in parameters and state."""
    rng = np.random.default_rng(0)
    params, gradient = random_tree(rng, dtype=dtype), random_tree(rng, dtype=dtype)
    copies = tree_map(np.copy, params), tree_map(np.copy, gradient)
    state = optimizer.init(params)
    first, after = optimizer.step(params, gradient, state)
    second, _ = optimizer.step(params, gradient, state)
    for old, kept in zip(flatten([params, gradient])[0], flatten(list(copies))[0], strict=True):
        assert np.array_equal(old, kept)
    for a, b, p in zip(flatten(first)[0], flatten(second)[0], flatten(params)[0], strict=True):
        assert np.array_equal(a, b)
        assert (a.dtype, a.shape) == (dtype, p.shape)
    assert {leaf.dtype for leaf in flatten(after)[0] if isinstance(leaf, np.ndarray)} <= {np.dtype(dtype)}


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2] + OPTIMIZERS[3:4], ids=repr)
def test_they_find_a_minimum(optimizer: Any) -> None:
    """Every optimiser gets to the bottom of a tilted bowl."""
    target = np.array([1.0, -2.0])
    loss = mg.value_and_grad(lambda p: (np.array([1.0, 3.0]) * (p["w"] - target) ** 2).sum())
    params = {"w": np.zeros(2)}
    state = optimizer.init(params)
    for _ in range(300):
        _, gradient = loss(params)
        params, state = optimizer.step(params, gradient, state)
    np.testing.assert_allclose(params["w"], target, atol=1e-2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(-0.1),
        lambda: SGD(0.1, momentum=1.0),
        lambda: SGD(0.1, weight_decay=-1.0),
        lambda: SGD(float("nan")),
        lambda: Adam(-1.0),
        lambda: Adam(beta1=1.0),
        lambda: Adam(beta2=-0.1),
        lambda: Adam(epsilon=0.0),
        lambda: Adam(weight_decay=-1.0),
        lambda: clip_by_norm({"w": np.ones(2)}, 0.0),
        lambda: clip_by_norm({"w": np.ones(2)}, float("nan")),
        lambda: clip_by_value({"w": np.ones(2)}, -1.0),
        lambda: clip_by_norm({"w": np.ones(2)}, 1.0, nonfinite="ignore"),
        lambda: pascanu_omega(np.eye(2), np.ones((3, 2)), np.ones((3, 2)), form="book"),
    ],
)
def test_settings_out_of_range(make: Any) -> None:
    """Settings out of their range raise an error that says what was expected."""
    with pytest.raises(ValueError, match=r"must be"):
        make()


def test_a_gradient_of_another_structure() -> None:
    """A gradient that is not like the parameters is a TreeError, not a silent broadcast."""
    optimizer, params = SGD(0.1), {"w": np.ones(2)}
    with pytest.raises(mg.errors.TreeError):
        optimizer.step(params, {"v": np.ones(2)}, optimizer.init(params))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("shape", [(3,), (), (1, 1)])
def test_a_gradient_of_another_shape(optimizer: Any, shape: tuple[int, ...]) -> None:
    """A gradient or a state that would only broadcast with its parameter is an error that names the leaf."""
    params = {"layers": [{"w": np.ones(1)}]}
    other = {"layers": [{"w": np.ones(shape)}]}
    with pytest.raises(mg.errors.ShapeError, match=r'gradient\["layers"\]\[0\]\["w"\] must have'):
        optimizer.step(params, other, optimizer.init(params))
    if not isinstance(optimizer, SGD) or optimizer.momentum:
        with pytest.raises(mg.errors.ShapeError, match=r'(velocity|m)\["layers"\]'):
            optimizer.step(params, params, optimizer.init(other))


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
def test_integers_are_no_gradient(clip: Any) -> None:
    """Integers cannot be scaled to a limit, so they raise instead of becoming zeros."""
    with pytest.raises(TypeError, match=r'gradient\["b"\] has dtype int'):
        clip({"w": np.ones(2), "b": np.array([3, 4])}, 1.0)


@given(st.floats(-300, 300), st.floats(-3, 300), st.floats(-8, -1))
def test_leaves_of_two_dtypes(exponent: float, ratio: float, below: float) -> None:
    """A float32 leaf beside float64 ones of any size is scaled as it would be in float64."""
    large = 10.0**exponent
    gradient = [np.array([0.0, min(10.0 ** (exponent - ratio), 1e30)], np.float32), np.full(2, large)]
    limit = global_norm(gradient) * 10.0**below
    clipped = clip_by_norm(gradient, limit)
    exact = clip_by_norm([leaf.astype(np.float64) for leaf in gradient], limit)
    assert clipped[0].dtype == np.float32
    assert np.array_equal(clipped[0], exact[0].astype(np.float32))
    assert np.array_equal(clipped[1], exact[1])


def test_a_float32_leaf_of_zeros_beside_tiny_numbers() -> None:
    """Zeros stay zeros where the largest entry of all leaves is none in float32."""
    clipped = clip_by_norm([np.zeros(2, np.float32), np.full(2, 1e-300)], 1e-305)
    assert np.array_equal(clipped[0], np.zeros(2))


@given(seeds, st.floats(1e-3, 1e3), st.floats(1e-6, 1e6))
def test_clipping_by_norm_keeps_the_direction(seed: int, limit: float, scale: float) -> None:
    """The norm becomes the limit where it was above, and every entry is scaled by the same factor."""
    gradient = random_tree(np.random.default_rng(seed), scale)
    norm, clipped = global_norm(gradient), clip_by_norm(gradient, limit)
    np.testing.assert_allclose(norm, np.linalg.norm(flat(gradient)), rtol=1e-12)
    factor = min(1.0, limit / norm)
    np.testing.assert_allclose(flat(clipped), factor * flat(gradient), rtol=1e-12, atol=0)
    assert global_norm(clipped) <= limit * (1 + 1e-12)


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e200, 1e308])
def test_norms_at_the_ends_of_the_range(size: float) -> None:
    """No square overflows or underflows on the way to the norm, so extreme gradients keep their direction."""
    gradient = {"w": np.array([size, -size])}
    if size < 1:
        assert clip_by_norm(gradient, 1.0) is gradient
        assert global_norm(gradient) > 0
    else:
        np.testing.assert_allclose(clip_by_norm(gradient, 1.0)["w"], [0.5**0.5, -(0.5**0.5)], rtol=1e-12)


@given(seeds, st.floats(1e-3, 10))
def test_clipping_by_value(seed: int, limit: float) -> None:
    """Entries within the limit stay, others become the limit with their sign."""
    gradient = random_tree(np.random.default_rng(seed), 3.0)
    before, after = flat(gradient), flat(clip_by_value(gradient, limit))
    inside = np.abs(before) <= limit
    assert np.array_equal(after[inside], before[inside])
    assert np.array_equal(after[~inside], limit * np.sign(before[~inside]))


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_bad_entry_never_spreads(clip: Any, bad: float) -> None:
    """An inf or NaN raises and names the leaf, or gives a step of zeros; it never turns others into NaN."""
    gradient = {"W": np.ones((2, 2)), "b": np.array([1.0, bad])}
    with pytest.raises(mg.errors.NonFiniteGradientError, match=r'gradient\["b"\] has 1 of 2'):
        clip(gradient, 1.0)
    with pytest.raises(FloatingPointError):
        clip(gradient, 1.0, nonfinite="raise")
    skipped = clip(gradient, 1.0, nonfinite="skip")
    assert not np.any(flat(skipped))
    params = {"W": np.ones((2, 2)), "b": np.ones(2)}
    moved, _ = SGD(0.1).step(params, skipped, SGD(0.1).init(params))
    assert np.array_equal(flat(moved), flat(params))


def test_clipping_keeps_dtype_and_argument() -> None:
    """float32 stays float32, nothing is written into, and zeros and empty trees pass."""
    gradient = random_tree(np.random.default_rng(0), 9.0, np.float32)
    copy = tree_map(np.copy, gradient)
    for clipped in (clip_by_norm(gradient, 0.5), clip_by_value(gradient, 0.5)):
        assert {leaf.dtype for leaf in flatten(clipped)[0]} == {np.dtype(np.float32)}
    assert np.array_equal(flat(gradient), flat(copy))
    assert not np.any(clip_by_norm({"w": np.zeros(3)}, 1.0)["w"])
    assert clip_by_norm({}, 1.0) == {}
    assert global_norm([np.zeros((0, 2))]) == 0.0


# -- Pascanu's regulariser ---------------------------------------------------------------------------


def rnn_run(rng: np.random.Generator, activation: str = "tanh", T: int = 4, H: int = 3) -> tuple[Any, Any, Any]:
    """A cell, its parameters, and a loss that looks at every step."""
    cell = RNN(2, H, activation=activation)
    params = tree_map(lambda p: 0.8 * rng.standard_normal(p.shape), cell.init(rng))
    xs, weights = rng.standard_normal((T, 2)), rng.standard_normal((T, H))
    return cell, params, lambda params: (weights * unroll(cell, params, xs).outputs).sum()


def textbook(graph: Any, T: int) -> tuple[Any, Any, Any]:
    """∂E/∂a_t, ∂E/∂h_t and 1 − h_t² of a tanh cell, looked up node by node."""
    found = graph.adjoints().nodes
    a, h = ([graph.find(k, f"t={t}") for t in range(1, T + 1)] for k in "ah")
    return np.stack([found[n] for n in a]), np.stack([found[n] for n in h]), np.stack([1 - n.value**2 for n in h])


@given(seeds)
def test_omega_is_the_papers(seed: int) -> None:
    """Equation 9, with ∂x_{k+1}/∂x_k = W diag(tanh'(x_k)) built as a matrix for every k."""
    cell, params, loss = rnn_run(np.random.default_rng(seed))
    graph = mg.trace(loss, params)
    d_a, _, slope = textbook(graph, 4)
    W, omega = params["W"], 0.0
    for k in range(3):
        carried = d_a[k + 1] @ (W @ np.diag(slope[k]))
        omega += (np.linalg.norm(carried) / np.linalg.norm(d_a[k + 1]) - 1) ** 2
    np.testing.assert_allclose(pascanu_regularizer(graph)[0], omega, rtol=1e-10)
    assert cell.hidden_size == 3


@given(seeds)
def test_omega_is_the_authors_programs(seed: int) -> None:
    """Their form: errors in h, squared norms, the mean over the terms, the first step included."""
    _, params, loss = rnn_run(np.random.default_rng(seed))
    graph = mg.trace(loss, params)
    _, d_h, slope = textbook(graph, 4)
    ratios = [np.sum((params["W"].T @ (s * d)) ** 2) / np.sum(d**2) for s, d in zip(slope, d_h, strict=True)]
    expected = np.mean((np.array(ratios) - 1) ** 2)
    np.testing.assert_allclose(pascanu_regularizer(graph, "code")[0], expected, rtol=1e-10)


def test_the_two_forms_differ() -> None:
    """Paper and program compute different numbers; neither is a rewriting of the other."""
    _, params, loss = rnn_run(np.random.default_rng(0))
    graph = mg.trace(loss, params)
    assert abs(pascanu_regularizer(graph, "paper")[0] - pascanu_regularizer(graph, "code")[0]) > 0.1


@pytest.mark.parametrize("form", ["paper", "code"])
def test_only_the_immediate_derivative_counts(form: str) -> None:
    """The gradient is the numerical one with states and errors held still, and not the full derivative."""
    _, params, loss = rnn_run(np.random.default_rng(1))
    graph = mg.trace(loss, params)
    d_a, d_h, slope = textbook(graph, 4)
    errors = d_a if form == "paper" else d_h
    check_grads(lambda W: pascanu_omega(W, errors, slope, form), params["W"])
    immediate = pascanu_regularizer(graph, form)[1]
    np.testing.assert_allclose(mg.grad(pascanu_omega)(params["W"], errors, slope, form), immediate, rtol=1e-12)

    def moved(by: float) -> float:
        W = params["W"].copy()
        W[0, 0] += by
        return pascanu_regularizer(mg.trace(loss, params | {"W": W}), form)[0]

    full = (moved(1e-5) - moved(-1e-5)) / 2e-5
    assert abs(full - immediate[0, 0]) > 1e-3


def test_omega_sends_no_gradient_into_errors_and_slopes() -> None:
    """States and errors are constants, even where they are Tensors."""
    rng = np.random.default_rng(2)
    W, errors, slopes = rng.standard_normal((2, 2)), rng.standard_normal((3, 2)), rng.random((3, 2))
    for form in ("paper", "code"):
        _, d_errors, d_slopes = mg.grad(lambda *args, form=form: pascanu_omega(*args, form), (0, 1, 2))(
            W, errors, slopes
        )
        assert not np.any(d_errors)
        assert not np.any(d_slopes)


@pytest.mark.parametrize("form", ["paper", "code"])
def test_terms_without_an_error_are_left_out(form: str) -> None:
    """Where the error is zero, or all units saturate, Ω and its gradient stay finite."""
    rng = np.random.default_rng(3)
    W, errors, slopes = rng.standard_normal((2, 2)), rng.standard_normal((4, 2)), rng.random((4, 2))
    errors[2] = 0.0
    slopes[0] = slopes[1] = 0.0
    value, gradient = mg.value_and_grad(pascanu_omega)(W, errors, slopes, form)
    kept = [0, 1, 3] if form == "code" else [1, 3]
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))
    terms = []
    for t in kept:
        carried = W.T @ (slopes[t] * errors[t]) if form == "code" else slopes[t - 1] * (W.T @ errors[t])
        ratio = np.sum(carried**2) / np.sum(errors[t] ** 2)
        terms.append(((ratio if form == "code" else np.sqrt(ratio)) - 1) ** 2)
    np.testing.assert_allclose(value, np.mean(terms) if form == "code" else np.sum(terms), rtol=1e-12)
    assert pascanu_omega(W, 0 * errors, slopes, form) == 0.0


def test_omega_of_a_batch_is_the_mean_of_its_sequences() -> None:
    """In the paper's form each sequence of a batch counts alike."""
    rng = np.random.default_rng(4)
    W, errors, slopes = rng.standard_normal((2, 2)), rng.standard_normal((4, 3, 2)), rng.random((4, 3, 2))
    alone = [pascanu_omega(W, errors[:, b], slopes[:, b]) for b in range(3)]
    np.testing.assert_allclose(pascanu_omega(W, errors, slopes), np.mean(alone), rtol=1e-12)


def test_omega_pulls_weights_towards_keeping_lengths() -> None:
    """Descending Ω makes an orthogonal matrix of a contracting one, in the linear net where that is the optimum."""
    rng = np.random.default_rng(5)
    W, ones = 0.3 * rng.standard_normal((3, 3)), np.ones((200, 3))
    errors = rng.standard_normal((200, 3))
    for _ in range(400):
        W = W - 0.003 * mg.grad(pascanu_omega)(W, errors, ones)
    np.testing.assert_allclose(np.linalg.svd(W, compute_uv=False), np.ones(3), atol=0.05)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "identity"])
def test_regularizer_of_other_activations(activation: str) -> None:
    """The slope is that of the cell's own activation function."""
    _, params, loss = rnn_run(np.random.default_rng(6), activation)
    graph = mg.trace(loss, params)
    found = graph.adjoints().nodes
    slopes = {"relu": lambda a: 1.0 * (a > 0), "sigmoid": lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2}
    slope = slopes.get(activation, np.ones_like)
    a, h = ([graph.find(k, f"t={t}") for t in range(1, 5)] for k in "ah")
    expected = pascanu_omega(
        params["W"], np.stack([found[n] for n in h]), np.stack([slope(n.value) for n in a]), "code"
    )
    np.testing.assert_allclose(pascanu_regularizer(graph, "code")[0], expected, rtol=1e-12)


def test_regularizer_inside_a_deep_net_and_where_there_is_none() -> None:
    """The weight picks the layer, in time order or against it; a cell that is no plain RNN is refused."""
    rng = np.random.default_rng(7)
    net = Stacked([Bidirectional(RNN(2, 2), RNN(2, 2)), LSTM(4, 2)])
    params, xs = net.init(rng), rng.standard_normal((3, 2))
    graph = mg.trace(lambda params: unroll(net, params, xs).outputs.sum(), params)
    for direction in ("forward", "backward"):
        omega, gradient = pascanu_regularizer(graph, weight=f'params["layer 1"]["{direction}"]["W"]')
        assert omega > 0
        assert gradient.shape == (2, 2)
    with pytest.raises(LookupError, match="plain RNN"):
        pascanu_regularizer(graph, weight='params["layer 2"]["W_f"]')
    with pytest.raises(LookupError, match="no node is named"):
        pascanu_regularizer(graph)
    with pytest.raises(mg.errors.ShapeError):
        pascanu_omega(np.eye(2), np.ones((3, 2)), np.ones((2, 2)))


@pytest.mark.parametrize("form", ["paper", "code"])
def test_omega_of_two_runs_with_one_weight(form: str) -> None:
    """Runs of other lengths and batches stay apart: Ω is Σ, or the mean, over the terms of each by itself."""
    rng = np.random.default_rng(8)
    cell, params, _ = rnn_run(rng)
    short, long = rng.standard_normal((3, 2)), rng.standard_normal((5, 4, 2))

    def loss(params: Any) -> Any:
        return (unroll(cell, params, short).outputs ** 2).sum() + (unroll(cell, params, long).outputs ** 3).sum()

    together = pascanu_regularizer(mg.trace(loss, params), form)
    alone = [
        pascanu_regularizer(
            mg.trace(lambda params, xs=xs, k=k: (unroll(cell, params, xs).outputs ** k).sum(), params), form
        )
        for xs, k in ((short, 2), (long, 3))
    ]
    shares = [3 / 23, 20 / 23] if form == "code" else [1, 1]
    for found, first, second in zip(together, *alone, strict=True):
        np.testing.assert_allclose(found, shares[0] * first + shares[1] * second, rtol=1e-10)


@pytest.mark.parametrize("form", ["paper", "code"])
@pytest.mark.parametrize("options", [{}, {"lengths": [4, 2]}, {"truncate": 2}])
def test_omega_of_a_continued_run(form: str, options: Any) -> None:
    """A run that starts with the final state of another one counts as one long run, held and cut states included."""
    rng = np.random.default_rng(9)
    cell, params, _ = rnn_run(rng)
    xs, weights = rng.standard_normal((4, 2, 2)), rng.standard_normal((4, 2, 3))

    def in_parts(params: Any) -> Any:
        first = unroll(cell, params, xs[:2])
        return (weights * np.concatenate([first.outputs, unroll(cell, params, xs[2:], first.final).outputs])).sum()

    def whole(params: Any, **options: Any) -> Any:
        return (weights * unroll(cell, params, xs, **options).outputs).sum()

    graph = mg.trace(lambda params: whole(params, **options), params)
    a, h = ([graph.find(k, f"t={t}") for t in range(1, 5)] for k in "ah")
    found = graph.adjoints().nodes
    errors = np.stack([found[n] for n in (a if form == "paper" else h)])
    expected = pascanu_omega(params["W"], errors, np.stack([1 - n.value**2 for n in h]), form)
    np.testing.assert_allclose(pascanu_regularizer(graph, form)[0], expected, rtol=1e-12)
    if not options:
        np.testing.assert_allclose(pascanu_regularizer(mg.trace(in_parts, params), form)[0], expected, rtol=1e-12)


def test_defaults_are_the_published_ones() -> None:
    """Without settings Adam is that of the paper, β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸: three steps by hand."""
    p, gradients = 1.0, (0.5, -2.0, 1e-8)
    optimizer = Adam()
    params, state = np.array([p]), optimizer.init(np.array([p]))
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        params, state = optimizer.step(params, np.array([g]), state)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        p -= 1e-3 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(params, p, rtol=1e-13)
    np.testing.assert_allclose([state.m[0], state.v[0]], [m, v], rtol=1e-12)
    assert (optimizer.beta1, optimizer.beta2, optimizer.epsilon, optimizer.weight_decay) == (0.9, 0.999, 1e-8, 0.0)


@pytest.mark.parametrize("form", ["paper", "code"])
def test_omega_of_a_graph_with_a_batch(form: Any) -> None:
    """Found in a graph or given as arrays, Ω of a batch is one number, with the same gradient."""
    rng = np.random.default_rng(0)
    cell, xs, weights = RNN(2, 3), rng.standard_normal((4, 5, 2)), rng.standard_normal((4, 5, 3))
    params = tree_map(lambda p: 0.8 * rng.standard_normal(p.shape), cell.init(rng))
    graph = mg.trace(lambda params: (weights * unroll(cell, params, xs).outputs).sum(), params)
    d_a, d_h, slope = textbook(graph, 4)
    errors = d_a if form == "paper" else d_h
    omega, gradient = pascanu_regularizer(graph, form)
    value, direct = mg.value_and_grad(pascanu_omega)(params["W"], errors, slope, form)
    np.testing.assert_allclose(omega, value, rtol=1e-12)
    np.testing.assert_allclose(gradient, direct, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("form", ["paper", "code"])
def test_the_bound_below_which_terms_are_left_out(form: Any) -> None:
    """An error of squared length 1e-20 counts, one just below does not, and `bound` moves the border."""
    W, slopes = 2 * np.eye(2), np.ones((3, 2))

    def omega(length: float, **options: Any) -> float:
        errors = np.zeros((3, 2))
        errors[1, 0] = length
        return float(pascanu_omega(W, errors, slopes, form, **options))

    assert omega(1.01e-10) > 0.5
    assert omega(0.99e-10) == 0.0
    assert omega(0.99e-10, bound=0.0) > 0.5
    assert omega(1.0, bound=1.01) == 0.0
