"""Compiling: a traced graph becomes a static NumPy plan. The function `compile` is minigrad's `compile`."""

from .compiled import Compiled, compile
from .errors import BackendError, CompileArgumentError
from .executable import Plan
from .passes import PASSES

__all__ = ["PASSES", "BackendError", "CompileArgumentError", "Compiled", "Plan", "compile"]
