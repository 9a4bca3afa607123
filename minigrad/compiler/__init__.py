"""Compiling: a traced graph becomes a static NumPy plan. The function `compile` is minigrad's `compile`."""

from ..errors import BackendError, CompileArgumentError
from .compiled import Compiled, compile
from .passes import PASSES
from .plan import Plan

__all__ = ["PASSES", "BackendError", "CompileArgumentError", "Compiled", "Plan", "compile"]
