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
from json import loads
from os import PathLike, fspath
from typing import Any

import numpy as np

from .batch_first import BatchFirst
from .bidirectional import Bidirectional
from .cell import Layer
from .errors import MissingSafetensorsError, StateDictError
from .gru import GRU
from .lstm import LSTM
from .parameters import checked_params
from .rnn import RNN
from .stacked import Stacked
from .validation import check_switch

__all__ = ["GATES", "KINDS", "Direction", "from_torch", "key_start", "read_state_dict", "sort_keys", "to_torch"]


#: The gates of each kind in PyTorch's order; a plain RNN has one block without a letter.
GATES = {"RNN": ("",), "GRU": ("r", "z", "n"), "LSTM": ("i", "f", "g", "o")}
KINDS = {len(gates): kind for kind, gates in GATES.items()}
KEY = re.compile(r"(weight|bias)_(ih|hh)(?:_l(0|[1-9][0-9]{0,8})(_reverse)?)?")
#: Of a name in an error: a file may hold names of any length.
SHOWN = 80


@dataclass(frozen=True)
class Direction:
    """One cell's weights as PyTorch keeps them: (G·H, D), (G·H, H) and two of (G·H,), or None for the two."""

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias_ih: np.ndarray | None
    bias_hh: np.ndarray | None


def sort_keys(weights: Mapping[str, np.ndarray]) -> list[dict[str, Direction]]:
    """For each layer its directions, "" and perhaps "_reverse", with the biases that PyTorch may leave out."""
    found: dict[tuple[int, str], dict[str, np.ndarray]] = {}
    numbered = set()
    for key, value in weights.items():
        match = KEY.fullmatch(key)
        if match is None:
            raise StateDictError(_unknown(key, weights))
        what, side, layer, direction = match.groups()
        numbered.add(layer is not None)
        found.setdefault((int(layer or 0), direction or ""), {})[f"{what}_{side}"] = value
    if len(numbered) == 2:
        raise StateDictError(
            "keys of a net (weight_ih_l0) stand beside keys of a single cell (weight_ih); pass one of the two"
        )
    if (0, "") not in found:
        raise StateDictError(f"no weight_ih_l0 among the keys {_listed(weights)}; is the prefix right?")
    directions = ["", "_reverse"] if (0, "_reverse") in found else [""]
    count = len({layer for layer, _ in found})
    expected = {(layer, direction) for layer in range(count) for direction in directions}
    if expected != set(found):
        odd = sorted(f"l{layer}{direction}" for layer, direction in expected ^ set(found))
        raise StateDictError(
            f"layers count from l0 without a gap, and every layer has the same directions; compare {', '.join(odd[:6])}"
        )
    _check_biases(found)
    suffixes = {layer: f"_l{layer}" if True in numbered else "" for layer in range(count)}
    layers = [{d: _direction(found[layer, d], f"{suffixes[layer]}{d}") for d in directions} for layer in range(count)]
    _check_alike(layers)
    return layers


def _check_biases(found: Mapping[tuple[int, str], Mapping[str, np.ndarray]]) -> None:
    without = [f"l{layer}{d}" for (layer, d), parts in found.items() if not {"bias_ih", "bias_hh"} & set(parts)]
    if 0 < len(without) < len(found):
        raise StateDictError(
            f"{', '.join(without[:6])} without biases beside others with them; PyTorch has all or none"
        )


def _check_alike(layers: list[dict[str, Direction]]) -> None:
    """One kind and one hidden size, as in every net of PyTorch."""
    shapes = {f"l{i}{d}": one.weight_hh.shape for i, layer in enumerate(layers) for d, one in layer.items()}
    odd = {name: shape for name, shape in shapes.items() if shape != shapes["l0"]}
    if odd:
        listed = ", ".join(f"weight_hh_{name} {shape}" for name, shape in list(odd.items())[:6])
        raise StateDictError(
            f"all cells of a PyTorch net have one kind and one hidden size, but beside weight_hh_l0 "
            f"{shapes['l0']} there is {listed}"
        )


def _unknown(key: str, keys: Iterable[str]) -> str:
    """The error on an unknown key: if the net's own keys stand in a larger model, it names the prefix to pass."""
    if key.rpartition(".")[2].startswith("weight_hr"):
        return f"{_short(key)} is a projection (proj_size), which the cells do not have; use a net without it"
    inside = [other.rpartition(".")[0] for other in (key, *keys) if KEY.fullmatch(other.rpartition(".")[2])]
    if any(inside):
        prefixes = " or ".join(repr(_short(prefix)) for prefix in list(dict.fromkeys(filter(None, inside)))[:4])
        return f"unknown key {_short(key)}; if the net stands inside a larger model, pass {prefixes} as its prefix"
    expected = "weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, …, with _reverse or not"
    return f"unknown key {_short(key)}; expected {expected}"


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
    for name in ("bias_ih", "bias_hh"):
        if name in parts and parts[name].shape != (rows,):
            raise StateDictError(f"{name}{suffix} must be ({rows},), got {parts[name].shape}")
    return Direction(ih, hh, parts.get("bias_ih"), parts.get("bias_hh"))


def _short(words: str) -> str:
    """A name from a file, cut and with control characters escaped, for an error."""
    shown = words if len(words) <= SHOWN else f"{words[:SHOWN]}…"
    return shown if shown.isprintable() else ascii(shown)[1:-1]


def _listed(keys: Iterable[str]) -> list[str]:
    return [_short(key) for key in sorted(keys)[:6]]


def key_start(prefix: str) -> str:
    """The beginning of the keys of a net at a prefix, given with its last dot or without."""
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
    for key in weights:
        if not isinstance(key, str):
            raise StateDictError(f"the keys of a state dict are text, got {type(key).__name__}")
    chosen = {key[len(start) :]: _array(key, value) for key, value in weights.items() if key.startswith(start)}
    if not chosen:
        listed = f"no key starts with {start!r}; the keys are {_listed(weights)}"
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
            "reading a .safetensors file needs that library; run `pip install safetensors`"
        ) from error
    try:
        loaded = library.load_file(path)
    except import_module("safetensors").SafetensorError as error:
        raise StateDictError(f"{path} is not a safetensors file: {error}") from None
    except (ValueError, OverflowError, MemoryError) as error:  # more than 64 axes, or a size beyond any array
        raise StateDictError(f"{path} holds an array that NumPy cannot have: {error}") from None
    except (AttributeError, KeyError, TypeError) as error:  # NumPy has no bfloat16 and no float8
        raise StateDictError(
            f"{path} holds numbers of a type that NumPy does not have: {error}; save float32 or float64"
        ) from None
    _check_duplicates(path)
    return loaded


def _check_duplicates(path: str) -> None:
    """Refuse a header that has one name twice: readers differ in which of the two they take."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise StateDictError(f"{path} holds {_short(key)} twice")
            seen[key] = value
        return seen

    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        loads(file.read(length), object_pairs_hook=unique)


def _array(key: str, value: Any) -> np.ndarray:
    for step in ("detach", "cpu"):
        value = getattr(value, step)() if hasattr(value, step) else value
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise StateDictError(
            f"{_short(key)} cannot become an array: {error}; convert it to float32 or float64"
        ) from error
    if array.dtype.kind != "f":
        raise StateDictError(f"{_short(key)} has dtype {array.dtype}; weights are floating point")
    return array


def from_torch(source: Any, prefix: str = "", nonlinearity: str = "tanh") -> tuple[Layer, dict[str, Any]]:
    """Read a recurrent net of PyTorch: `torch.nn.RNN`, `LSTM` or `GRU` of any depth, or one of their cells.

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
        `Bidirectional`, several layers are a `Stacked` net. A module with ``batch_first=True`` gives a
        `BatchFirst` net, which takes and gives (B, T, ...) as the module does; one with ``bias=False`` gives
        cells with bias=False. `RNNCell`, `LSTMCell` and `GRUCell` are read as nets of one layer.
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
    module = _submodule(source, prefix)
    activation = getattr(module, "nonlinearity", nonlinearity)
    check_switch("nonlinearity", activation, ("tanh", "relu"))
    weights = read_state_dict(source, prefix)
    layers = sort_keys(weights)
    built = [_layer(directions, activation) for directions in layers]
    net, params = built[0]
    if len(built) > 1:
        net = Stacked([layer for layer, _ in built])
        params = {f"layer {i}": own for i, (_, own) in enumerate(built, start=1)}
    return (BatchFirst(net) if getattr(module, "batch_first", False) is True else net), params


def _submodule(source: Any, prefix: str) -> Any:
    """The module at the prefix, None if there is none: ``encoder.rnn`` is the attribute ``rnn`` of ``encoder``."""
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
        if direction.bias_ih is not None and direction.bias_hh is not None:
            outside, inside = direction.bias_ih[block], direction.bias_hh[block]
            # of the GRU's n, b_n stands outside the reset gate's product and c_n inside, so they are not added
            params |= {"b_n": outside.copy(), "c_n": inside.copy()} if k == "n" else {f"b{letter}": outside + inside}
    bias = direction.bias_ih is not None
    if kind == "LSTM":
        return LSTM(D, H, bias=bias), params
    if kind == "RNN":
        return RNN(D, H, activation=activation, bias=bias), params
    return GRU(D, H, reset="after", update="keep", bias=bias), params


def to_torch(
    cell: Layer, params: dict[str, Any], prefix: str = "", bias: bool | None = None, *, single_cell: bool = False
) -> dict[str, np.ndarray]:
    """A state dict for `torch.nn.RNN`, `LSTM` or `GRU`, as arrays: the way back from `from_torch`.

    Load it with ``module.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})``.

    Parameters
    ----------
    cell : Layer
        RNN (tanh or relu), LSTM without variants, GRU with reset="after" and update="keep"; such a pair
        in a `Bidirectional`; several layers of one kind and hidden size in a `Stacked` net; a `BatchFirst`
        net of these.
    params : dict
        As the cell's `init` makes them, of floating-point numbers.
    prefix : str
        Put before every key, with a dot.
    bias : bool, optional
        As the module was made; by default as the cell has it. False with a cell that has biases: they
        must be zero. True with a cell that has none: they are written as zeros.
    single_cell : bool
        True for an `RNNCell`, `LSTMCell` or `GRUCell`, whose keys do not end in ``_l0``.

    Returns
    -------
    dict of arrays
        Each LSTM and RNN bias stands in ``bias_ih``, with zeros in ``bias_hh``.

    Raises
    ------
    StateDictError
        If PyTorch has no such net, a parameter is not of floating-point numbers, or `bias` is False and a
        bias is not zero.
    ParameterError, ShapeError
        If the parameters are not those of this cell.
    """
    layer = cell.layer if isinstance(cell, BatchFirst) else cell
    parts = _parts(layer, checked_params(layer, params))
    if len({(_kind(one), one.hidden_size) for _, one, _ in parts}) > 1:
        raise StateDictError("all cells of a PyTorch net have one kind, one hidden size and one nonlinearity")
    if single_cell and len(parts) > 1:
        raise StateDictError("a cell of PyTorch has one layer and one direction; leave out single_cell for this net")
    for _, _, own in parts:
        for name, value in own.items():
            if np.asarray(value).dtype.kind != "f":
                raise StateDictError(f"{name} has dtype {np.asarray(value).dtype}; parameters are floating point")
    weights = {
        f"{key_start(prefix)}{name}{'' if single_cell else suffix}": value
        for suffix, one, own in parts
        for name, value in _weights(_kind(one)[0], one, own).items()
    }
    with_bias = all(one.bias for _, one, _ in parts) if bias is None else bias
    return weights if with_bias else _without_bias(weights)


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
    """PyTorch's name of the kind of a cell, and its nonlinearity."""
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
    """True for the textbook's LSTM, however its biases are drawn."""
    return replace(cell, forget_bias=1.0, chrono=None, bias=True) == LSTM(cell.input_size, cell.hidden_size)


def _weights(kind: str, cell: Any, params: dict[str, Any]) -> dict[str, np.ndarray]:
    """PyTorch's four arrays of one cell, with zeros for the biases of a cell that has none."""
    letters = [f"_{k}" if k else "" for k in GATES[kind]]

    def stacked(name: str) -> np.ndarray:
        return np.concatenate([np.asarray(params[f"{name}{letter}"]) for letter in letters])

    weight_ih, weight_hh = stacked("U"), stacked("W")
    bias_ih = stacked("b") if cell.bias else np.zeros(len(weight_hh), weight_hh.dtype)
    bias_hh = np.zeros_like(bias_ih)
    if kind == "GRU" and cell.bias:
        bias_hh[-len(params["c_n"]) :] = params["c_n"]
    return {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}


def _without_bias(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    for key, value in weights.items():
        if "bias_" in key and np.any(value):
            raise StateDictError(f"{key} is not zero, so a module with bias=False cannot hold it; leave bias=True")
    return {key: value for key, value in weights.items() if "bias_" not in key}
