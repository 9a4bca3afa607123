"""Reading state dicts: of modules, of mappings, of safetensors files; tensors become arrays."""

from collections.abc import Mapping
from importlib import import_module
from os import PathLike, fspath
from typing import Any

import numpy as np

from .errors import MissingSafetensorsError, StateDictError

__all__ = ["key_start", "read_state_dict"]


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
