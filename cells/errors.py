"""One class per mistake with cells, each under the built-in that a caller would catch."""

from minigrad.errors import MinigradError

__all__ = [
    "AnalysisError",
    "AttentionMaskError",
    "MissingSafetensorsError",
    "NoStepError",
    "ParameterError",
    "StateDictError",
]


class AnalysisError(MinigradError, ValueError):
    """A graph, net, text or file that an analysis cannot be made of."""


class AttentionMaskError(MinigradError, ValueError):
    """A mask that leaves nothing to attend to."""


class MissingSafetensorsError(MinigradError, ImportError):
    """A .safetensors file was given, but the extra that reads it is not installed."""


class NoStepError(MinigradError, TypeError):
    """One step in time was asked of a net that needs the whole sequence."""


class ParameterError(MinigradError, ValueError):
    """Parameters that are not those of the cell that they are given to."""


class StateDictError(MinigradError, ValueError):
    """Weights that are not those of a recurrent net that the cells can express."""
