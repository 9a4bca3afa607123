"""What can go wrong when a function is compiled."""

from ..errors import MinigradError

__all__ = ["BackendError", "CompileArgumentError"]


class CompileArgumentError(MinigradError, TypeError):
    """An argument of a compiled function that is neither an array nor usable as part of a cache's key."""


class BackendError(MinigradError, ImportError):
    """A backend whose libraries are not installed."""
