"""What a cell may be made with: the check of sizes, and that a switch has one of its values."""

from collections.abc import Iterable
from operator import index
from typing import Any

from minigrad.errors import OptionError

__all__ = ["check_sizes", "check_switch"]


def check_sizes(smallest: int = 1, **sizes: Any) -> None:
    """Raise an error that names the length which is none.

    Parameters
    ----------
    smallest : int
        0 for what may be left out, such as a cell's input.
    **sizes
        Lengths by their names.

    Raises
    ------
    OptionError
        If one is no whole number, or too small.
    """
    for name, got in sizes.items():
        if isinstance(got, str) and type(got) is not str:  # the name of a length, in formulas
            continue
        if isinstance(got, bool) or not hasattr(got, "__index__") or index(got) < smallest:
            raise OptionError(f"{name} must be a whole number, {smallest} or more; got {got!r}")


def check_switch(name: str, got: Any, allowed: Iterable[Any]) -> None:
    """Raise an error that names the switch and its values.

    Raises
    ------
    OptionError
        If the value is not allowed.
    """
    choices = list(allowed)
    if got not in choices:
        raise OptionError(f"{name} must be one of {', '.join(map(repr, choices))}; got {got!r}")
