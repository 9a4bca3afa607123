"""Pictures, reports and the command line."""

from . import errors
from .drawing import Drawing
from .graphs import draw
from .reports import report

__all__ = ["Drawing", "draw", "errors", "report"]
