"""The cells against PyTorch, in float64: outputs and every gradient to 1e-10."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from cell_cases import close

import minigrad as mg
from cells import Attention, Stacked, from_torch, to_torch, unroll
from minigrad.pytree import flatten

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

T, B, D, H = 5, 3, 2, 4
KINDS = {
    "tanh": lambda **k: torch.nn.RNN(D, H, nonlinearity="tanh", **k),
    "relu": lambda **k: torch.nn.RNN(D, H, nonlinearity="relu", **k),
    "LSTM": lambda **k: torch.nn.LSTM(D, H, **k),
    "GRU": lambda **k: torch.nn.GRU(D, H, **k),
}
NETS = list(product(KINDS, (1, 2, 3), (False, True), (True, False)))


def make(kind: str, layers: int, two_way: bool, bias: bool, dtype: Any = torch.float64) -> Any:
    """A PyTorch net with weights of a size that keeps relu from growing."""
    torch.manual_seed(7)
    return KINDS[kind](num_layers=layers, bidirectional=two_way, bias=bias, dtype=dtype)


def as_state(cell: Any, h0: Any, c0: Any, dtype: Any = np.float64) -> Any:
    """PyTorch's (layers · directions, B, H) states in the structure of ours."""
    leaves, structure = flatten(cell.initial_state((B,), dtype))
    parts = [h0] if len(leaves) == len(h0) else [h0, c0]
    rows = [part[i].detach().numpy() for i in range(len(h0)) for part in parts]
    return structure.unflatten(rows)


def run_torch(net: Any, kind: str, inputs: Any, h0: Any, c0: Any) -> tuple[Any, list[Any]]:
    """Outputs and final states, h before c for each cell."""
    outputs, final = net(inputs, (h0, c0) if kind == "LSTM" else h0)
    parts = list(final) if kind == "LSTM" else [final]
    return outputs, [part[i] for i in range(len(h0)) for part in parts]


def compare(kind: str, net: Any, lengths: Any = None) -> None:
    """Outputs, final states, and the gradients in weights, inputs and initial states."""
    rng = np.random.default_rng(3)
    cell, params = from_torch(net)
    rows = net.num_layers * (2 if net.bidirectional else 1)
    xs, h0, c0 = (
        torch.tensor(rng.standard_normal(shape), requires_grad=True)
        for shape in ((T, B, D), (rows, B, H), (rows, B, H))
    )
    inputs = xs
    if lengths is not None:
        inputs = torch.nn.utils.rnn.pack_padded_sequence(xs, torch.tensor(lengths), enforce_sorted=False)
    outputs, finals = run_torch(net, kind, inputs, h0, c0)
    if lengths is not None:
        outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, total_length=T)
    seeds = [torch.tensor(rng.standard_normal(v.shape)) for v in (outputs, *finals)]
    total = sum((v * s).sum() for v, s in zip((outputs, *finals), seeds, strict=True))
    total.backward()

    def ours(params: Any, xs: Any, state: Any) -> Any:
        run = unroll(cell, params, xs, state, lengths=lengths)
        return [run.outputs, *flatten(run.final)[0]]

    values, pullback = mg.vjp(ours, params, xs.detach().numpy(), as_state(cell, h0, c0))
    for value, theirs in zip(values, (outputs, *finals), strict=True):
        close(value, theirs.detach().numpy(), 1e-10)
    d_params, d_xs, d_state = pullback([s.numpy() for s in seeds])
    close(d_xs, xs.grad.numpy(), 1e-10)
    theirs = [part.grad[i].numpy() for i in range(rows) for part in ([h0, c0] if kind == "LSTM" else [h0])]
    for value, their in zip(flatten(d_state)[0], theirs, strict=True):
        close(value, their, 1e-10)
    compare_weights(kind, to_torch(cell, d_params), dict(net.named_parameters()))


def compare_weights(kind: str, mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """A sum of two biases gives both the same gradient; the GRU's n has two biases with us, too."""
    for key, weight in theirs.items():
        expected = weight.grad.numpy()
        if "bias_hh" not in key:
            close(mine[key], expected, 1e-10)
            continue
        twin = mine[key.replace("bias_hh", "bias_ih")].copy()
        if kind == "GRU":
            twin[2 * H :] = mine[key][2 * H :]
        close(twin, expected, 1e-10)


@pytest.mark.parametrize(("kind", "layers", "two_way", "bias"), NETS)
def test_outputs_states_and_gradients(kind: str, layers: int, two_way: bool, bias: bool) -> None:
    """Every kind, depth, direction and bias gives PyTorch's outputs, final states and gradients."""
    compare(kind, make(kind, layers, two_way, bias))


@pytest.mark.parametrize(("kind", "two_way"), list(product(KINDS, (False, True))))
def test_variable_lengths(kind: str, two_way: bool) -> None:
    """A padded batch with `lengths` is PyTorch's packed sequence, in values and gradients."""
    compare(kind, make(kind, 2, two_way, True), np.array([5, 1, 3]))


@pytest.mark.parametrize(("kind", "layers", "two_way", "bias"), NETS)
def test_weights_load_back(kind: str, layers: int, two_way: bool, bias: bool) -> None:
    """`to_torch` gives a state dict that PyTorch loads, and the net computes the same as before."""
    net = make(kind, layers, two_way, bias)
    weights = to_torch(*from_torch(net), bias=bias)
    again = KINDS[kind](num_layers=layers, bidirectional=two_way, bias=bias, dtype=torch.float64)
    again.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    xs = torch.randn(T, B, D, dtype=torch.float64)
    close(again(xs)[0].detach().numpy(), net(xs)[0].detach().numpy(), 1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_kept(kind: str) -> None:
    """A float32 net stays float32 and agrees with PyTorch to single precision."""
    net = make(kind, 2, True, True, torch.float32)
    cell, params = from_torch(net)
    xs = torch.randn(T, B, D)
    outputs = unroll(cell, params, xs.numpy()).outputs
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, net(xs)[0].detach().numpy(), atol=2e-6)


def test_net_inside_a_larger_model() -> None:
    """A prefix picks one net out of a model's state dict."""
    model = torch.nn.ModuleDict({"encoder": make("GRU", 2, False, True), "head": torch.nn.Linear(H, 2)})
    cell, params = from_torch(model.state_dict(), prefix="encoder")
    assert isinstance(cell, Stacked)
    xs = torch.randn(T, B, D, dtype=torch.float64)
    close(unroll(cell, params, xs.numpy()).outputs, model["encoder"](xs)[0].detach().numpy(), 1e-12)


def test_bfloat16_is_refused_with_the_remedy() -> None:
    """A dtype that NumPy does not have is an error that says what to do."""
    with pytest.raises(ValueError, match="float32 or float64"):
        from_torch(make("GRU", 1, False, True).to(torch.bfloat16))


def additive(q: Any, m: Any, p: dict[str, Any]) -> Any:
    """Bahdanau's attention in PyTorch's own operations."""
    e = torch.tanh(q @ p["W"].T + m @ p["U"].T) @ p["v"]
    return torch.einsum("sb,sbh->bh", torch.softmax(e, 0), m)


def scaled_dot(q: Any, m: Any, p: dict[str, Any]) -> Any:
    """PyTorch's own scaled dot-product attention, batch first."""
    memory = m.transpose(0, 1)
    return torch.nn.functional.scaled_dot_product_attention(q[:, None], memory, memory)[:, 0]


@pytest.mark.parametrize(("score", "theirs"), [("additive", additive), ("scaled_dot", scaled_dot)])
def test_attention(score: str, theirs: Any) -> None:
    """Context and gradients of additive and scaled dot-product attention are those written in PyTorch."""
    rng = np.random.default_rng(5)
    attention = Attention(H, score=score)
    params = {k: rng.standard_normal(v.shape) for k, v in attention.init(rng).items()}
    q, m = rng.standard_normal((B, H)), rng.standard_normal((T, B, H))
    context, pullback = mg.vjp(lambda p, q, m: attention.attend(p, q, m).context, params, q, m)
    seed = rng.standard_normal((B, H))
    d_params, d_q, d_m = pullback(seed)
    t_params = {k: torch.tensor(v, requires_grad=True) for k, v in params.items()}
    t_q, t_m = torch.tensor(q, requires_grad=True), torch.tensor(m, requires_grad=True)
    out = theirs(t_q, t_m, t_params)
    out.backward(torch.tensor(seed))
    close(context, out.detach().numpy(), 1e-12)
    close(d_q, t_q.grad.numpy(), 1e-10)
    close(d_m, t_m.grad.numpy(), 1e-10)
    for key, value in t_params.items():
        close(d_params[key], value.grad.numpy(), 1e-10)


def test_the_nonlinearity_of_a_submodule() -> None:
    """A relu net inside a larger model is read as one, by attributes and by the numbers of a list."""
    torch.manual_seed(0)
    model = torch.nn.ModuleDict({"nets": torch.nn.ModuleList([torch.nn.RNN(D, H, nonlinearity="relu")])}).double()
    cell, params = from_torch(model, prefix="nets.0")
    xs = np.random.default_rng(0).standard_normal((T, B, D))
    expected, _ = model["nets"][0](torch.tensor(xs))
    close(unroll(cell, params, xs).outputs, expected.detach().numpy())
