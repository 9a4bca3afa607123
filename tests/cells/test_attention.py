"""Attention: scores, masks, and the cell that attends over its own past."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from cell_cases import close, filled, seeds, sizes
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import GRU, LSTM, RNN, Attention, AttentionCell, Bidirectional, Stacked, unroll
from cells.attention import SCORES
from minigrad.testing import check_grads

scores = st.sampled_from(SCORES)


def score_of(name: str, p: dict[str, Any], q: Any, m_s: Any) -> float:
    """One score by the formula in the paper, vector by vector."""
    if name == "additive":
        return p["v"] @ np.tanh(p["W"] @ q + p["U"] @ m_s)
    if name == "concat":
        return p["v"] @ np.tanh(p["W"] @ np.concatenate([q, m_s]))
    if name == "general":
        return q @ p["W"] @ m_s
    return q @ m_s / (np.sqrt(len(q)) if name == "scaled_dot" else 1.0)


def attend_by_loop(name: str, p: dict[str, Any], q: Any, m: Any, mask: Any) -> Any:
    """α and context of one query by plain sums."""
    weights = np.array([np.exp(score_of(name, p, q, m_s)) if ok else 0.0 for m_s, ok in zip(m, mask, strict=True)])
    alpha = weights / weights.sum()
    return alpha, sum(a * m_s for a, m_s in zip(alpha, m, strict=True))


def random_mask(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """A mask that leaves every query at least one place."""
    mask = rng.random(shape) < 0.6
    mask[0] = True
    return mask


@given(seeds, scores, sizes, sizes, st.sampled_from([(), (1,), (2, 3)]), st.booleans())
def test_attention_is_the_papers(seed: int, score: str, S: int, Q: int, batch: tuple[int, ...], masked: bool) -> None:
    """Weights and context of every score, with any batch axes and mask, are those of plain loops."""
    rng = np.random.default_rng(seed)
    M = Q if "dot" in score else Q + 1
    attention = Attention(Q, M, score=score, attention_size=2)
    p, q, m = filled(attention, rng), rng.standard_normal((*batch, Q)), rng.standard_normal((S, *batch, M))
    mask = random_mask(rng, (S, *batch)) if masked else np.ones((S, *batch), bool)
    context, alpha = attention.attend(p, q, m, mask if masked else None)
    for b in np.ndindex(batch):
        own = (slice(None), *b)
        expected_alpha, expected_context = attend_by_loop(score, p, q[b], m[own], mask[own])
        close(alpha[own], expected_alpha)
        close(context[b], expected_context)


@pytest.mark.parametrize(("score", "batch"), list(product(SCORES, [(), (2,)])))
def test_gradients(score: str, batch: tuple[int, ...]) -> None:
    """Derivatives of the context in parameters, query and memory are the numerical ones, to second order."""
    rng = np.random.default_rng(3)
    attention = Attention(2, score=score)
    mask = random_mask(rng, (3, *batch))

    def context(p: Any, q: Any, m: Any) -> Any:
        return attention.attend(p, q, m, mask).context

    q, m = rng.standard_normal((*batch, 2)), rng.standard_normal((3, *batch, 2))
    check_grads(context, filled(attention, rng), q, m, order=2)


@given(seeds, sizes, st.integers(1, 4))
def test_jacobians_in_closed_form(seed: int, H: int, S: int) -> None:
    """∂context/∂m_s = α_s I + α_s (m_s − context) qᵀ and ∂context/∂q = Mᵀ diag(α) M − c cᵀ for dot scores."""
    rng = np.random.default_rng(seed)
    attention, q, m = Attention(H, score="dot"), rng.standard_normal(H), rng.standard_normal((S, H))
    c, alpha = attention.attend({}, q, m)
    J_q, J_m = mg.jacobian(lambda q, m: attention.attend({}, q, m).context, (0, 1))(q, m)
    close(J_q, m.T @ np.diag(alpha) @ m - np.outer(c, c))
    for s in range(S):
        close(J_m[:, s], alpha[s] * np.eye(H) + alpha[s] * np.outer(m[s] - c, q))


@given(seeds, sizes, sizes, st.integers(1, 4))
def test_additive_is_concat_with_one_matrix(seed: int, Q: int, M: int, S: int) -> None:
    """W [q; m] = W_q q + W_m m: Luong's concat is Bahdanau's additive score."""
    rng = np.random.default_rng(seed)
    additive, concat = (Attention(Q, M, score=score) for score in ("additive", "concat"))
    p, q, m = filled(additive, rng), rng.standard_normal(Q), rng.standard_normal((S, M))
    joined = {"W": np.concatenate([p["W"], p["U"]], -1), "v": p["v"]}
    close(concat.attend(joined, q, m).context, additive.attend(p, q, m).context)


@given(seeds, scores, sizes)
def test_masked_places_get_no_weight_and_no_gradient(seed: int, score: str, H: int) -> None:
    """α is exactly 0 where the mask is False, and what stands there does not matter."""
    rng = np.random.default_rng(seed)
    attention = Attention(H, score=score)
    p, q, m, mask = filled(attention, rng), rng.standard_normal(H), rng.standard_normal((5, H)), random_mask(rng, (5,))
    attended = attention.attend(p, q, m, mask)
    assert not np.any(attended.weights[~mask])
    assert not np.any(mg.grad(lambda m: (attention.attend(p, q, m, mask).context ** 2).sum())(m)[~mask])
    close(attended.weights.sum(), 1.0)


def test_attention_errors() -> None:
    """Masks that hide everything, and sizes that do not fit, raise."""
    q, m = np.ones(2), np.ones((3, 2))
    attention = Attention(2, score="dot")
    with pytest.raises(ValueError, match="at least one True"):
        attention.attend({}, q, m, np.zeros(3, bool))
    with pytest.raises(ValueError, match=r"of shape \(3,\)"):
        attention.attend({}, q, m, np.ones(2, bool))
    with pytest.raises(ValueError, match=r"\(S, ..., M\)"):
        attention.attend({}, np.ones((4, 2)), m)
    with pytest.raises(ValueError, match=r"q must be \(..., 3\) and m \(S, ..., 3\), got \(4, 3\) and \(2, 4, 1\)"):
        Attention(3, score="dot").attend({}, np.ones((4, 3)), np.ones((2, 4, 1)))
    with pytest.raises(ValueError, match=r"got \(1,\) and"):
        attention.attend({}, np.ones(1), m)
    with pytest.raises(ValueError, match="general"):
        Attention(2, 3, score="dot")
    with pytest.raises(ValueError, match="score must be one of"):
        Attention(2, score="cosine")
    with pytest.raises(ValueError, match="when must be one of"):
        AttentionCell(RNN(1, 1), when="during")
    with pytest.raises(ValueError, match="passes x on unchanged"):
        AttentionCell(RNN(3, 1), when="after", input_size=2)


def test_a_mask_given_as_a_list() -> None:
    """A mask may be a list of truth values."""
    attention, m = Attention(2, score="dot"), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert np.array_equal(attention.attend({}, np.ones(2), m, [True, False]).context, [1.0, 0.0])
    with pytest.raises(ValueError, match="at least one True"):
        attention.attend({}, np.ones(2), m, [False, False])


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        (Bidirectional(RNN(2, 1), RNN(2, 1)), "inner is a Bidirectional, which needs the whole sequence"),
        (Stacked([RNN(2, 2), Bidirectional(RNN(2, 1), RNN(2, 1))]), "layer 2 of inner is a Bidirectional"),
    ],
)
def test_a_two_way_net_cannot_be_inside(inner: Any, text: str) -> None:
    """A net without a single step is refused when the cell is made, not in the midst of its first run."""
    with pytest.raises(TypeError, match=text):
        AttentionCell(inner)


@given(seeds, scores, sizes, sizes, st.integers(1, 4))
def test_luongs_cell_is_a_plain_loop(seed: int, score: str, D: int, H: int, T: int) -> None:
    """After the step: h̃_t = tanh(C context + W h_t), h_t asking h_0 … h_{t−1}, and h itself goes on unchanged."""
    rng = np.random.default_rng(seed)
    cell = AttentionCell(GRU(D, H), when="after", score=score)
    p, xs = filled(cell, rng), rng.standard_normal((T, D))
    hs = unroll(cell.inner, p["inner"], xs).outputs
    memory = np.concatenate([np.zeros((1, H)), hs])
    run = unroll(cell, p, xs)
    for t in range(1, T + 1):
        _, context = attend_by_loop(score, p["attention"], memory[t], memory[:t], [True] * t)
        close(run.outputs[t - 1], np.tanh(p["C"] @ context + p["W"] @ memory[t]))
    close(run.final.inner.h, hs[-1])


@given(seeds, scores, sizes, sizes, st.integers(1, 4))
def test_bahdanaus_cell_is_a_plain_loop(seed: int, score: str, D: int, H: int, T: int) -> None:
    """Before the step: h_{t−1} asks h_0 … h_{t−1}, and with P = [I; 0], C = [0; I] the step reads [x; context]."""
    rng = np.random.default_rng(seed)
    inner = LSTM(D + H, H)
    cell = AttentionCell(inner, when="before", score=score, input_size=D)
    eye = np.eye(D + H)
    p, xs = filled(cell, rng) | {"P": eye[:, :D], "C": eye[:, D:]}, rng.standard_normal((T, D))
    state, memory = inner.initial_state(), [np.zeros(H)]
    outputs = unroll(cell, p, xs).outputs
    for t in range(T):
        _, context = attend_by_loop(score, p["attention"], memory[-1], memory, [True] * len(memory))
        state = inner.step(p["inner"], state, np.concatenate([xs[t], context]))
        memory.append(state.h)
        close(outputs[t], state.h)


def test_the_direct_path_does_not_depend_on_distance() -> None:
    """With uniform attention every earlier state gets the same direct share α_s I, however far away."""
    attention, rng = Attention(3, score="dot"), np.random.default_rng(0)
    for S in (2, 50):
        J = mg.jacobian(lambda m: attention.attend({}, np.zeros(3), m).context)(rng.standard_normal((S, 3)))
        close(J[:, 0], np.eye(3) / S)
        close(J[:, -1], np.eye(3) / S)


@pytest.mark.parametrize("score", ["additive", "concat"])
def test_v_is_drawn_as_a_matrix_of_one_row(score: str) -> None:
    """Glorot's limit for v is √(6 / (1 + A)): nothing lies beyond, and of many draws some come close."""
    rng = np.random.default_rng(0)
    attention, limit = Attention(2, 2, score=score, attention_size=2), np.sqrt(6 / 3)

    drawn = np.abs([attention.init(rng)["v"] for _ in range(300)])

    assert drawn.shape == (300, 2)
    assert 0.98 * limit < drawn.max() <= limit
