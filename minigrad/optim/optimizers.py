"""Gradient descent as pure functions: parameters and state go in, new ones come out.

An optimiser is a frozen dataclass of settings; what it remembers between steps is a tree beside the
parameters:

    state = optimizer.init(params)
    params, state = optimizer.step(params, gradient, state)

Weight decay is *decoupled* in both: it shrinks the parameters directly, p ← p − lr·λ·p, and does not
pass through momentum or through Adam's scaling. Loshchilov and Hutter, "Decoupled weight decay
regularization", ICLR 2019.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import OptionError, ShapeError
from ..pytree import flatten, flatten_like, tree_map

__all__ = ["SGD", "Adam", "AdamState", "SGDState"]


def _check(what: str, value: float, allowed: bool, expected: str) -> None:
    if not allowed:
        raise OptionError(f"{what} must be {expected}, got {value!r}")


def _like(result: Any, p: Any) -> Any:
    """A new parameter in the dtype of the old one."""
    return np.asarray(result, p.dtype) if isinstance(p, np.ndarray) else result


def _check_shapes(params: Any, **others: Any) -> None:
    """Every leaf must have its parameter's shape: broadcasting would train another model without a word."""
    leaves, structure = flatten(params)
    for what, tree in others.items():
        found = flatten_like(structure, tree, what)
        for p, leaf, path in zip(leaves, found, structure.paths(), strict=True):
            if np.shape(leaf) != np.shape(p):
                raise ShapeError(
                    f"{what}{path} must have the shape of its parameter, {np.shape(p)}; got {np.shape(leaf)}"
                )


def _zeros(tree: Any) -> Any:
    return tree_map(lambda p: np.zeros_like(p), tree)


class SGDState(NamedTuple):
    """The memory of `SGD`.

    Attributes
    ----------
    velocity : tree of arrays or None
        v of every parameter, of its shape; None without momentum.
    """

    velocity: Any


@dataclass(frozen=True)
class SGD:
    """v = μ v_prev + g, p = p_prev − lr (v + λ p_prev).

    Parameters
    ----------
    lr : float
        The learning rate, at least 0.
    momentum : float
        μ in [0, 1); 0 is plain gradient descent. As in PyTorch, v is not scaled by 1 − μ
        (Polyak, "Some methods of speeding up the convergence of iteration methods", 1964).
    weight_decay : float
        λ, at least 0; decoupled.

    Raises
    ------
    OptionError
        If a setting is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = SGD(lr=0.1)
    >>> params = {"w": np.array([1.0, 2.0])}
    >>> params, state = optimizer.step(params, {"w": np.array([1.0, -1.0])}, optimizer.init(params))
    >>> params["w"]
    array([0.9, 2.1])
    """

    lr: float
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check("lr", self.lr, self.lr >= 0, "at least 0")
        _check("momentum", self.momentum, 0 <= self.momentum < 1, "in [0, 1)")
        _check("weight_decay", self.weight_decay, self.weight_decay >= 0, "at least 0")

    def init(self, params: Any) -> SGDState:
        """The state before the first step.

        Parameters
        ----------
        params : tree of arrays
            What will be trained.

        Returns
        -------
        SGDState
            Of zeros.
        """
        return SGDState(_zeros(params) if self.momentum else None)

    def step(self, params: Any, gradient: Any, state: SGDState) -> tuple[Any, SGDState]:
        """One step: new parameters and new state; the arguments stay as they are.

        Parameters
        ----------
        params : tree of arrays
            Before the step.
        gradient : tree of arrays
            Like `params`.
        state : SGDState
            From `init`, or from the step before.

        Returns
        -------
        params : tree of arrays
            After the step, in the dtypes they had.
        state : SGDState
            For the next step.

        Raises
        ------
        TreeError
            If the gradient does not have the structure of the parameters.
        ShapeError
            If an array of the gradient or of the state does not have its parameter's shape.
        """
        if self.momentum:
            _check_shapes(params, gradient=gradient, velocity=state.velocity)
            velocity = tree_map(lambda p, v, g: self.momentum * v + g, params, state.velocity, gradient)
        else:
            _check_shapes(params, gradient=gradient)
            velocity = gradient
        moved = tree_map(lambda p, v: _like(p - self.lr * (v + self.weight_decay * p), p), params, velocity)
        return moved, SGDState(velocity if self.momentum else None)


class AdamState(NamedTuple):
    """The memory of `Adam`.

    Attributes
    ----------
    steps : int
        How many were done.
    m, v : tree of arrays
        The running means of the gradient and of its square, each of its parameter's shape.
    """

    steps: int
    m: Any
    v: Any


@dataclass(frozen=True)
class Adam:
    """m = β₁ m_prev + (1 − β₁) g, v = β₂ v_prev + (1 − β₂) g²,
    m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ), p = p_prev − lr (m̂ / (√v̂ + ε) + λ p_prev).

    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1; with λ > 0 it
    is AdamW.

    Parameters
    ----------
    lr : float
        The learning rate, at least 0.
    beta1, beta2 : float
        In [0, 1).
    epsilon : float
        Above 0.
    weight_decay : float
        λ, at least 0; decoupled.

    Raises
    ------
    OptionError
        If a setting is out of its range.

    Examples
    --------
    The first step is lr·sign(g), whatever the size of the gradient.

    >>> import numpy as np
    >>> optimizer = Adam(lr=0.1)
    >>> params = {"w": np.array([1.0, 2.0])}
    >>> params, state = optimizer.step(params, {"w": np.array([5.0, -1e-3])}, optimizer.init(params))
    >>> params["w"].round(5)
    array([0.9, 2.1])
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check("lr", self.lr, self.lr >= 0, "at least 0")
        _check("beta1", self.beta1, 0 <= self.beta1 < 1, "in [0, 1)")
        _check("beta2", self.beta2, 0 <= self.beta2 < 1, "in [0, 1)")
        _check("epsilon", self.epsilon, self.epsilon > 0, "above 0")
        _check("weight_decay", self.weight_decay, self.weight_decay >= 0, "at least 0")

    def init(self, params: Any) -> AdamState:
        """The state before the first step.

        Parameters
        ----------
        params : tree of arrays
            What will be trained.

        Returns
        -------
        AdamState
            Of zeros.
        """
        return AdamState(0, _zeros(params), _zeros(params))

    def step(self, params: Any, gradient: Any, state: AdamState) -> tuple[Any, AdamState]:
        """One step: new parameters and new state; the arguments stay as they are.

        Parameters
        ----------
        params : tree of arrays
            Before the step.
        gradient : tree of arrays
            Like `params`.
        state : AdamState
            From `init`, or from the step before.

        Returns
        -------
        params : tree of arrays
            After the step, in the dtypes they had.
        state : AdamState
            For the next step.

        Raises
        ------
        TreeError
            If the gradient does not have the structure of the parameters.
        ShapeError
            If an array of the gradient or of the state does not have its parameter's shape.
        """
        _check_shapes(params, gradient=gradient, m=state.m, v=state.v)
        t = state.steps + 1
        m = tree_map(lambda p, m, g: self.beta1 * m + (1 - self.beta1) * g, params, state.m, gradient)
        v = tree_map(lambda p, v, g: self.beta2 * v + (1 - self.beta2) * g * g, params, state.v, gradient)

        def move(p: Any, m: Any, v: Any) -> Any:
            m_hat = m / (1 - self.beta1**t)
            v_hat = v / (1 - self.beta2**t)
            return _like(p - self.lr * (m_hat / (np.sqrt(v_hat) + self.epsilon) + self.weight_decay * p), p)

        return tree_map(move, params, m, v), AdamState(t, m, v)
