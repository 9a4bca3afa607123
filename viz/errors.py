"""One class per mistake in drawing, each under the built-in that a caller would catch."""

from cells.errors import AnalysisError
from minigrad.errors import MinigradError

__all__ = [
    "DrawingError",
    "DrawingFormatError",
    "DrawingSizeError",
    "DrawingTimeoutError",
    "DrawingValueError",
    "EngineError",
    "EngineNotFoundError",
    "MissingLibraryError",
    "OutputError",
    "ReportInputError",
]


class DrawingError(MinigradError):
    """Base of every error that has to do with drawing."""


class DrawingSizeError(DrawingError, ValueError):
    """A graph too large to be laid out in reasonable time."""


class DrawingFormatError(DrawingError, ValueError):
    """A file format or level of detail that cannot be drawn."""


class DrawingTimeoutError(DrawingError, TimeoutError):
    """Graphviz did not finish within the time limit."""


class EngineError(DrawingError, RuntimeError):
    """Graphviz ran and failed."""


class EngineNotFoundError(DrawingError, FileNotFoundError):
    """There is no Graphviz executable to run."""


class MissingLibraryError(DrawingError, ImportError):
    """A library of the extra `report` is not installed."""


class OutputError(DrawingError, OSError):
    """A file that could not be written; what was there before is left as it was."""


#: A graph of which a picture cannot be made, and a text or file of which a report cannot be made.
DrawingValueError = ReportInputError = AnalysisError
