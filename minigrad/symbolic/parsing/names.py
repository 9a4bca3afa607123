"""Spellings of a letter and its one key: ``h1_prev``, ``h^(1)_{t-1}`` and ``layer1.h_prev``.

A key is a letter's place in a net, its name and its time, see `labels.Label.key`; the adjoint of it has ``d_``
before the key.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Spelling", "Symbol", "moved", "spelled", "spoken", "step_of", "time_suffix", "without_time"]

_TIMES = re.compile(r"_(?:(prev|next)(\d+)?|t([+-]\d+)?)$")
_KEY_TIME = re.compile(r"_(?:prev|next|t[+-]\d+)$")
_LAYER = re.compile(r"([A-Za-z]+?)(\d+)((?:_\w+)?)")
_KEY = re.compile(r"(?<![\w.])(d_)?(layer\d+|inner|attention|forward|backward)\.([A-Za-z]+)((?:_\w+)?)(?![\w.])")
_ENTRY = re.compile(r"(.+?)_(\d+)((?:_(?:prev|next))?)")


@dataclass(frozen=True)
class Symbol:
    """A letter of a cell or net: its name, its time relative to step t, its place, and whether it is the adjoint.

    Examples
    --------
    >>> symbol = Symbol.of("d_layer1.h_prev")
    >>> symbol
    Symbol(name='h', time=-1, place='layer1', adjoint=True)
    >>> symbol.at(2).key, symbol.value_of().key
    ('d_layer1.h_t+2', 'layer1.h_prev')
    """

    name: str
    time: int = 0
    place: str = ""
    adjoint: bool = False

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(key: str) -> "Symbol":
        """The symbol of a key; a name that only resembles a time, such as ``W_t``, stays whole."""
        bare = key.removeprefix("d_")
        time = _KEY_TIME.search(bare)
        place, _, name = (bare[: time.start()] if time else bare).rpartition(".")
        return Symbol(name, step_of(bare) if time else 0, place, bare != key)

    @property
    def key(self) -> str:
        """The symbol as keys spell it."""
        place = f"{self.place}." if self.place else ""
        return f"{'d_' if self.adjoint else ''}{place}{self.name}{time_suffix(self.time)}"

    def at(self, time: int) -> "Symbol":
        """The same letter at another step, relative to step t."""
        return replace(self, time=time)

    def adjoint_of(self) -> "Symbol":
        """The adjoint ∂E/∂(this letter)."""
        return replace(self, adjoint=True)

    def value_of(self) -> "Symbol":
        """The letter itself, if this is its adjoint."""
        return replace(self, adjoint=False)


class Spelling(NamedTuple):
    """A letter's key, and the number of the entry, from 1, if it is an entry of a vector."""

    key: str
    entry: int | None = None


def spelled(name: str, keys: Collection[str], output: str) -> Spelling | None:
    """The key of a written letter; None if there is no such letter.

    Parameters
    ----------
    name : str
        As it is written.
    keys : collection of str
        All letters that there are, without time where it is that of the step.
    output : str
        What ``h`` means in a net of several cells.

    Examples
    --------
    >>> keys = ["layer1.h", "layer2.h", "layer2.W_f", "alpha"]
    >>> spelled("h1_prev", keys, "layer2.h").key, spelled("W2_f", keys, "layer2.h").key
    ('layer1.h_prev', 'layer2.W_f')
    >>> spelled("h_next", keys, "layer2.h").key, spelled("alpha_2", keys, "layer2.h")
    ('layer2.h_next', Spelling(key='alpha', entry=2))
    """
    adjoint = "d_" if name.startswith("d_") and name not in keys else ""
    bare = name.removeprefix(adjoint)
    found = _key(bare, keys, output)
    if found is not None:
        return Spelling(adjoint + found)
    entry = _ENTRY.fullmatch(bare)
    owner = _key(entry[1] + entry[3], keys, output) if entry else None
    return None if entry is None or owner is None else Spelling(adjoint + owner, int(entry[2]))


def spoken(text: str) -> str:
    """A text in which keys stand as students write them: ``h1`` for ``layer1.h``, ``W_inner`` for ``inner.W``.

    Examples
    --------
    >>> spoken("layer1.h_prev stands where d_backward.a_next belongs")
    'h1_prev stands where d_a_backward_next belongs'
    """
    return _KEY.sub(_spoken, text)


def _spoken(key: re.Match[str]) -> str:
    adjoint, place, stem, rest = key.groups()
    if place.startswith("layer"):
        return f"{adjoint or ''}{stem}{place.removeprefix('layer')}{rest}"
    time = _TIMES.search(rest)
    low, when = (rest[: time.start()], rest[time.start() :]) if time else (rest, "")
    return f"{adjoint or ''}{stem}{low}_{place}{when}"


def time_suffix(shift: int) -> str:
    """The suffix of a key for a letter of some steps later, or earlier: ``_next``, ``_prev``, ``_t-2``."""
    return {0: "", 1: "_next", -1: "_prev"}.get(shift, f"_t{shift:+d}")


def step_of(key: str) -> int:
    """The number of steps that a letter lies after step t: −1 for ``h_prev``, 0 for ``h``, 2 for ``h_t+2``."""
    time = _TIMES.search(key)
    return 0 if time is None else _shift(time)


def moved(key: str, steps: int) -> str:
    """A letter so many steps later: ``h`` for ``h_prev`` and 1."""
    return without_time(key) + time_suffix(step_of(key) + steps)


def _shift(time: re.Match[str]) -> int:
    word, count, steps = time.groups()
    return int(steps or 0) if word is None else (-1 if word == "prev" else 1) * int(count or 1)


def without_time(name: str) -> str:
    """A letter without what says at which step: ``h`` for ``h_prev``."""
    time = _TIMES.search(name)
    return name[: time.start()] if time else name


def _key(name: str, keys: Collection[str], output: str) -> str | None:
    time = _TIMES.search(name)
    # In a two-way net h is the two halves' states together, and h_prev is not the one half's that is given.
    whole = time is not None and name not in keys and name[: time.start()] in keys
    stem = None if whole else _stem(name, keys, output)
    if stem is not None:
        return stem
    stem = _stem(name[: time.start()], keys, output) if time else None
    if stem is None or time is None:
        return None
    return stem + time_suffix(_shift(time))


def _stem(name: str, keys: Collection[str], output: str) -> str | None:
    """A letter without its time: its key, ``h1`` for layer 1, ``W_inner``, or a name that only one part has."""
    if name in keys:
        return name
    if name == "h":
        return output
    layer = _LAYER.fullmatch(name)
    if layer and f"layer{layer[2]}.{layer[1]}{layer[3]}" in keys:
        return f"layer{layer[2]}.{layer[1]}{layer[3]}"
    own, _, place = name.rpartition("_")
    if f"{place}.{own}" in keys:
        return f"{place}.{own}"
    several = [key for key in keys if key.endswith(f".{name}")]
    return several[0] if len(several) == 1 else None
