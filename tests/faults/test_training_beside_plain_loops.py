"""Clipping, the optimizers and the loss beside each algorithm as a plain loop."""

from typing import Any

import numpy as np

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


def test_clipping_by_norm_is_the_papers() -> None:
    """Large gradients are shortened to the limit together, and small ones too where the norm alone is above it."""
    small = {"W": 0.5 * GRADIENTS[0]["b"]}  # of norm 2.1, with no entry above the limit

    assert agrees(clipping.clip_by_norm(GRADIENTS[0], LIMIT), clipped(GRADIENTS[0]))
    assert agrees(clipping.clip_by_norm(small, LIMIT), clipped(small))


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


def test_sgd_is_the_plain_loop() -> None:
    """Momentum and decoupled weight decay, step by step."""
    settings: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    np.testing.assert_allclose(trained(SGD(**settings), START), sgd(START), rtol=1e-12)


def test_every_line_of_adam_counts() -> None:
    """Adam is the plain loop, and is not the loop without bias correction, with betas exchanged, or coupled decay."""
    settings: dict[str, Any] = {"lr": 0.1, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3, "weight_decay": 0.01}
    found = trained(Adam(**settings), START)

    np.testing.assert_allclose(found, adam(START), rtol=1e-12)
    for wrong in ({"b1": 0.9, "b2": 0.8}, {"eps": 0.0}, {"decay": 0.0}, {"lr": -0.1}, {"b1": 0.0}):
        assert not np.allclose(found, adam(START, **wrong), rtol=1e-6)


def test_cross_entropy_is_its_formula() -> None:
    """−y · log ŷ for class indices and for distributions."""
    logits = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5], [0.0, 1.0, 3.0]])
    labels = np.array([2, 0, 1])
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -logs[np.arange(3), labels]

    for targets in (labels, np.eye(3)[labels]):
        np.testing.assert_allclose(mg.cross_entropy(logits, targets), expected, rtol=1e-12)
