"""Tensor: a value, how it was made, its name and its scope.

A Tensor is a node of the computation graph and never changes, but for its name and for `grad`. Its
serial number grows with every node made, so parents always come before children: *sorting by serial
number is a topological order*, the same in every run. That one fact replaces recursion everywhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy import ndarray

from .advice import missing_attribute, refused_operator
from .context import constants_of_trace, current_scope, is_recording, require_concrete
from .errors import (
    DroppedGradientError,
    DtypeError,
    ImmutableTensorError,
    MinigradError,
    ShapeError,
)
from .primitive import PRIMITIVES, Primitive

__all__ = [
    "CONSTANT",
    "INPUT",
    "SCALARS",
    "Tensor",
    "bind",
    "constant",
    "describe",
    "is_floating",
    "leaf",
    "named",
    "tensor",
]

_serial = count()
_NO_PARAMS: Mapping[str, Any] = {}
#: Python numbers stay as they are among the arguments of a node: they adapt to the dtype beside them.
SCALARS = (float, int)


def _no_value(*xs: Any) -> Any:
    raise AssertionError("a leaf is given, not computed")


#: How leaves came about. They are records without rules, so that every node has a `primitive`.
INPUT = Primitive("input", _no_value, (), ())
CONSTANT = Primitive("constant", _no_value, (), ())


def _operator(name: str) -> Callable[["Tensor", Any], "Tensor"]:
    def method(self: "Tensor", other: Any) -> "Tensor":
        return bind(PRIMITIVES[name], (self, other))

    return method


def _mask_operator(symbol: str, name: str, swapped: bool = False) -> Callable[["Tensor", Any], "Tensor"]:
    def method(self: "Tensor", other: Any) -> "Tensor":
        for mask in (self, other):
            if not _is_mask(mask):
                raise DtypeError(
                    f"{symbol} combines masks of booleans, got {describe(mask)}; put brackets around comparisons, "
                    f"as in (t > 0) {symbol} (t < 1)"
                )
        return bind(PRIMITIVES[name], (other, self) if swapped else (self, other))

    return method


def _is_mask(value: Any) -> bool:
    return isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b"


def _without_primitive(symbol: str, name: str) -> Callable[..., Any]:
    def method(self: "Tensor", *others: Any) -> Any:
        raise refused_operator(symbol, name)

    return method


def _reflected(name: str) -> Callable[["Tensor", Any], "Tensor"]:
    def method(self: "Tensor", other: Any) -> "Tensor":
        return bind(PRIMITIVES[name], (other, self))

    return method


class Tensor:
    """A node of the computation graph; made by `tensor`, by `symbol`, or by operations on others.

    Attributes
    ----------
    value : numpy.ndarray
        What was computed (for a `symbol`, a matrix term). Do not write into it.
    name : str or None
        The name that the author gave it, see `named`.
    scope : tuple of str
        The scopes that were open when it was made, outermost first.
    primitive : Primitive
        The operation that made it.
    args : tuple
        What the operation was applied to: Tensors and Python numbers.
    values : sequence
        The values of `args`, as the rules take them.
    params : mapping
        The operation's settings, such as ``axis``.
    serial : int
        Grows with every node made.
    tracked : bool
        Whether a floating-point leaf can be reached through differentiable operations.
    grad : numpy.ndarray or None
        Written by `backward`, on leaves only.
    """

    # What is built on this module is imported inside of the methods that call it.
    __slots__ = (
        "__weakref__",
        "args",
        "grad",
        "name",
        "params",
        "primitive",
        "scope",
        "serial",
        "tracked",
        "value",
        "values",
    )

    def __init__(
        self,
        value: Any,
        primitive: Primitive,
        args: tuple[Any, ...],
        values: Sequence[Any],
        params: Mapping[str, Any],
        tracked: bool,
    ) -> None:
        self.value = value
        self.primitive = primitive
        self.args = args
        self.values = values
        self.params = params
        self.tracked = tracked
        self.serial = next(_serial)
        self.scope = current_scope()
        self.name: str | None = None
        self.grad: ndarray | None = None

    # -- what it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[Any, ...]:
        """Sizes of the axes; for a `symbol` they may be names."""
        return self.value.shape

    @property
    def dtype(self) -> Any:
        """The NumPy dtype of the value."""
        return self.value.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.value.size

    @property
    def T(self) -> "Tensor":
        """The transpose: all axes in reverse order."""
        return self.transpose()

    @property
    def is_leaf(self) -> bool:
        """True if no operation made it."""
        return self.primitive is INPUT or self.primitive is CONSTANT

    def item(self) -> Any:
        """The value of a Tensor with one entry as a Python number, for printing and logging.

        Returns
        -------
        int, float or bool
            The value.

        Raises
        ------
        ValueDependentError
            Inside a function that is being compiled: the plan would hold for this value only.
        ValueError
            If there is not exactly one entry.
        """
        require_concrete(".item()", self)
        return self.value.item()

    def __repr__(self) -> str:
        is_array = isinstance(self.value, ndarray)
        body = np.array2string(self.value, separator=", ", prefix="Tensor(") if is_array else str(self.value)
        label = f", name={self.name!r}" if self.name is not None else ""
        place = f", scope={'/'.join(self.scope)!r}" if self.scope else ""
        return f"Tensor({body}{label}{place})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"{describe(self)} has no axes, so no length")
        return self.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        require_concrete("a branch (if, while, and, or, not, in)", self)
        return bool(self.value)

    def __getattr__(self, name: str) -> Any:
        raise missing_attribute(name)

    # -- names and gradients ---------------------------------------------------------------------

    def named(self, name: str) -> "Tensor":
        """Give the node a name that pictures, formulas and errors use; returns the node.

        A leaf, or a node that has another name already, keeps what it has; the new name then goes to
        an alias of it.

        Parameters
        ----------
        name : str
            Such as ``f`` for a forget gate.

        Returns
        -------
        Tensor
            This node, or an alias of it.

        Examples
        --------
        >>> import minigrad as mg
        >>> mg.tanh(mg.tensor([0.0])).named("h")
        Tensor([0.], name='h')
        """
        if self.name == name:
            return self
        fresh = self.name is None and not self.is_leaf
        node = self if fresh else bind(PRIMITIVES["alias"], (self,))
        node.name = name
        rename = getattr(node.value, "named", None)
        if rename is not None:
            node.value = rename(name)
        return node

    def detach(self) -> "Tensor":
        """The same value with the gradient stopped; see `minigrad.stop_gradient`.

        Returns
        -------
        Tensor
            A node without a way back.
        """
        return bind(PRIMITIVES["stop_gradient"], (self,))

    def backward(self, seed: Any = None) -> None:
        """Add ∂self/∂leaf to ``leaf.grad`` of every floating-point leaf made with `tensor`.

        As in PyTorch, a second call adds once more; set ``leaf.grad = None`` in between. Other than in
        PyTorch, the graph stays usable, and `grad` is a plain array.

        Parameters
        ----------
        seed : array_like, optional
            The cotangent of this Tensor, of its shape; 1 for a scalar.

        Raises
        ------
        NonScalarOutputError
            If this Tensor is no scalar and no seed is given.
        DtypeError
            If it is not floating point, or depends on no floating-point leaf.
        ShapeError
            If the seed's shape is not this Tensor's.

        Examples
        --------
        >>> import minigrad as mg
        >>> x = mg.tensor(3.0)
        >>> (x * x).backward()
        >>> x.grad
        array(6.)
        """
        from .autodiff import backward  # noqa: PLC0415

        backward(self, seed)

    # -- conversions that would lose the gradient ------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray:
        raise DroppedGradientError(
            f"{describe(self)} cannot become a plain array: its gradient would be lost. "
            "Write np.stack([t0, t1]) for np.array([t0, t1]) and where an array is filled, .value where you want the "
            "numbers, or use a NumPy function that has a primitive."
        )

    def __float__(self) -> float:
        raise DroppedGradientError(
            f"{describe(self)} cannot become a plain number: its gradient would be lost. "
            "Write .item() where you want the number, np.tanh(t) for math.tanh(t), and np.stack where an array is "
            "filled, as by h[0] = t."
        )

    __int__ = __index__ = __complex__ = __float__

    def __setitem__(self, index: Any, value: Any) -> None:
        raise ImmutableTensorError(
            f"{describe(self)} cannot be written into: the graph would no longer match its values. "
            "Build a new one with np.where, np.concatenate or np.stack."
        )

    # -- copies ----------------------------------------------------------------------------------

    def __copy__(self) -> "Tensor":
        """A leaf gives a leaf of its own; a computed node never changes, so it is its own copy.

        So is a leaf while a transform is at work: a leaf of its own would have no derivative.
        """
        return leaf(self.value, self.name) if self.primitive is INPUT and not is_recording() else self

    def __deepcopy__(self, memo: Any) -> "Tensor":
        return self.__copy__()

    def __reduce__(self) -> Any:
        if is_recording():
            raise DroppedGradientError(
                f"{describe(self)} cannot be pickled while a transform is at work: its gradient would be lost. Call "
                "the function in this process, or send .value"
            )
        if not self.is_leaf:
            raise TypeError(f"{describe(self)} cannot be pickled without its whole graph; pickle its .value")
        return leaf, (self.value, self.name)

    # -- operators -------------------------------------------------------------------------------

    __hash__ = object.__hash__

    __add__, __radd__ = _operator("add"), _reflected("add")
    __sub__, __rsub__ = _operator("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _operator("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _operator("divide"), _reflected("divide")
    __pow__, __rpow__ = _operator("power"), _reflected("power")
    __matmul__, __rmatmul__ = _operator("matmul"), _reflected("matmul")
    __lt__, __le__ = _operator("less"), _operator("less_equal")
    __gt__, __ge__ = _operator("greater"), _operator("greater_equal")
    __and__, __rand__ = _mask_operator("&", "logical_and"), _mask_operator("&", "logical_and", swapped=True)
    __or__, __ror__ = _mask_operator("|", "logical_or"), _mask_operator("|", "logical_or", swapped=True)
    __xor__, __rxor__ = _mask_operator("^", "logical_xor"), _mask_operator("^", "logical_xor", swapped=True)
    __mod__ = __rmod__ = _without_primitive("%", "remainder")
    __floordiv__ = __rfloordiv__ = _without_primitive("//", "floor_divide")
    __divmod__ = __rdivmod__ = _without_primitive("divmod", "divmod")
    __lshift__ = __rlshift__ = _without_primitive("<<", "left_shift")
    __rshift__ = __rrshift__ = _without_primitive(">>", "right_shift")
    __round__, __trunc__ = _without_primitive("round", "round"), _without_primitive("trunc", "trunc")
    __floor__, __ceil__ = _without_primitive("floor", "floor"), _without_primitive("ceil", "ceil")

    def __eq__(self, other: Any) -> Any:
        """Elementwise; no Tensor equals None."""
        return NotImplemented if other is None else bind(PRIMITIVES["equal"], (self, other))

    def __ne__(self, other: Any) -> Any:
        """Elementwise; every Tensor differs from None."""
        return NotImplemented if other is None else bind(PRIMITIVES["not_equal"], (self, other))

    def __invert__(self) -> "Tensor":
        if not _is_mask(self):
            raise DtypeError(f"~ inverts a mask of booleans, got {describe(self)}; write ~(t > 0), or -t for the sign")
        return bind(PRIMITIVES["logical_not"], (self,))

    def __neg__(self) -> "Tensor":
        return bind(PRIMITIVES["negative"], (self,))

    def __pos__(self) -> "Tensor":
        return self

    def __abs__(self) -> "Tensor":
        return bind(PRIMITIVES["absolute"], (self,))

    def __getitem__(self, index: Any) -> "Tensor":
        from .primitives import getitem  # noqa: PLC0415

        return getitem(self, index)

    # -- methods with NumPy's names --------------------------------------------------------------

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> "Tensor":
        """Sum over some axes; see `minigrad.sum`.

        Parameters
        ----------
        axis : int or tuple of int, optional
            All axes by default.
        keepdims : bool
            Keep them, with length 1.

        Returns
        -------
        Tensor
            Without those axes.
        """
        from .primitives import sum  # noqa: PLC0415

        return sum(self, axis, keepdims=keepdims)

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> "Tensor":
        """Mean over some axes; see `minigrad.mean`.

        Parameters
        ----------
        axis : int or tuple of int, optional
            All axes by default.
        keepdims : bool
            Keep them, with length 1.

        Returns
        -------
        Tensor
            Without those axes.
        """
        from .primitives import mean  # noqa: PLC0415

        return mean(self, axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> "Tensor":
        """The same entries in another shape; see `minigrad.reshape`.

        Parameters
        ----------
        *shape : int or sequence of int
            The new sizes; one may be −1.

        Returns
        -------
        Tensor
            Of that shape.
        """
        from .primitives import reshape  # noqa: PLC0415

        return reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> "Tensor":
        """Axes in another order; see `minigrad.transpose`.

        Parameters
        ----------
        *axes : int or sequence of int
            For each axis of the result, which axis it is; all reversed by default.

        Returns
        -------
        Tensor
            With the axes in that order.
        """
        from .primitives import transpose  # noqa: PLC0415

        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return transpose(self, order or None)

    # -- NumPy's protocols -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        from .numpy_protocol import array_ufunc  # noqa: PLC0415

        return array_ufunc(ufunc, method, args, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from .numpy_protocol import array_function  # noqa: PLC0415

        return array_function(func, args, kwargs)


def is_floating(value: Any) -> bool:
    """True if a value can carry a gradient: floating-point arrays and matrix terms."""
    dtype = getattr(value, "dtype", None)
    return isinstance(value, float) if dtype is None else getattr(dtype, "kind", "f") == "f"


def bind(primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any] = _NO_PARAMS) -> Any:
    """Apply a primitive: a new node if any argument is a Tensor, a plain value otherwise.

    Parameters
    ----------
    primitive : Primitive
        What to apply.
    args : tuple
        Tensors, arrays, Python numbers or matrix terms.
    params : mapping
        Settings passed on to the value and to the rules.

    Raises
    ------
    ShapeError
        If the arguments' shapes do not fit.
    DtypeError
        If an argument is not numeric.
    """
    values = []
    recorded = tracked = mixed = False
    for arg in args:
        if type(arg) is Tensor:
            value = arg.value
            if type(value) is not ndarray:
                return _bind_other(primitive, args, params)
            recorded = True
            if arg.tracked:
                tracked = True
            values.append(value)
        elif type(arg) in SCALARS:
            values.append(arg)
        elif type(arg) is ndarray:
            mixed = True
            values.append(arg)
        else:
            return _bind_other(primitive, args, params)
    if mixed and recorded:
        return _bind_other(primitive, args, params)
    try:
        value = primitive.value(*values, **params) if params else primitive.value(*values)
    except ValueError as error:
        raise _misfit(primitive, args, error) from error
    if type(value) is not ndarray:
        value = np.asarray(value)
    if not recorded:
        return value
    return Tensor(value, primitive, args, values, params, tracked and primitive.differentiable)


def _bind_other(primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
    """`bind` where not every argument is a Tensor of numbers or a Python number.

    A type with the class method ``evaluate_primitive(primitive, values, params)`` gives primitives a
    meaning of its own; the sweeps then run on that type as they run on arrays.
    """
    recorded = any(type(arg) is Tensor for arg in args)
    if recorded:
        args = tuple(arg if type(arg) is Tensor or type(arg) in SCALARS else _operand(arg) for arg in args)
    values = [arg.value if type(arg) is Tensor else _plain_value(arg) for arg in args]
    algebra = next((type(value) for value in values if hasattr(type(value), "evaluate_primitive")), None)
    if algebra is not None:
        value = algebra.evaluate_primitive(primitive, values, params)
    else:
        try:
            value = np.asarray(primitive.value(*values, **params))
        except ValueError as error:
            raise _misfit(primitive, args, error) from error
    if not recorded:
        return value
    tracked = any(type(arg) is Tensor and arg.tracked for arg in args)
    return Tensor(value, primitive, args, values, params, tracked and primitive.differentiable)


def _plain_value(value: Any) -> Any:
    """An operand outside any graph: arrays, numbers and terms as they are, the rest as arrays."""
    known = type(value) is ndarray or isinstance(value, float | int) or hasattr(type(value), "evaluate_primitive")
    return value if known else _numeric_copy(value)


def _misfit(primitive: Primitive, args: tuple[Any, ...], error: ValueError) -> Exception:
    """The error for operands that a primitive cannot take together."""
    operands = " and ".join(describe(arg) for arg in args)
    place = f" at {'/'.join(current_scope())}" if current_scope() else ""
    if isinstance(error, MinigradError):
        return type(error)(f"{error}. The operands{place} are {operands}.")
    text = f"{primitive.name}{place} cannot take {operands}: {error}"
    shapes = any(word in str(error) for word in _SHAPE_WORDS)
    return ShapeError(f"{text}. Reshape or transpose one of them.") if shapes else ValueError(text)


#: NumPy speaks of shapes in these words; other errors of value are passed on as what they are.
_SHAPE_WORDS = ("shape", "dimension", "broadcast", "axis", "axes", "size")


def constant(value: Any) -> Tensor:
    """A leaf that no gradient is asked of; copies, so later changes to the caller's array are not seen."""
    if not hasattr(type(value), "evaluate_primitive"):
        value = _numeric_copy(value)
    return Tensor(value, CONSTANT, (), (), _NO_PARAMS, tracked=False)


#: Smaller arrays are copied at each use: that is cheaper than comparing them.
_SHARED_FROM = 8192


def _operand(value: Any) -> Tensor:
    """A constant for an operand that is not a Tensor; one for all uses of an array that stays the same.

    A constant is used again only where it holds the very bits of the array, so that the caller may write into the array
    between two uses.
    """
    if type(value) is not ndarray or value.nbytes < _SHARED_FROM:
        return constant(value)
    constants = constants_of_trace()
    place = (value.__array_interface__["data"][0], value.shape, value.strides, value.dtype)
    known = constants.get(place)
    if known is None or not _same_bits(known.value, value):
        known = constants[place] = constant(value)
    return known


def _same_bits(a: ndarray, b: ndarray) -> bool:
    """True if two arrays of one shape and dtype hold the same bits, NaN and the sign of 0 included."""
    if a.dtype.kind == "f" and a.dtype.itemsize in (4, 8):
        bits = np.dtype(f"i{a.dtype.itemsize}")
        return np.array_equal(a.view(bits), b.view(bits))
    return a.dtype.kind in "biu" and np.array_equal(a, b)


def leaf(value: Any, name: str | None = None) -> Tensor:
    """A leaf that gradients are asked of, if it is floating point; copies the value."""
    if not hasattr(type(value), "evaluate_primitive"):
        value = _numeric_copy(value)
        value.flags.writeable = False
    node = Tensor(value, INPUT, (), (), _NO_PARAMS, tracked=is_floating(value))
    node.name = name
    return node


def _numeric_copy(value: Any) -> ndarray:
    if isinstance(value, Tensor):
        raise DtypeError(f"{describe(value)} is a Tensor already; use it as it is, or .detach() it")
    if isinstance(value, np.ma.MaskedArray | np.matrix):
        raise DtypeError(_loses_meaning(value))
    try:
        array = np.array(value)
    except (ValueError, DroppedGradientError) as error:
        raise DtypeError(f"a {type(value).__name__} of uneven or mixed parts is no array: {error}") from error
    if array.dtype.kind not in "biufc":
        raise DtypeError(
            f"a Tensor holds numbers, got {type(value).__name__} (dtype {array.dtype}); "
            "pass an array, a list of numbers or a number"
        )
    return array


def _loses_meaning(value: Any) -> str:
    """The reason why an array of another kind is not taken as a plain one."""
    if isinstance(value, np.matrix):
        return "a numpy.matrix multiplies with *, which a Tensor does not; write np.asarray(m), and @ for products"
    return (
        "a masked array would lose its mask here; write .filled(0.0) and keep the mask apart, as in "
        "np.where(mask, 0.0, x)"
    )


def tensor(value: Any, *, name: str | None = None) -> Tensor:
    """Make a leaf: an input or a parameter that gradients can be asked of.

    Parameters
    ----------
    value : array_like
        Numbers of any shape. The array is copied; later changes to it do not reach the Tensor.
        float32 and float64 are kept; integers stay integers and carry no gradient.
    name : str, optional
        The name in pictures, formulas and errors.

    Returns
    -------
    Tensor
        A leaf of the shape of the value.

    Raises
    ------
    DtypeError
        If the value is not numeric.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.tensor([1.0, 2.0], name="x")
    Tensor([1., 2.], name='x')
    """
    return leaf(value, name)


def named(name: str, value: Any) -> Any:
    """Name a Tensor or a matrix term; a plain array has no name and is returned as it is.

    This lets one line of a cell run on everything: ``f = named("f", sigmoid(...))``.

    Parameters
    ----------
    name : str
        Such as ``f`` for a forget gate.
    value : Tensor, term or array
        What to name.

    Returns
    -------
    like value
        The same, under its name.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.named("f", mg.sigmoid(mg.tensor([0.0])))
    Tensor([0.5], name='f')
    """
    rename = getattr(value, "named", None)
    return value if rename is None else rename(name)


def describe(value: Any) -> str:
    """A node as errors speak of it: ```f` (sigmoid of shape (2, 3)) at layer 2/t=3``."""
    if not isinstance(value, Tensor):
        shape = getattr(value, "shape", None)
        return repr(value) if shape is None else f"an array of shape {shape}"
    origin = f"{value.primitive.name} of shape {value.shape}"
    title = origin if value.name is None else f"`{value.name}` ({origin})"
    return f"{title} at {'/'.join(value.scope)}" if value.scope else title
