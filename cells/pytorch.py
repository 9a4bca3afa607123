"""Weights from PyTorch and to PyTorch, without PyTorch.

`torch.nn.RNN`, `LSTM` and `GRU` keep their weights under names such as ``weight_ih_l0_reverse``: what
acts on the input (``ih``) or on the hidden state (``hh``), the layer, and the direction; the gates stand
below each other in one matrix, i f g o or r z n. PyTorch has two biases where one would do: their sum is
ours, but for the GRU's n, where b_n stands outside the reset gate's product and c_n inside.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from os import PathLike, fspath
from typing import Any

import numpy as np

from .bidirectional import Bidirectional
from .cell import Layer
from .errors import MissingSafetensorsError, StateDictError
from .gru import GRU
from .lstm import LSTM
from .rnn import RNN
from .stacked import Stacked
from .validation import check_switch

__all__ = ["GATES", "KINDS", "Direction", "from_torch", "key_start", "read_state_dict", "sort_keys", "to_torch"]


#: The gates of each kind in PyTorch's order; a plain RNN has one block without a letter.
GATES = {"RNN": ("",), "GRU": ("r", "z", "n"), "LSTM": ("i", "f", "g", "o")}
KINDS = {len(gates): kind for kind, gates in GATES.items()}
KEY = re.compile(r"(weight|bias)_(ih|hh)_l(\d+)(_reverse)?")


@dataclass(frozen=True)
class Direction:
    """One cell's weights as PyTorch keeps them: (G·H, D), (G·H, H) and two of (G·H,)."""

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias_ih: np.ndarray
    bias_hh: np.ndarray


def sort_keys(weights: Mapping[str, np.ndarray]) -> list[dict[str, Direction]]:
    """For each layer its directions, "" and perhaps "_reverse", with the biases that PyTorch may leave out."""
    found: dict[tuple[int, str], dict[str, np.ndarray]] = {}
    for key, value in weights.items():
        match = KEY.fullmatch(key)
        if match is None:
            raise StateDictError(_unknown(key, weights))
        what, side, layer, direction = match.groups()
        found.setdefault((int(layer), direction or ""), {})[f"{what}_{side}"] = value
    if (0, "") not in found:
        raise StateDictError(f"no weight_ih_l0 among the keys {sorted(weights)[:6]}; is the prefix right?")
    count = 1 + max(layer for layer, _ in found)
    directions = ["", "_reverse"] if (0, "_reverse") in found else [""]
    expected = {(layer, direction) for layer in range(count) for direction in directions}
    if expected != set(found):
        odd = sorted(f"l{layer}{direction}" for layer, direction in expected ^ set(found))
        raise StateDictError(f"every layer must have the same directions; compare {', '.join(odd)}")
    _check_biases(found)
    layers = [{d: _direction(found[layer, d], f"_l{layer}{d}") for d in directions} for layer in range(count)]
    _check_alike(layers)
    return layers


def _check_biases(found: Mapping[tuple[int, str], Mapping[str, np.ndarray]]) -> None:
    without = [f"l{layer}{d}" for (layer, d), parts in found.items() if not {"bias_ih", "bias_hh"} & set(parts)]
    if 0 < len(without) < len(found):
        raise StateDictError(f"{', '.join(without)} without biases beside others with them; PyTorch has all or none")


def _check_alike(layers: list[dict[str, Direction]]) -> None:
    """One kind and one hidden size, as in every net of PyTorch."""
    shapes = {f"l{i}{d}": one.weight_hh.shape for i, layer in enumerate(layers) for d, one in layer.items()}
    odd = {name: shape for name, shape in shapes.items() if shape != shapes["l0"]}
    if odd:
        listed = ", ".join(f"weight_hh_{name} {shape}" for name, shape in odd.items())
        raise StateDictError(
            f"all cells of a PyTorch net have one kind and one hidden size, but beside weight_hh_l0 "
            f"{shapes['l0']} there is {listed}"
        )


def _unknown(key: str, keys: Iterable[str]) -> str:
    """What to do about it: where the net's own keys stand in a larger model, the prefix is the way to them."""
    if key.startswith("weight_hr"):
        return f"{key} is a projection (proj_size), which the cells do not have; use a net without it"
    ends = ((other, KEY.search(other)) for other in (key, *keys))
    inside = [
        other[: end.start()].rstrip(".") for other, end in ends if end and end.start() and end.end() == len(other)
    ]
    if inside:
        prefixes = " or ".join(map(repr, dict.fromkeys(inside)))
        return f"unknown key {key}; if the net stands inside a larger model, pass {prefixes} as its prefix"
    if key.rpartition(".")[2] in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        return f"{key} is of a cell (RNNCell, LSTMCell, GRUCell); save it as {key}_l0, as a net of one layer has it"
    return f"unknown key {key}; expected weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, …, with _reverse or not"


def _direction(parts: dict[str, np.ndarray], suffix: str) -> Direction:
    for name in ("weight_ih", "weight_hh"):
        if name not in parts:
            raise StateDictError(f"{name}{suffix} is missing")
    if ("bias_ih" in parts) != ("bias_hh" in parts):
        present, absent = ("bias_ih", "bias_hh") if "bias_ih" in parts else ("bias_hh", "bias_ih")
        raise StateDictError(f"{absent}{suffix} is missing beside {present}{suffix}; PyTorch has both or neither")
    ih, hh = parts["weight_ih"], parts["weight_hh"]
    if hh.ndim != 2 or hh.shape[1] == 0 or hh.shape[0] % hh.shape[1] or hh.shape[0] // hh.shape[1] not in KINDS:
        raise StateDictError(
            f"weight_hh{suffix} must be (G·H, H) with G = 1, 3 or 4 gates and H at least 1, got {hh.shape}"
        )
    rows = hh.shape[0]
    if ih.ndim != 2 or ih.shape[0] != rows:
        raise StateDictError(f"weight_ih{suffix} must have {rows} rows as weight_hh{suffix} has, got {ih.shape}")
    none = np.zeros(rows, ih.dtype)
    direction = Direction(ih, hh, parts.get("bias_ih", none), parts.get("bias_hh", none))
    for name in ("bias_ih", "bias_hh"):
        if getattr(direction, name).shape != (rows,):
            raise StateDictError(f"{name}{suffix} must be ({rows},), got {getattr(direction, name).shape}")
    return direction


def key_start(prefix: str) -> str:
    """What the keys of a net begin with that stands at a prefix, given with its last dot or without."""
    return f"{prefix}." if prefix and not prefix.endswith(".") else prefix


def read_state_dict(source: Any, prefix: str = "") -> dict[str, np.ndarray]:
    """The arrays of a module, mapping or ``.safetensors`` file whose keys have the prefix, without it.

    A tensor of another library is read by what it can do (``detach``, ``cpu``, and NumPy's
    ``__array__``), so that the library need not be there.

    Raises
    ------
    StateDictError
        If the source is none of these, the file is damaged, no key has the prefix, or a value is no
        floating-point array.
    OSError
        If a file cannot be opened.
    MissingSafetensorsError
        If the extra ``safetensors`` is not installed.
    """
    start = key_start(prefix)
    weights = _mapping(source)
    chosen = {key[len(start) :]: _array(key, value) for key, value in weights.items() if key.startswith(start)}
    if not chosen:
        listed = f"no key starts with {start!r}; the keys are {sorted(weights)[:6]}"
        raise StateDictError(listed if weights else "there are no weights at all")
    return chosen


def _mapping(source: Any) -> Mapping[str, Any]:
    if isinstance(source, str | PathLike):
        return _read_safetensors(fspath(source))
    if isinstance(source, Mapping):
        return source
    if hasattr(source, "state_dict"):
        return source.state_dict()
    raise StateDictError(
        f"weights come from a module with state_dict(), a mapping, or the path of a .safetensors file; "
        f"got {type(source).__name__}"
    )


def _read_safetensors(path: str) -> Mapping[str, Any]:
    if not path.endswith(".safetensors"):
        raise StateDictError(
            f"only .safetensors files are read, got {path!r}; other formats can run code when they are opened"
        )
    try:
        library = import_module("safetensors.numpy")
    except ImportError as error:
        raise MissingSafetensorsError(
            "reading a .safetensors file needs the extra: pip install 'minigrad[safetensors]'"
        ) from error
    try:
        return library.load_file(path)
    except import_module("safetensors").SafetensorError as error:
        raise StateDictError(f"{path} is not a safetensors file: {error}") from None
    except (AttributeError, KeyError, TypeError) as error:  # NumPy has no bfloat16 and no float8
        raise StateDictError(
            f"{path} holds numbers of a type that NumPy does not have: {error}; save float32 or float64"
        ) from None


def _array(key: str, value: Any) -> np.ndarray:
    for step in ("detach", "cpu"):
        value = getattr(value, step)() if hasattr(value, step) else value
    try:
        array = np.asarray(value)
    except TypeError as error:
        raise StateDictError(f"{key} cannot become an array: {error}; convert it to float32 or float64") from error
    if array.dtype.kind != "f":
        raise StateDictError(f"{key} has dtype {array.dtype}; weights are floating point")
    return array


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
