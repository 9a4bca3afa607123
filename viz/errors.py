"""One class per mistake in drawing, each under the built-in that a caller would catch."""

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


class DrawingValueError(DrawingError, ValueError):
    """A graph or model of which this picture cannot be made."""


class EngineError(DrawingError, RuntimeError):
    """Graphviz ran and failed."""


class EngineNotFoundError(DrawingError, FileNotFoundError):
    """There is no Graphviz executable to run."""


class MissingLibraryError(DrawingError, ImportError):
    """A library of the extra `report` is not installed."""


class OutputError(DrawingError, OSError):
    """A file that could not be written; what was there before is left as it was."""


class ReportInputError(DrawingError, ValueError):
    """A text, a file or a number that the report cannot be made from."""
