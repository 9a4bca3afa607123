"""Weights in PyTorch's format, without PyTorch: round trips, biases, and what is refused."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from cell_cases import filled, lstm_weights, seeds, sizes
from hypothesis import given
from hypothesis import strategies as st

from cells import GRU, LSTM, RNN, Bidirectional, Stacked, from_torch, to_torch
from minigrad.pytree import flatten

MAKERS = {
    "RNN": RNN,
    "relu": lambda D, H: RNN(D, H, activation="relu"),
    "LSTM": LSTM,
    "GRU": lambda D, H: GRU(D, H, reset="after"),
}


def build(kind: str, D: int, H: int, depth: int, two_way: bool) -> Any:
    """A net such as PyTorch has."""
    make = MAKERS[kind]
    sizes_in = [D, *[2 * H if two_way else H] * (depth - 1)]
    layers = [Bidirectional(make(n, H), make(n, H)) if two_way else make(n, H) for n in sizes_in]
    return Stacked(layers) if depth > 1 else layers[0]


def together(first: Any, second: Any, place: str = "l1", bias: bool = True) -> dict[str, Any]:
    """The state dicts of two cells as if they were one net, which PyTorch does not have."""
    rng = np.random.default_rng(0)
    zeros = {key: np.zeros_like(value) for key, value in second.init(rng).items()}
    other = to_torch(second, zeros, bias=bias)
    return to_torch(first, first.init(rng)) | {key.replace("l0", place): value for key, value in other.items()}


@given(seeds, st.sampled_from(sorted(MAKERS)), sizes, sizes, sizes, st.booleans(), st.sampled_from(["", "net", "a.b."]))
def test_round_trip(seed: int, kind: str, D: int, H: int, depth: int, two_way: bool, prefix: str) -> None:
    """Kind, sizes, depth and directions come back from the keys, and every parameter unchanged."""
    cell = build(kind, D, H, depth, two_way)
    params = filled(cell, np.random.default_rng(seed))
    state_dict = to_torch(cell, params, prefix)
    assert all(key.startswith(prefix) for key in state_dict)
    again, params_again = from_torch(state_dict, prefix, nonlinearity="relu" if kind == "relu" else "tanh")
    assert again == cell
    ours, structure = flatten(params)
    for mine, other in zip(ours, flatten(params_again)[0], strict=True):
        assert np.array_equal(mine, other)
    assert structure == flatten(params_again)[1]


def test_two_biases_become_their_sum() -> None:
    """PyTorch's b_ih + b_hh is our b, so a forget bias of 1 may stand in either."""
    rng = np.random.default_rng(0)
    b_ih, b_hh = rng.standard_normal(12), rng.standard_normal(12)
    _, params = from_torch(lstm_weights(bias_ih_l0=b_ih, bias_hh_l0=b_hh))
    assert np.array_equal(params["b_f"], (b_ih + b_hh)[3:6])


def test_the_grus_n_keeps_two_biases() -> None:
    """b_n stands outside the reset gate's product and c_n inside, so they cannot be added."""
    rng = np.random.default_rng(0)
    source = to_torch(GRU(2, 3, reset="after"), filled(GRU(2, 3, reset="after"), rng))
    source["bias_hh_l0"] = rng.standard_normal(9)
    _, params = from_torch(source)
    assert np.array_equal(params["b_n"], source["bias_ih_l0"][6:])
    assert np.array_equal(params["c_n"], source["bias_hh_l0"][6:])


def test_pytorch_is_never_imported() -> None:
    """Reading and writing weights works where importing torch is an error."""
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np; from cells import LSTM, from_torch, to_torch\n"
        "print(from_torch(to_torch(LSTM(2, 3), LSTM(2, 3).init(np.random.default_rng(0))))[0])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("LSTM(input_size=2, hidden_size=3")


def test_a_net_without_biases_has_a_cell_without_them() -> None:
    """Where PyTorch has bias=False the cell has it too, so that what goes back has the keys that came."""
    weights = lstm_weights(bias_ih_l0=None, bias_hh_l0=None)

    cell, params = from_torch({key: value.astype(np.float32) for key, value in weights.items()})

    assert cell == LSTM(2, 3, bias=False)
    assert set(params) == {f"{letter}_{k}" for letter in "UW" for k in "ifgo"}
    back = to_torch(cell, params)
    assert back.keys() == weights.keys()
    assert not any(to_torch(cell, params, bias=True)[f"bias_{side}_l0"].any() for side in ("ih", "hh"))


@pytest.mark.parametrize(("present", "absent"), [("bias_ih", "bias_hh"), ("bias_hh", "bias_ih")])
def test_half_of_the_biases_is_too_little(present: str, absent: str) -> None:
    """Whichever of the two biases is missing, in whichever layer, it is the one that is named."""
    text = f"{absent}_l0 is missing beside {present}_l0; PyTorch has both or neither"
    with pytest.raises(ValueError, match=text):
        from_torch(lstm_weights(**{f"{absent}_l0": None}))

    net = Stacked([LSTM(2, 3), LSTM(3, 3)])
    weights = to_torch(net, filled(net, np.random.default_rng(0)))
    del weights[f"{absent}_l1"]
    with pytest.raises(ValueError, match=f"{absent}_l1 is missing beside {present}_l1"):
        from_torch(weights)


def test_all_cells_that_differ_are_listed() -> None:
    """Beside the first cell, each that has other sizes is named with its shape."""
    weights: dict[str, Any] = lstm_weights()
    for number, cell in ((1, LSTM(3, 2)), (2, GRU(2, 3, reset="after", update="keep"))):
        made = to_torch(cell, filled(cell, np.random.default_rng(0)))
        weights |= {key.replace("l0", f"l{number}"): value for key, value in made.items()}

    with pytest.raises(ValueError, match=r"\(12, 3\) there is weight_hh_l1 \(8, 2\), weight_hh_l2 \(9, 3\)$"):
        from_torch(weights)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (lstm_weights(weight_hr_l0=np.ones((2, 3))), "projection"),
        (lstm_weights(gamma=np.ones(3)), "unknown key gamma"),
        ({f"encoder.{k}": v for k, v in lstm_weights().items()}, "pass 'encoder' as its prefix"),
        (
            {f"{net}.{k}": v for net in ("encoder", "decoder") for k, v in lstm_weights().items()},
            "pass 'encoder' or 'decoder' as its prefix",
        ),
        ({"weight_ih": lstm_weights()["weight_ih_l0"]}, "weight_hh is missing"),
        (lstm_weights(weight_ih=np.ones((12, 2))), "keys of a net .* beside keys of a single cell"),
        (lstm_weights(weight_ih_l00=np.ones((12, 2))), "unknown key weight_ih_l00"),
        (lstm_weights(weight_ih_l1000000000=np.ones((12, 2))), "unknown key weight_ih_l1000000000"),
        (lstm_weights(weight_ih_l999999999=np.ones((12, 2))), "without a gap"),
        (lstm_weights(**{"weight_ih_l" + "9" * 5000: np.ones((12, 2))}), "unknown key weight_ih_l9{69}…"),
        (lstm_weights(weight_ih_l١=np.ones((12, 2))), "unknown key"),
        ({1: np.ones((12, 2))}, "keys of a state dict are text, got int"),
        (lstm_weights(weight_hh_l0=None), "weight_hh_l0 is missing"),
        (lstm_weights(weight_ih_l0=None), "weight_ih_l0 is missing"),
        (lstm_weights(bias_hh_l0=None), "bias_hh_l0 is missing beside bias_ih_l0"),
        (lstm_weights(weight_hh_l0=np.ones((6, 3))), "G = 1, 3 or 4"),
        (lstm_weights(weight_hh_l0=np.ones((13, 3))), "G = 1, 3 or 4"),
        (lstm_weights(weight_hh_l0=np.ones(12)), "G = 1, 3 or 4"),
        ({"weight_ih_l0": np.ones((0, 2)), "weight_hh_l0": np.ones((0, 0))}, "H at least 1"),
        (together(LSTM(2, 3), GRU(3, 3, reset="after")), r"one kind and one hidden size.* weight_hh_l1 \(9, 3\)"),
        (together(LSTM(2, 3), LSTM(3, 4)), r"one kind and one hidden size.* weight_hh_l1 \(16, 4\)"),
        (together(LSTM(2, 3), LSTM(2, 4), "l0_reverse"), "weight_hh_l0_reverse"),
        (together(LSTM(2, 3), RNN(2, 3), "l0_reverse"), "weight_hh_l0_reverse"),
        (together(LSTM(2, 3), LSTM(3, 3), bias=False), "l1 without biases"),
        (lstm_weights(weight_ih_l0=np.ones((9, 2))), "must have 12 rows"),
        (lstm_weights(bias_ih_l0=np.ones(9)), r"bias_ih_l0 must be \(12,\)"),
        (lstm_weights(weight_ih_l0=np.ones((12, 2), int)), "floating point"),
        ({k.replace("l0", "l1"): v for k, v in lstm_weights().items()}, "no weight_ih_l0"),
        (lstm_weights(**{k.replace("l0", "l2"): v for k, v in lstm_weights().items()}), "same directions"),
        (
            lstm_weights(**{k.replace("l0", "l1"): v for k, v in lstm_weights().items()})
            | {f"{k}_reverse": v for k, v in lstm_weights().items()},
            "l1_reverse",
        ),
        ({}, "there are no weights at all"),
        (42, "got int"),
        ("weights.pt", "only .safetensors"),
    ],
)
def test_what_cannot_be_read(source: Any, text: str) -> None:
    """Unknown keys, projections, missing weights and misfits raise an error that says which."""
    with pytest.raises(ValueError, match=text):
        from_torch(source)


def test_layers_that_do_not_fit_each_other() -> None:
    """A second layer that reads vectors of another length than the first one gives is refused."""
    second = {k.replace("l0", "l1"): v for k, v in lstm_weights().items()}
    with pytest.raises(ValueError, match="layer 1 gives vectors of length 3, but layer 2 takes 2"):
        from_torch(lstm_weights() | second)


@pytest.mark.parametrize(
    "cell",
    [
        RNN(2, 3, activation="sigmoid"),
        GRU(2, 3),
        GRU(2, 3, reset="after", update="write"),
        LSTM(2, 3, peephole=True),
        LSTM.variant("CIFG", 2, 3),
        Stacked([RNN(2, 3), LSTM(3, 3)]),
        Stacked([LSTM(2, 3), LSTM(3, 4)]),
        Stacked([LSTM(2, 2), Bidirectional(LSTM(2, 2), LSTM(2, 2))]),
        Bidirectional(LSTM(2, 2), LSTM(2, 3)),
        Stacked([RNN(2, 3), RNN(3, 3, activation="relu")]),
    ],
)
def test_what_pytorch_does_not_have(cell: Any) -> None:
    """Cells and nets without a counterpart in PyTorch are refused."""
    with pytest.raises(ValueError, match="PyTorch"):
        to_torch(cell, cell.init(np.random.default_rng(0)))


def test_biases_that_would_be_lost() -> None:
    """bias=False leaves zero biases out and refuses others."""
    cell, rng = RNN(2, 3), np.random.default_rng(0)
    assert sorted(to_torch(cell, cell.init(rng), bias=False)) == ["weight_hh_l0", "weight_ih_l0"]
    with pytest.raises(ValueError, match="bias_ih_l0 is not zero"):
        to_torch(cell, filled(cell, rng), bias=False)


def test_a_drawn_bias_does_not_make_a_variant() -> None:
    """How biases are drawn is no part of the cell's formula."""
    for cell in (LSTM(2, 3, forget_bias=0.0), LSTM(2, 3, chrono=9.0)):
        assert from_torch(to_torch(cell, cell.init(np.random.default_rng(0))))[0] == LSTM(2, 3)


def test_a_prefix_that_no_key_has() -> None:
    """The keys that there are say what the prefix could be."""
    with pytest.raises(ValueError, match=r"no key starts with 'decoder\.'; the keys are \['bias_hh_l0', "):
        from_torch(lstm_weights(), prefix="decoder")


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_one_parameter_of_integers_is_refused(dtype: str) -> None:
    """One gate's integers are refused by name, though PyTorch's array of all gates would be floating point."""
    cell = LSTM(2, 3)
    params = cell.init(np.random.default_rng(0))
    with pytest.raises(ValueError, match=f"U_f has dtype {dtype}"):
        to_torch(cell, {**params, "U_f": params["U_f"].astype(dtype)})
