"""The optional backend: what repeats in a plan becomes loops of machine code, compiled by Numba."""

from .fusion import fuse, require

__all__ = ["fuse", "require"]
