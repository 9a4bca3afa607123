"""Compiling: a traced graph becomes a static NumPy plan. The function `compile` is minigrad's `compile`."""

from .compiled import Compiled, compile
from .errors import CompileArgumentError
from .executable import Plan
from .passes import PASSES

__all__ = ["PASSES", "CompileArgumentError", "Compiled", "Plan", "compile"]
