"""One class per mistake, each under the built-in that a caller would catch."""

__all__ = [
    "BackendError",
    "CompileArgumentError",
    "DisconnectedOutputWarning",
    "DroppedGradientError",
    "DtypeError",
    "GradientCheckError",
    "ImmutableTensorError",
    "ImpureFunctionError",
    "InvalidIndexError",
    "MinigradError",
    "NaNWarning",
    "NonFiniteGradientError",
    "NonScalarOutputError",
    "OptionError",
    "RetracingWarning",
    "ShapeError",
    "TreeError",
    "UndecidedGradientError",
    "UnknownAttributeError",
    "UnknownNodeError",
    "UnsupportedNumPyError",
    "ValueDependentError",
]


class MinigradError(Exception):
    """Base of every error that minigrad raises on purpose."""


class ShapeError(MinigradError, ValueError):
    """Shapes that do not broadcast, or that an operation cannot take."""


class DtypeError(MinigradError, TypeError):
    """A value of a type that cannot stand there: integers, complex numbers or objects where a gradient is asked."""


class NonScalarOutputError(MinigradError, ValueError):
    """A gradient was asked of an output that is not a scalar."""


class OptionError(MinigradError, ValueError):
    """A setting out of its range, or a switch that does not exist."""


class TreeError(MinigradError, ValueError):
    """A tree of arrays whose structure is not the one expected."""


class UnsupportedNumPyError(MinigradError, TypeError):
    """A NumPy function or option that has no primitive, so no gradient."""


class ValueDependentError(MinigradError, TypeError):
    """A compiled function whose operations depend on the values of its arguments, not on their shapes alone."""


class UnknownAttributeError(MinigradError, AttributeError):
    """A method or attribute that arrays have and Tensors do not."""


class DroppedGradientError(MinigradError, TypeError):
    """A conversion to a plain number or array, or a copy, that would lose the gradient."""


class InvalidIndexError(MinigradError, IndexError):
    """An index that is not made of integers, booleans, slices, None and Ellipsis."""


class ImmutableTensorError(MinigradError, TypeError):
    """An attempt to write into a Tensor."""


class UnknownNodeError(MinigradError, LookupError):
    """A name or node that the graph does not hold."""


class GradientCheckError(MinigradError, AssertionError):
    """A derivative rule that disagrees with a numerical derivative."""


class UndecidedGradientError(GradientCheckError):
    """A derivative that arithmetic cannot check at this point: a kink, a jump, the edge of the domain."""


class NonFiniteGradientError(MinigradError, FloatingPointError):
    """A gradient with inf or NaN where a finite one is needed."""


class NaNWarning(RuntimeWarning):
    """A NaN in the output; the text names the first node where it arose."""


class DisconnectedOutputWarning(UserWarning):
    """The differentiated function returned a value that is not a Tensor, so its gradient is zero."""


class RetracingWarning(UserWarning):
    """A compiled function that is traced again and again for values that could be inputs."""


class ImpureFunctionError(MinigradError, RuntimeError):
    """A function that does not give the same results when it is run again, such as a random one."""


class CompileArgumentError(MinigradError, TypeError):
    """An argument of a compiled function that is neither an array nor usable as part of a cache's key."""


class BackendError(MinigradError, ImportError):
    """A backend whose libraries are not installed."""
