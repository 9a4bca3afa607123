"""Replacements for NumPy functions, array methods and operators that have no primitive.

A function that is not in the table gets no advice but `.value`, which is the plain array.
"""

from .errors import UnknownAttributeError, UnsupportedNumPyError

__all__ = ["missing_attribute", "refused", "refused_operator"]

_JOINED = "write np.concatenate or np.stack"
_PARTS = "write slices, such as x[:k] and x[k:]"
_FOLDED = "write functools.reduce({}, x), which goes along the first axis"

#: By the name of NumPy's function, which is also that of the method. Every formula has the gradient of the function.
_ADVICE = {
    **dict.fromkeys(("append", "hstack", "vstack", "dstack", "column_stack", "row_stack", "block", "pad"), _JOINED),
    **dict.fromkeys(("split", "array_split", "hsplit", "vsplit", "dsplit", "delete", "resize"), _PARTS),
    **dict.fromkeys(("max", "amax"), _FOLDED.format("np.maximum")),
    **dict.fromkeys(("min", "amin"), _FOLDED.format("np.minimum")),
    **dict.fromkeys(("round", "around", "rint", "floor", "ceil", "trunc", "fix"), "its slope is 0 almost everywhere"),
    "fmax": "write np.maximum(a, b)",
    "fmin": "write np.minimum(a, b)",
    "fabs": "write np.abs(x)",
    "ptp": "write the difference of two folds with np.maximum and np.minimum",
    "prod": _FOLDED.format("np.multiply"),
    "clip": "write np.minimum(np.maximum(x, low), high)",
    "sign": "write np.where(x > 0, 1.0, np.where(x < 0, -1.0, 0.0))",
    "heaviside": "write np.where(x > 0, 1.0, 0.0)",
    "sinh": "write (np.exp(x) - np.exp(-x)) / 2",
    "cosh": "write (np.exp(x) + np.exp(-x)) / 2",
    "arctanh": "write np.log((1 + x) / (1 - x)) / 2",
    "log1p": "write np.log(1 + x)",
    "expm1": "write np.exp(x) - 1",
    "log2": "write np.log(x) / np.log(2.0)",
    "log10": "write np.log(x) / np.log(10.0)",
    "exp2": "write 2.0 ** x",
    "logaddexp": "write m + np.log(np.exp(a - m) + np.exp(b - m)) with m = np.maximum(a, b)",
    "hypot": "write np.sqrt(a * a + b * b)",
    "cbrt": "write x ** (1 / 3) where x is positive",
    "float_power": "write x ** n",
    "remainder": "write a - b * np.floor(a.value / b), where the slope in b counts only between the jumps",
    "floor_divide": "its slope is 0 almost everywhere",
    "divmod": "write a / b and a - b * np.floor(a.value / b)",
    "linalg.norm": "write np.sqrt(np.sum(x * x))",
    "var": "write np.mean((x - np.mean(x)) ** 2)",
    "std": "write np.sqrt(np.mean((x - np.mean(x)) ** 2))",
    "average": "write np.sum(weights * x) / np.sum(weights)",
    "cumsum": "write np.tril(np.ones((n, n))) @ x for a vector of n entries",
    "diff": "write x[1:] - x[:-1]",
    "inner": "write np.sum(a * b, -1), or a @ b.T",
    "vdot": "write np.dot(np.ravel(a), np.ravel(b))",
    "einsum": "write products with @, np.transpose and np.sum",
    "tensordot": "write a product with @ after np.reshape and np.transpose",
    "kron": "write np.outer and np.reshape",
    "trace": "write np.sum(x * np.eye(n))",
    "diag": "write x * np.eye(n) for a matrix, x[np.arange(n), np.arange(n)] for its diagonal",
    "diagonal": "write x[np.arange(n), np.arange(n)]",
    "tril": "write x * np.tril(np.ones(x.shape))",
    "triu": "write x * np.triu(np.ones(x.shape))",
    "flip": "write x[::-1]",
    "flipud": "write x[::-1]",
    "fliplr": "write x[:, ::-1]",
    "roll": "write np.concatenate([x[-k:], x[:-k]])",
    "repeat": "write np.take(x, np.repeat(np.arange(n), k), axis)",
    "tile": "write np.concatenate([x] * k)",
    "sort": "write np.take(x, np.argsort(x.value)) for a vector",
    "select": "write np.where",
    "nan_to_num": "write np.where(np.isfinite(x.value), x, 0.0)",
    "take_along_axis": "write np.take, or an index of arrays",
    "atleast_1d": "write np.reshape(x, -1)",
    "copy": "a Tensor never changes, so write the Tensor itself",
    **dict.fromkeys(
        ("copyto", "put", "place", "putmask", "fill_diagonal"), "write np.where, np.concatenate or np.stack"
    ),
}

#: Attributes of arrays of other kinds, and what they are called here.
_ATTRIBUTES = {
    "fill": _ADVICE["copyto"],
    "astype": "choose the dtype before mg.tensor, as in mg.tensor(x.astype(np.float32))",
    "tolist": "write t.value.tolist(), which leaves the graph",
    "numpy": "write t.value, which leaves the graph",
    "data": "write t.value, which leaves the graph",
    "cpu": "write t.value, which leaves the graph",
    "flatten": "write t.reshape(-1)",
    "flat": "write t.reshape(-1)",
    "view": "write t.reshape(shape)",
    "unsqueeze": "write np.expand_dims(t, axis)",
    "permute": "write t.transpose(axes)",
    "pow": "write t ** n",
    "mm": "write t @ u",
    "matmul": "write t @ u",
    "norm": _ADVICE["linalg.norm"],
    "abs": "write abs(t)",
    "requires_grad": "ask t.tracked",
    "zero_grad": "write t.grad = None",
    "zero_": "write t.grad = None on a leaf",
    "nbytes": "ask t.value.nbytes",
    "itemsize": "ask t.value.itemsize",
    "strides": "ask t.value.strides",
}

#: Functions that have a primitive and are methods of arrays, or of PyTorch's tensors, but not of Tensors.
_FUNCTIONS = (
    *("dot", "ravel", "squeeze", "swapaxes", "moveaxis", "take", "expand_dims", "broadcast_to", "outer"),
    *("exp", "log", "sqrt", "tanh", "maximum", "minimum", "square", "concatenate", "stack", "where"),
)
_ACTIVATIONS = ("sigmoid", "relu", "softmax", "log_softmax")
#: Methods of arrays that answer a question and have no derivative.
_QUERIES = (
    *("all", "any", "argmax", "argmin", "argsort", "argpartition", "searchsorted", "nonzero", "choose", "compress"),
    *("conj", "conjugate", "real", "imag", "cumprod", "partition", "byteswap", "tobytes", "dump", "dumps", "flags"),
)


def refused(name: str, method: str = "") -> UnsupportedNumPyError:
    """The error for a NumPy function, such as ``linalg.norm``, that met a Tensor and has no primitive."""
    return _refused(f"np.{name}{method}", "" if method else _ADVICE.get(name, ""), "call it on")


def refused_operator(symbol: str, name: str) -> UnsupportedNumPyError:
    """The error for an operator of Python without a primitive."""
    return _refused(f"{symbol} of a Tensor", _ADVICE.get(name, ""), "apply it to")


def _refused(what: str, advice: str, call: str) -> UnsupportedNumPyError:
    return UnsupportedNumPyError(
        f"{what} has no primitive, so its gradient is not known{f'; {advice}' if advice else ''}. "
        f"If no gradient is wanted, {call} the plain array, `.value`."
    )


def missing_attribute(name: str) -> AttributeError:
    """The error for an attribute that arrays have and Tensors do not."""
    if name in _FUNCTIONS:
        advice = f"write np.{name}(t)"
    elif name in _ACTIVATIONS:
        advice = f"write mg.{name}(t)"
    elif name in _QUERIES:
        advice = f"write t.value.{name}, which leaves the graph"
    else:
        advice = _ATTRIBUTES.get(name) or _ADVICE.get(name, "")
    return UnknownAttributeError(f"a Tensor has no attribute {name!r}{f'; {advice}' if advice else ''}")
