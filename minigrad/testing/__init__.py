"""For users' own tests: gradient checks and Hypothesis strategies.

`strategies` and `check_backward` need Hypothesis (extra ``test``), `assert_derivation` needs SymPy; they are
loaded when first used.
"""

from importlib import import_module
from typing import Any

from .gradients import check_grads, check_primitive

__all__ = ["assert_derivation", "check_backward", "check_grads", "check_primitive", "strategies"]

#: Loaded when first used, so that a gradient check needs NumPy alone.
_LAZY = {
    "assert_derivation": ".derivations",
    "check_backward": ".backward",
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
        why = f'minigrad.testing.{name} needs Hypothesis; run `pip install "minigrad[test]"`'
        raise ModuleNotFoundError(why, name=error.name) from None
    return getattr(module, name, module)
