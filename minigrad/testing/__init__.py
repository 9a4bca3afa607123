"""For users' own tests: gradient checks and Hypothesis strategies.

`strategies` needs Hypothesis, `assert_derivation` SymPy; they are loaded when first used.
"""

from importlib import import_module
from typing import Any

from .backward import check_backward
from .gradients import check_grads, check_primitive

__all__ = ["assert_derivation", "check_backward", "check_grads", "check_primitive", "strategies"]

#: Loaded when first used, so that the checks of gradients need NumPy alone.
_LAZY = {
    "assert_derivation": ".derivations",
    "strategies": ".strategies",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'minigrad.testing' has no attribute {name!r}")
    try:
        module = import_module(_LAZY[name], __name__)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        why = f"minigrad.testing.{name} needs Hypothesis; run `pip install hypothesis`"
        raise ModuleNotFoundError(why, name=error.name) from None
    return getattr(module, name, module)
