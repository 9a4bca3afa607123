"""Larger libraries, loaded when they are first used: importing minigrad must stay fast."""

from importlib import import_module
from typing import Any

__all__ = ["latex2mathml", "sympy"]


class _Lazy:
    """A module that is imported at the first look into it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)


sympy: Any = _Lazy("sympy")
latex2mathml: Any = _Lazy("latex2mathml.converter")
