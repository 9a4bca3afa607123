"""Weights from PyTorch and to PyTorch, without PyTorch.

`torch.nn.RNN`, `LSTM` and `GRU` keep their weights under names such as ``weight_ih_l0_reverse``: what
acts on the input (``ih``) or on the hidden state (``hh``), the layer, and the direction; the gates stand
below each other in one matrix, i f g o or r z n. PyTorch has two biases where one would do: their sum is
ours, but for the GRU's n, where b_n stands outside the reset gate's product and c_n inside.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from .bidirectional import Bidirectional
from .cell import Layer
from .errors import StateDictError
from .gru import GRU
from .lstm import LSTM
from .options import check_switch
from .rnn import RNN
from .stacked import Stacked
from .state_dicts import key_start, read_state_dict
from .torch_keys import GATES, KINDS, Direction, sort_keys

__all__ = ["from_torch", "to_torch"]


def from_torch(source: Any, prefix: str = "", nonlinearity: str = "tanh") -> tuple[Layer, dict[str, Any]]:
    """Read a recurrent net of PyTorch: `torch.nn.RNN`, `LSTM` or `GRU` with any number of layers and directions.

    Parameters
    ----------
    source : module, mapping or path
        A module (read through its ``state_dict()``), a state dict of tensors or arrays, or the path of
        a ``.safetensors`` file (extra ``safetensors``).
    prefix : str
        Where the net stands in a larger model: ``"encoder"`` for ``encoder.weight_ih_l0``. Keys without
        it are left aside.
    nonlinearity : {"tanh", "relu"}
        Of `torch.nn.RNN`, which its weights do not tell. A module says so itself, in a larger model the
        one at the prefix.

    Returns
    -------
    cell : Layer
        RNN, LSTM or GRU (reset="after", update="keep"); one layer of two directions is a
        `Bidirectional`, several layers are a `Stacked` net.
    params : dict
        In the dtype of the source; copies.

    Raises
    ------
    StateDictError
        If there is an unknown key, a weight is missing, shapes do not fit, the net has a projection
        (``proj_size``), which the cells do not have, or PyTorch has no such net: its cells are of one
        kind and one hidden size, and all or none of them have biases.
    OptionError
        If there is no such nonlinearity.

    Examples
    --------
    >>> weights = {"weight_ih_l0": np.ones((12, 2)), "weight_hh_l0": np.ones((12, 3))}
    >>> cell, params = from_torch(weights)
    >>> type(cell).__name__, cell.input_size, cell.hidden_size, sorted(params)[:3]
    ('LSTM', 2, 3, ['U_f', 'U_g', 'U_i'])
    """
    activation = getattr(_submodule(source, prefix), "nonlinearity", nonlinearity)
    check_switch("nonlinearity", activation, ("tanh", "relu"))
    weights = read_state_dict(source, prefix)
    layers = sort_keys(weights)
    names = [f"layer {i}" for i in range(1, len(layers) + 1)]
    built = [_layer(directions, activation) for directions in layers]
    if len(built) == 1:
        return built[0]
    return Stacked([cell for cell, _ in built]), dict(zip(names, [params for _, params in built], strict=True))


def _submodule(source: Any, prefix: str) -> Any:
    """What stands at the prefix: ``encoder.rnn`` is the attribute ``rnn`` of the attribute ``encoder``."""
    for name in filter(None, prefix.split(".")):
        source = getattr(source, name, None)
    return source


def _layer(directions: dict[str, Direction], activation: str) -> tuple[Layer, dict[str, Any]]:
    built = [_cell(direction, activation) for direction in directions.values()]
    if len(built) == 1:
        return built[0]
    (forward, forward_params), (backward, backward_params) = built
    return Bidirectional(forward, backward), {"forward": forward_params, "backward": backward_params}


def _cell(direction: Direction, activation: str) -> tuple[Layer, dict[str, np.ndarray]]:
    H, D = direction.weight_hh.shape[1], direction.weight_ih.shape[1]
    kind = KINDS[direction.weight_hh.shape[0] // H]
    params = {}
    for row, k in enumerate(GATES[kind]):
        block, letter = slice(row * H, (row + 1) * H), f"_{k}" if k else ""
        params[f"U{letter}"] = direction.weight_ih[block].copy()
        params[f"W{letter}"] = direction.weight_hh[block].copy()
        params[f"b{letter}"] = direction.bias_ih[block] + direction.bias_hh[block]
    if kind == "LSTM":
        return LSTM(D, H), params
    if kind == "RNN":
        return RNN(D, H, activation=activation), params
    inside = slice(2 * H, 3 * H)
    params["b_n"], params["c_n"] = direction.bias_ih[inside].copy(), direction.bias_hh[inside].copy()
    return GRU(D, H, reset="after", update="keep"), params


def to_torch(cell: Layer, params: dict[str, Any], prefix: str = "", bias: bool = True) -> dict[str, np.ndarray]:
    """A state dict for `torch.nn.RNN`, `LSTM` or `GRU`, as arrays: the way back from `from_torch`.

    Load it with ``module.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})``.

    Parameters
    ----------
    cell : Layer
        RNN (tanh or relu), LSTM without variants, GRU with reset="after" and update="keep"; such a pair
        in a `Bidirectional`; several layers of one kind and hidden size in a `Stacked` net.
    params : dict
        As the cell's `init` makes them.
    prefix : str
        Put before every key, with a dot.
    bias : bool
        False for a module made with ``bias=False``; the biases must then be zero.

    Returns
    -------
    dict
        Our bias is PyTorch's ``bias_ih``; ``bias_hh`` is zero but for the GRU's c_n. Copies.

    Raises
    ------
    StateDictError
        If PyTorch has no such net.
    """
    parts = _parts(cell, params)
    if len({(_kind(one), one.hidden_size) for _, one, _ in parts}) > 1:
        raise StateDictError("all cells of a PyTorch net have one kind, one hidden size and one nonlinearity")
    weights = {
        f"{key_start(prefix)}{name}{suffix}": value
        for suffix, one, own in parts
        for name, value in _weights(_kind(one)[0], own).items()
    }
    return weights if bias else _without_bias(weights)


def _parts(cell: Any, params: dict[str, Any]) -> list[tuple[str, Any, dict[str, Any]]]:
    """Every single cell with PyTorch's suffix and its own parameters."""
    layers = [(cell, params)]
    if isinstance(cell, Stacked):
        layers = [(layer, params[f"layer {i}"]) for i, layer in enumerate(cell.layers, start=1)]
    if len({isinstance(layer, Bidirectional) for layer, _ in layers}) > 1:
        raise StateDictError("either all layers of a PyTorch net have two directions or none has")
    parts = []
    for number, (layer, own) in enumerate(layers):
        if isinstance(layer, Bidirectional):
            parts.append((f"_l{number}", layer.forward, own["forward"]))
            parts.append((f"_l{number}_reverse", layer.backward, own["backward"]))
        else:
            parts.append((f"_l{number}", layer, own))
    return parts


def _kind(cell: Any) -> tuple[str, str]:
    """The kind that PyTorch has, and its nonlinearity."""
    if isinstance(cell, RNN) and cell.activation in ("tanh", "relu"):
        return "RNN", cell.activation
    if isinstance(cell, GRU) and (cell.reset, cell.update) == ("after", "keep"):
        return "GRU", ""
    if isinstance(cell, LSTM) and _is_plain(cell):
        return "LSTM", ""
    raise StateDictError(
        f"PyTorch has no {cell!r}; it has RNN with tanh or relu, LSTM without variants, "
        "and GRU with reset='after' and update='keep'"
    )


def _is_plain(cell: LSTM) -> bool:
    """Whether a cell is the textbook's LSTM, however its biases were drawn."""
    return replace(cell, forget_bias=1.0, chrono=None) == LSTM(cell.input_size, cell.hidden_size)


def _weights(kind: str, params: dict[str, Any]) -> dict[str, np.ndarray]:
    """PyTorch's four arrays of one cell."""
    letters = [f"_{k}" if k else "" for k in GATES[kind]]
    stacked = {
        theirs: np.concatenate([np.asarray(params[f"{ours}{letter}"]) for letter in letters])
        for theirs, ours in (("weight_ih", "U"), ("weight_hh", "W"), ("bias_ih", "b"))
    }
    inside = np.zeros_like(stacked["bias_ih"])
    if kind == "GRU":
        inside[-len(params["c_n"]) :] = params["c_n"]
    return stacked | {"bias_hh": inside}


def _without_bias(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    for key, value in weights.items():
        if "bias_" in key and np.any(value):
            raise StateDictError(f"{key} is not zero, so a module with bias=False cannot hold it; leave bias=True")
    return {key: value for key, value in weights.items() if "bias_" not in key}
