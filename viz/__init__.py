"""Pictures, reports and the command line."""

from . import errors
from .draw import draw
from .drawing import Drawing

__all__ = ["Drawing", "draw", "errors"]
