"""For users' own tests: gradient checks and Hypothesis strategies.

`strategies` needs Hypothesis (extra ``test``) and is loaded when first used.
"""

from importlib import import_module
from typing import Any

from .gradients import check_grads, check_primitive

__all__ = ["check_grads", "check_primitive", "strategies"]

#: Loaded when first used, so that a gradient check needs NumPy alone.
_LAZY = {"strategies": ".strategies"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'minigrad.testing' has no attribute {name!r}")
    return import_module(_LAZY[name], __name__)
