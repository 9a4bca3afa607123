"""One chain of common operations in every library: minigrad, PyTorch, HIPS autograd, micrograd.

A block has ten operations on a state of shape (1, 8) and b of shape (8,):

    a = h @ W + b  or  w * h + b     matmul with (8, 8) or multiply with (1, 8), and add with broadcasting
    f = exp(−(a · a))                multiply, negative, exp
    h = f · h + (1 − f) · tanh(a)    multiply, subtract, tanh, multiply, add

micrograd knows scalars only, and neither exp nor tanh: its block is h · w + b and a relu, three operations on one
number each, so its time is for an eighth of the work or less.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

import minigrad as mg

__all__ = ["BLOCKS", "OPERATIONS", "peers"]

BLOCKS = 60
SIZE = 8
#: In one chain of the arrays: ten in each block, and the sum at the end.
OPERATIONS = 10 * BLOCKS + 1
#: micrograd recurses over its graph, so its chain stays below Python's limit.
SCALAR_OPERATIONS = 3 * BLOCKS

#: Forward and backward pass of one chain; returns the gradient with respect to the start, as a check.
Run = Callable[[], Any]


def _chain(h: Any, W: Any, b: Any, exp: Callable[..., Any], tanh: Callable[..., Any]) -> Any:
    for _ in range(BLOCKS):
        a = (h @ W if W.shape[0] == SIZE else h * W) + b
        f = exp(-(a * a))
        h = f * h + (1 - f) * tanh(a)
    return h.sum()


def _start(product: bool) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    rows = SIZE if product else 1
    return [rng.normal(size=(1, SIZE)), rng.normal(size=(rows, SIZE)) / 3, rng.normal(size=SIZE) / 3]


def minigrad_tape(product: bool) -> Run:
    """Leaves and backward(), as one writes it by hand."""
    start = _start(product)

    def run() -> Any:
        h, W, b = map(mg.tensor, start)
        _chain(h, W, b, mg.exp, mg.tanh).backward()
        return h.grad

    return run


def torch_eager(product: bool) -> Run:
    """The same in PyTorch, eager, one thread, float64."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    start = _start(product)

    def run() -> Any:
        h, W, b = (torch.tensor(array, requires_grad=True) for array in start)
        _chain(h, W, b, torch.exp, torch.tanh).backward()
        return h.grad.numpy()

    return run


def hips_autograd(product: bool) -> Run:
    """The same with HIPS autograd's grad."""
    grad, anp = import_module("autograd").grad, import_module("autograd.numpy")
    start = _start(product)

    def loss(parts: Any) -> Any:
        return _chain(*parts, anp.exp, anp.tanh)

    gradient = grad(loss)
    return lambda: gradient(start)[0]


def micrograd_scalars(product: bool) -> Run:
    """A chain of scalars in micrograd."""
    Value = import_module("micrograd.engine").Value

    def run() -> Any:
        h, w, b = Value(0.5), Value(0.9), Value(0.1)
        start = h
        for _ in range(BLOCKS):
            h = (h * w + b).relu()
        h.backward()
        return start.grad

    return run


def peers(product: bool) -> tuple[dict[str, tuple[Run, int]], list[str]]:
    """Every library that is installed, with its run and number of operations; and those that are missing."""
    candidates: dict[str, tuple[Callable[[bool], Run], int]] = {
        "minigrad": (minigrad_tape, OPERATIONS),
        "PyTorch eager": (torch_eager, OPERATIONS),
        "HIPS autograd": (hips_autograd, OPERATIONS),
        "micrograd (scalars)": (micrograd_scalars, SCALAR_OPERATIONS),
    }
    found, missing = {}, []
    for name, (make, operations) in candidates.items():
        try:
            found[name] = make(product), operations
        except ImportError:
            missing.append(name)
    return found, missing
