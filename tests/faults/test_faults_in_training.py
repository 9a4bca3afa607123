"""Slips in clipping, in the optimizers and in the loss, against each algorithm as a plain loop."""

from typing import Any

import numpy as np
import pytest
from planting import rewritten, with_fault

import minigrad as mg
from minigrad.optim import SGD, Adam, clipping
from minigrad.pytree import flatten

GRADIENTS = [{"W": np.array([[3.0, -0.5], [0.25, 2.0]]), "b": np.array([1.5, -4.0])} for _ in range(3)]
LIMIT = 2.0


def clipped(tree: Any) -> list[Any]:
    """Algorithm 1 of Pascanu et al.: the whole gradient shortened, its direction kept."""
    leaves = flatten(tree)[0]
    norm = np.sqrt(sum(np.sum(g**2) for g in leaves))
    return [g * min(1.0, LIMIT / norm) for g in leaves]


def agrees(got: Any, wanted: list[Any]) -> bool:
    """To rounding, leaf by leaf."""
    return all(np.allclose(a, b, rtol=1e-9) for a, b in zip(flatten(got)[0], wanted, strict=True))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_scaled(np.asarray(g), top, limit / norm)", "np.clip(g, -limit, limit)"),
        ("limit / norm)", "norm / limit)"),
        ("limit / norm)", "limit)"),
        ("limit / norm)", "limit / norm**2)"),
        ("top, limit / norm)", "1.0, limit / norm)"),
        ("limit / norm)", "limit / (norm * np.sqrt(2)))"),
        ("norm <= limit / top", "norm <= limit"),
        ("_scaled(np.asarray(g), top, limit / norm)", "_scaled(np.asarray(g), *(lambda t, n: (t, limit / n))"
         "(*_norm_over_largest(g)))"),
    ],
    ids=["by value", "turned over", "no norm", "squared norm", "not by the largest", "root of a mean", "threshold",
         "leaf by leaf"],
)  # fmt: skip
def test_a_slip_in_clipping_by_norm(old: str, new: str) -> None:
    """Clipping by value instead of norm, leaf by leaf, or with a wrong factor is not the paper's algorithm."""
    assert agrees(clipping.clip_by_norm(GRADIENTS[0], LIMIT), clipped(GRADIENTS[0]))
    small = {"W": 0.5 * GRADIENTS[0]["b"]}  # of norm 2.1, with no entry above the limit
    assert agrees(clipping.clip_by_norm(small, LIMIT), clipped(small))

    wrong = rewritten(clipping.clip_by_norm, old, new)

    assert not all(agrees(wrong(g, LIMIT), clipped(g)) for g in (GRADIENTS[0], small))


def sgd(p: Any, lr: float = 0.1, momentum: float = 0.9, decay: float = 0.01) -> Any:
    """Three steps by a plain loop."""
    v = 0.0
    for k in (1.0, -2.0, 0.5):
        v = momentum * v + k * p**2
        p = p - lr * (v + decay * p)
    return p


def adam(p: Any, lr: float = 0.1, b1: float = 0.8, b2: float = 0.9, eps: float = 1e-3, decay: float = 0.01) -> Any:
    """Three steps by a plain loop, algorithm 1 of Kingma and Ba."""
    m = v = 0.0
    for t, k in enumerate((1.0, -2.0, 0.5), start=1):
        g = k * p**2
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        p = p - lr * (m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps) + decay * p)
    return p


def trained(optimizer: Any, p: Any) -> Any:
    """The same three steps with an optimizer."""
    state = optimizer.init(p)
    for k in (1.0, -2.0, 0.5):
        p, state = optimizer.step(p, k * p**2, state)
    return p


START = np.array([0.5, -1.5, 2.0])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("p - self.lr", "p + self.lr"),
        ("self.momentum * v + g", "self.momentum * v + (1 - self.momentum) * g"),
        ("self.momentum * v + g", "g"),
        ("v + self.weight_decay * p", "v"),
        ("v + self.weight_decay * p", "v + self.weight_decay"),
        ("SGDState(velocity if self.momentum else None)", "state"),
    ],
    ids=["wrong sign", "damped", "no momentum", "no decay", "decay without p", "stale state"],
)
def test_a_slip_in_sgd(old: str, new: str) -> None:
    """Each slip takes SGD away from the plain loop."""
    settings: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    np.testing.assert_allclose(trained(SGD(**settings), START), sgd(START), rtol=1e-12)

    assert not np.allclose(trained(with_fault(SGD, "step", old, new)(**settings), START), sgd(START), rtol=1e-9)


def test_every_line_of_adam_counts() -> None:
    """Adam is the plain loop, and is not the loop without bias correction, with betas exchanged, or coupled decay."""
    settings: dict[str, Any] = {"lr": 0.1, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3, "weight_decay": 0.01}
    found = trained(Adam(**settings), START)

    np.testing.assert_allclose(found, adam(START), rtol=1e-12)
    for wrong in ({"b1": 0.9, "b2": 0.8}, {"eps": 0.0}, {"decay": 0.0}, {"lr": -0.1}, {"b1": 0.0}):
        assert not np.allclose(found, adam(START, **wrong), rtol=1e-6)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-pick(log_softmax(logits), labels)", "pick(log_softmax(logits), labels)"),
        ("-pick(log_softmax(logits), labels)", "-pick(logits, labels)"),
        ("-pick(log_softmax(logits), labels)", "-pick(log_softmax(logits), labels) / logits.shape[-1]"),
        ("-pick(log_softmax(logits), labels)", "-pick(log_softmax(logits), (labels + 1) % logits.shape[-1])"),
        ("-pick(log_softmax(logits), labels)", "-pick(log_softmax(logits, 0), labels)"),
        ("-sum(labels * log_softmax(logits), -1)", "-sum(log_softmax(logits), -1)"),
        ("-sum(labels * log_softmax(logits), -1)", "-sum(labels * log_softmax(logits), 0)"),
        ("-sum(labels * log_softmax(logits), -1)", "-sum(labels * log_softmax(logits), -1) / logits.shape[-1]"),
    ],
    ids=["sign", "no softmax", "mean for sum", "index off by one", "wrong axis", "y forgotten", "sum over the batch",
         "mean over classes"],
)  # fmt: skip
def test_a_slip_in_the_cross_entropy(old: str, new: str) -> None:
    """Each slip changes −y · log ŷ for class indices or for distributions."""
    logits = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5], [0.0, 1.0, 3.0]])
    labels = np.array([2, 0, 1])
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -logs[np.arange(3), labels]
    pairs = [(labels, expected), (np.eye(3)[labels], expected)]
    wrong = rewritten(mg.cross_entropy, old, new)

    assert all(np.allclose(mg.cross_entropy(logits, y), wanted) for y, wanted in pairs)
    assert not all(np.allclose(wrong(logits, y), wanted) for y, wanted in pairs)
