"""The readout: its formula, its names, and the loss of a padded batch, in which what is past an end does not count."""

from typing import Any

import numpy as np
import pytest
from cell_cases import close, filled, seeds, sizes
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import GRU, Readout, unroll
from minigrad.pytree import flatten

D, H, K = 2, 3, 4
_RNG = np.random.default_rng(0)


@given(seeds, sizes, st.integers(2, 4), st.integers(1, 4))
def test_gradient_of_the_readouts_loss(seed: int, H: int, K: int, T: int) -> None:
    """∂E/∂h = Vᵀ (ŷ − y), summed cross-entropy over all positions."""
    rng = np.random.default_rng(seed)
    readout = Readout(H, K)
    params, hs, classes = filled(readout, rng), rng.standard_normal((T, H)), rng.integers(0, K, T)
    y, y_hat = np.eye(K)[classes], readout.probabilities(params, hs)
    value, gradient = mg.value_and_grad(readout.loss, 1)(params, hs, classes)
    close(value, -np.sum(y * np.log(y_hat)))
    close(gradient, (y_hat - y) @ params["V"])


def test_the_readout_is_its_formula() -> None:
    """Logits are V h + c, probabilities their softmax, E the sum of −log ŷ at the targets."""
    readout, hs, targets = Readout(3, 4), _RNG.normal(size=(5, 3)), np.array([0, 3, 1, 2, 1])
    P = filled(readout, _RNG)
    logits = hs @ P["V"].T + P["c"]
    yhat = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)

    np.testing.assert_allclose(readout.logits(P, hs), logits, rtol=1e-12)
    np.testing.assert_allclose(readout.probabilities(P, hs), yhat, rtol=1e-12)
    np.testing.assert_allclose(readout.loss(P, hs, targets), -np.log(yhat[np.arange(5), targets]).sum(), rtol=1e-12)


def test_the_readout_names_what_it_gives() -> None:
    """Logits and probabilities carry the names under which formulas and pictures know them."""
    readout = Readout(2, 3)
    params, h = readout.init(_RNG), mg.tensor(np.ones(2))

    assert readout.logits(params, h).name == "logits"
    assert readout.probabilities(params, h).name == "yhat"


@pytest.mark.parametrize("lengths", [None, [3, 1]])
def test_targets_may_be_inputs_of_a_graph(lengths: Any) -> None:
    """Class indices that are a Tensor, as in a traced loss, count as the array does."""
    readout, h, targets = Readout(3, 4), _RNG.normal(size=(3, 2, 3)), np.array([[0, 1], [2, 3], [1, 1]])
    P = filled(readout, _RNG)

    loss = readout.loss(P, h, mg.tensor(targets), lengths=lengths)

    assert float(loss.value) == float(readout.loss(P, h, targets, lengths=lengths))


def padded_case(seed: int, lengths: list[int], distributions: bool, padding: float) -> tuple[Any, ...]:
    """Cell and readout with parameters, inputs and targets of a batch; past each end stands what no sequence has."""
    rng = np.random.default_rng(seed)
    cell, readout = GRU(D, H), Readout(H, K)
    params = {"cell": filled(cell, rng), "readout": filled(readout, rng)}
    T, B = max(lengths) + 1, len(lengths)
    xs = rng.standard_normal((T, B, D))
    targets = rng.dirichlet(np.ones(K), (T, B)) if distributions else rng.integers(0, K, (T, B))
    for b, length in enumerate(lengths):
        xs[length:, b] = padding
        targets[length:, b] = padding if distributions else -1
    return cell, readout, params, xs, targets


@given(seeds, st.lists(st.integers(0, 4), min_size=1, max_size=3), st.booleans(), st.sampled_from([9.0, np.nan]))
def test_loss_of_a_padded_batch(seed: int, lengths: list[int], distributions: bool, padding: float) -> None:
    """With `lengths`, E and its gradients are the sums of those of the sequences one by one."""
    cell, readout, params, xs, targets = padded_case(seed, lengths, distributions, padding)

    def loss(params: Any, xs: Any, targets: Any, lengths: Any = None) -> Any:
        h = unroll(cell, params["cell"], xs, lengths=lengths).outputs
        return readout.loss(params["readout"], h, targets, lengths=lengths)

    ours = mg.value_and_grad(loss)(params, xs, targets, lengths)
    alone = [
        mg.value_and_grad(loss)(params, xs[:length, b], targets[:length, b])
        for b, length in enumerate(lengths)
        if length
    ]
    parts = [flatten(part)[0] for part in alone]
    for i, found in enumerate(flatten(ours)[0]):
        close(found, sum(part[i] for part in parts) if parts else np.zeros_like(found), 1e-11)


def test_whatever_h_is_past_the_end() -> None:
    """NaN in h past the end changes neither E nor a gradient, and gets none itself."""
    _, readout, params, _, targets = padded_case(0, [3, 1], False, 0.0)
    h = np.random.default_rng(1).standard_normal((4, 2, H))
    lengths = np.array([3, 1])
    inside = np.arange(4)[:, None] < lengths
    spoilt = np.where(inside[..., None], h, np.nan)
    f = mg.value_and_grad(lambda p, h: readout.loss(p, h, targets, lengths=lengths), (0, 1))
    for ours, theirs in zip(flatten(f(params["readout"], spoilt))[0], flatten(f(params["readout"], h))[0], strict=True):
        close(ours, theirs)
    assert not np.any(f(params["readout"], spoilt)[1][1][~inside])


def test_compiled_and_with_other_lengths() -> None:
    """Lengths are inputs of a compiled loss: a replay with others gives what a fresh run gives."""
    _, readout, params, _, _ = padded_case(0, [3, 1], False, 0.0)
    rng = np.random.default_rng(2)
    h, targets = rng.standard_normal((4, 2, H)), rng.integers(0, K, (4, 2))
    plain = mg.value_and_grad(lambda p, h, lengths: readout.loss(p, h, targets, lengths=lengths))
    compiled = mg.compile(plain)
    for lengths in ([4, 2], [1, 3]):
        pair = (f(params["readout"], h, np.array(lengths)) for f in (compiled, plain))
        for ours, theirs in zip(*(flatten(result)[0] for result in pair), strict=True):
            close(ours, theirs)


@pytest.mark.parametrize(
    ("h", "lengths", "error"),
    [
        (np.ones((4, 2, H)), [3], mg.errors.ShapeError),
        (np.ones((4, 2, H)), [3.0, 1.0], mg.errors.DtypeError),
        (np.ones((4, 2, H)), [5, 1], mg.errors.OptionError),
        (np.ones(H), 1, mg.errors.ShapeError),
    ],
)
def test_lengths_that_do_not_fit(h: Any, lengths: Any, error: type[Exception]) -> None:
    """Lengths are checked against h as `unroll` checks them against xs."""
    readout = Readout(H, K)
    with pytest.raises(error):
        readout.loss(readout.init(np.random.default_rng(0)), h, np.zeros(h.shape[:-1], int), lengths=lengths)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_have_the_precision_asked_for(dtype: Any) -> None:
    """Weights and bias alike, so that logits keep the precision of the hidden state."""
    params = Readout(H, K).init(np.random.default_rng(0), dtype)
    assert {value.dtype for value in params.values()} == {np.dtype(dtype)}


def test_one_sequence_with_its_length() -> None:
    """Without a batch, h is (T, H) and the length a number; targets may be a list."""
    rng = np.random.default_rng(0)
    readout = Readout(2, 3)
    params, h = readout.init(rng), rng.standard_normal((4, 2))

    found = readout.loss(params, h, [0, 2, -1, -1], lengths=2)

    assert found == pytest.approx(readout.loss(params, h[:2], np.array([0, 2])))
