"""Parameters compared with the cell that they are for: none missing, none unused, each of the right shape."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from minigrad import Tensor
from minigrad.errors import OptionError, ShapeError

from .arrays import as_array, is_foreign
from .errors import ParameterError

__all__ = ["DeclaresParameters", "HasMembers", "checked_params"]


@runtime_checkable
class DeclaresParameters(Protocol):
    """A layer that says which parameters it has; the class attribute SWITCHES has the values of its switches."""

    SWITCHES: dict[str, tuple[Any, ...]]

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter of its own, without those of its members."""


@runtime_checkable
class HasMembers(Protocol):
    """A net of layers, or a cell with others inside it."""

    def members(self) -> Mapping[str, Any]:
        """The layers inside, by the keys under which their parameters stand."""


def checked_params(layer: Any, params: Any, path: str = "params", *, strict: bool = True) -> Any:
    """The parameters, with arrays of other libraries converted.

    A layer that does not declare its parameters, such as a user's own cell, is not checked.

    Parameters
    ----------
    layer : Layer
        A cell, or a net of cells.
    params : dict
        As its `init` makes them.
    path : str
        What the errors call them.
    strict : bool
        False leaves shapes to the step, which names the place where they do not fit, but for those that
        broadcasting would hide.

    Raises
    ------
    ParameterError
        If one is missing or unused; the error names it, and the switch that would make it right.
    ShapeError
        If one has another shape.
    """
    if not isinstance(layer, DeclaresParameters | HasMembers):
        return params
    if not isinstance(params, Mapping):
        raise ParameterError(
            f"{path} must be a dict as {type(layer).__name__}.init makes it, got {type(params).__name__}"
        )
    shapes = layer.parameter_shapes() if isinstance(layer, DeclaresParameters) else {}
    members = layer.members() if isinstance(layer, HasMembers) else {}
    _check_names(layer, {*shapes, *members}, params, path)
    found = {name: _checked_array(params[name], shape, f"{path}[{name!r}]", strict) for name, shape in shapes.items()}
    found |= {
        key: checked_params(inside, params[key], f"{path}[{key!r}]", strict=strict) for key, inside in members.items()
    }
    return params if all(found[key] is params[key] for key in found) else found


def _check_names(layer: Any, expected: set[str], params: Mapping[str, Any], path: str) -> None:
    missing, unused = expected - set(params), set(params) - expected
    if not missing and not unused:
        return
    faults = []
    for words, names in (("is missing", missing), ("is not used", unused)):
        for name in sorted(names, key=str):
            faults.append(f"{name} {words}{_switch_for(layer, name, set(params))}")
    raise ParameterError(
        f"{path} does not fit {layer!r}: {'; '.join(faults)}. "
        f"Its parameters are {', '.join(sorted(expected)) or 'none'}"
    )


def _switch_for(layer: Any, name: str, given: set[str]) -> str:
    """The switches that would make a name right, as an addition to the error; first those that make all right."""
    others = list(_alternatives(layer))
    wanted = name in given
    found = [words for words, names in others if names == given]
    found = found or [words for words, names in others if (name in names) == wanted]
    return f" ({'used' if wanted else 'not needed'} with {' or '.join(found)})" if found else ""


def _alternatives(layer: Any) -> Iterator[tuple[str, set[str]]]:
    """The layer with one switch turned, in words, and the names of its parameters."""
    for switch, values in getattr(layer, "SWITCHES", {}).items():
        for value in values:
            try:
                other = replace(layer, **{switch: value})
            except OptionError:  # the switch contradicts another one
                continue
            if other != layer:
                yield f"{switch}={value!r}", set(other.parameter_shapes())


def _checked_array(value: Any, shape: tuple[int, ...], path: str, strict: bool) -> Any:
    if is_foreign(value):
        value = as_array(value, path)
    elif isinstance(value, int | float | list | tuple):
        value = np.asarray(value)
    got = getattr(value, "shape", None)
    if got is None:
        raise ParameterError(f"{path} must be an array of shape {shape}, got {type(value).__name__}")
    numbers = isinstance(value, np.ndarray | np.generic | Tensor) and all(isinstance(n, int) for n in (*shape, *got))
    if numbers and tuple(got) != tuple(shape) and (strict or _stretches(got, shape)):
        raise ShapeError(f"{path} must have the shape {shape}, got {got}")
    return value


def _stretches(got: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """True if broadcasting would hide the misfit; of others the step says where in the net and when they arise."""
    missing = len(shape) - len(got)
    return missing >= 0 and all(one in (1, size) for one, size in zip(got, shape[missing:], strict=True))
