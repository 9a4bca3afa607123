"""The keys of a recurrent net's state dict in PyTorch: sorted by layer and direction, and checked."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from .errors import StateDictError

__all__ = ["GATES", "KINDS", "Direction", "sort_keys"]

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
