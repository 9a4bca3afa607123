"""The training step of `problems` in other libraries: PyTorch three ways, JAX, HIPS autograd.

Each peer is a function that runs one step and returns the gradient of the inputs, by which all are held to
each other before anything is timed. The loops are written once, for all libraries, from the stacked parameters;
as in minigrad's plan the inputs' products are taken for all steps at once. micrograd has neither tanh nor exp,
so it cannot run a step; its time per operation is in the tape's table.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy import ndarray
from problems import Problem

__all__ = ["PEER_NAMES", "Step", "step_peers"]

#: One step; the gradient of xs.
Step = Callable[[], ndarray]


def _cell(name: str, lib: Any, H: int) -> Callable[..., Any]:
    """One step of a recurrence: (weights, state, input's product) to the next state, h first."""

    def lstm(w: Any, state: Any, a: Any) -> Any:
        h, c = state
        a = a + h @ w["W"].T
        i, f, o = (lib.sigmoid(a[:, k * H : (k + 1) * H]) for k in (0, 1, 3))
        c = f * c + i * lib.tanh(a[:, 2 * H : 3 * H])
        return o * lib.tanh(c), c

    def gru(w: Any, state: Any, a: Any) -> Any:
        (h,) = state
        u = h @ w["W"].T
        r, z = (lib.sigmoid(a[:, k * H : (k + 1) * H] + u[:, k * H : (k + 1) * H]) for k in (0, 1))
        n = lib.tanh(a[:, 2 * H :] + r * (u[:, 2 * H :] + w["c"]))
        return (z * h + (1 - z) * n,)

    def rnn(w: Any, state: Any, a: Any) -> Any:
        return (lib.tanh(a + state[0] @ w["W"].T),)

    return {"LSTM": lstm, "GRU": gru, "RNN": rnn, "attention": lstm}[name]


def _start(problem: Problem, zeros: Any) -> tuple[Any, ...]:
    return (zeros,) if problem.name in ("GRU", "RNN") else (zeros, zeros)


def _torch(problem: Problem, outputs_of: Callable[[Any, dict[str, Any], Any], tuple[Any, list[Any]]]) -> Step:
    """A step in PyTorch, one thread, given how outputs are computed; the readout and the loss are the same for all."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    weights = {name: torch.tensor(value, requires_grad=True) for name, value in problem.stacked.items()}
    xs = torch.tensor(problem.xs, requires_grad=True)
    targets = torch.tensor(problem.ys.reshape(-1))
    outputs, extra = outputs_of(torch, weights, xs)
    leaves = [xs, *weights.values(), *extra]

    def step() -> ndarray:
        for leaf in leaves:
            leaf.grad = None
        logits = outputs() @ weights["V"].T + weights["d"]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets, reduction="sum")
        loss.backward()
        return xs.grad.numpy()

    return step


def torch_layer(problem: Problem) -> Step:
    """torch.nn.RNN, LSTM or GRU: the whole sequence in one kernel, where PyTorch has one."""

    def outputs_of(torch: Any, w: dict[str, Any], xs: Any) -> Any:
        layer = getattr(torch.nn, problem.name)(xs.shape[-1], w["W"].shape[1]).to(xs.dtype)
        _load(torch, layer, w, "_l0")
        return lambda: layer(xs)[0], list(layer.parameters())

    return _torch(problem, outputs_of)


def torch_cells(problem: Problem) -> Step:
    """A loop over torch.nn.RNNCell, LSTMCell or GRUCell."""

    def outputs_of(torch: Any, w: dict[str, Any], xs: Any) -> Any:
        cell = getattr(torch.nn, f"{problem.name}Cell")(xs.shape[-1], w["W"].shape[1]).to(xs.dtype)
        _load(torch, cell, w, "")

        def outputs() -> Any:
            state, found = None, []
            for x in xs:
                state = cell(x, state)
                found.append(state[0] if problem.name == "LSTM" else state)
            return torch.stack(found)

        return outputs, list(cell.parameters())

    return _torch(problem, outputs_of)


def _load(torch: Any, module: Any, w: dict[str, Any], suffix: str) -> None:
    """Our weights in a module of PyTorch; of its two biases the second is c for the GRU, and 0."""
    second = torch.zeros_like(w["b"])
    if "c" in w:
        second[-len(w["c"]) :] = w["c"].detach()
    wanted = {"weight_ih": w["U"], "weight_hh": w["W"], "bias_ih": w["b"], "bias_hh": second}
    with torch.no_grad():
        for name, value in wanted.items():
            getattr(module, name + suffix).copy_(value)


def torch_loop(problem: Problem) -> Step:
    """A loop of PyTorch's operations; with attention the keys of earlier states are computed once each."""

    def outputs_of(torch: Any, w: dict[str, Any], xs: Any) -> Any:
        H = w["W"].shape[1]
        cell = _cell(problem.name, torch, H)

        def outputs() -> Any:
            inputs = xs @ w["U"].T + w["b"]
            state = _start(problem, xs.new_zeros(xs.shape[1], H))
            found = []
            for a in inputs.unbind(0):
                state = cell(w, state, a)
                found.append(state[0])
            return torch.stack(found)

        def attending() -> Any:
            inputs = xs @ w["P"].T
            state = _start(problem, xs.new_zeros(xs.shape[1], H))
            memory, keys, found = [state[0]], [state[0] @ w["aU"].T], []
            for x in inputs.unbind(0):
                values = torch.stack(memory)
                scores = torch.tanh(state[0] @ w["aW"].T + torch.stack(keys)) @ w["av"]
                context = (torch.softmax(scores, 0)[..., None] * values).sum(0)
                state = cell(w, state, (x + context @ w["C"].T) @ w["U"].T + w["b"])
                memory.append(state[0])
                keys.append(state[0] @ w["aU"].T)
                found.append(state[0])
            return torch.stack(found)

        return (attending if problem.name == "attention" else outputs), []

    return _torch(problem, outputs_of)


def jax_scan(problem: Problem) -> Step:
    """jax.jit of value_and_grad, the loop as jax.lax.scan."""
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jnp, nn = jax.numpy, jax.nn
    cell = _cell(problem.name, nn, problem.params["readout"]["V"].shape[1])

    def loss(w: Any, xs: Any, ys: Any) -> Any:
        zeros = jnp.zeros((xs.shape[1], w["W"].shape[1]), xs.dtype)

        def body(state: Any, a: Any) -> Any:
            state = cell(w, state, a)
            return state, state[0]

        _, hs = jax.lax.scan(body, _start(problem, zeros), xs @ w["U"].T + w["b"])
        logs = nn.log_softmax(hs @ w["V"].T + w["d"])
        return -jnp.take_along_axis(logs, ys[..., None], -1).sum()

    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    args = (jax.tree.map(jnp.asarray, problem.stacked), jnp.asarray(problem.xs), jnp.asarray(problem.ys))
    return lambda: np.asarray(jax.block_until_ready(step(*args))[1][1])


def hips_loop(problem: Problem) -> Step:
    """The loop of operations with HIPS autograd."""
    anp = import_module("autograd.numpy")
    grad = import_module("autograd").grad

    class Library:
        tanh = staticmethod(anp.tanh)

        @staticmethod
        def sigmoid(x: Any) -> Any:
            return 1 / (1 + anp.exp(-x))

    cell = _cell(problem.name, Library, problem.params["readout"]["V"].shape[1])
    chosen = np.eye(problem.xs.shape[-1], dtype=problem.xs.dtype)[problem.ys]

    def loss(parts: Any) -> Any:
        w, xs = parts
        inputs = anp.dot(xs, w["U"].T) + w["b"]
        state = _start(problem, np.zeros((xs.shape[1], w["W"].shape[1]), xs.dtype))
        found = []
        for t in range(xs.shape[0]):
            state = cell(w, state, inputs[t])
            found.append(state[0])
        logits = anp.dot(anp.stack(found), w["V"].T) + w["d"]
        logits = logits - anp.max(logits, -1, keepdims=True)
        return -anp.sum(chosen * (logits - anp.log(anp.sum(anp.exp(logits), -1, keepdims=True))))

    gradient = grad(loss)
    args = (problem.stacked, problem.xs)
    return lambda: gradient(args)[1]


_RECURRENT = ("LSTM", "GRU", "RNN")
#: Name, library, function, and what it applies to: cells and sizes.
_PEERS: tuple[tuple[str, str, Callable[[Problem], Step], tuple[str, ...], tuple[str, ...]], ...] = (
    ("nn layer", "torch", torch_layer, _RECURRENT, ("tiny", "small", "medium", "large")),
    ("Cell loop", "torch", torch_cells, _RECURRENT, ("tiny", "small", "medium")),
    ("eager loop", "torch", torch_loop, (*_RECURRENT, "attention"), ("tiny", "small", "medium", "large")),
    ("JAX scan", "jax", jax_scan, _RECURRENT, ("tiny", "small", "medium", "large")),
    ("HIPS autograd", "autograd", hips_loop, _RECURRENT, ("tiny", "small")),
)
PEER_NAMES = tuple(name for name, *_ in _PEERS)


def step_peers(problem: Problem, size: str) -> dict[str, Step]:
    """The peers that are installed and apply."""
    return {
        name: make(problem)
        for name, library, make, cells, sizes in _PEERS
        if problem.name in cells and size in sizes and find_spec(library) is not None
    }
