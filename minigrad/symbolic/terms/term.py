"""Term: one node of a formula, made once and shared.

Two terms that are built alike are the same object, so equality is identity and every walk over a formula
visits each part once. Terms are made by the constructors (`arithmetic`, `entries`,
`products`, `blocks`), which normalise what they build; `make` below only shares.

Vectors are columns and there is no batch: a term is a scalar ``()``, a vector ``(n,)`` or a matrix ``(m, n)``.

==============  ==========================================  =======================================
kind            data; args                                  meaning
==============  ==========================================  =======================================
symbol          label                                       a value that is given
named           label; definition                           a value that keeps its name; never looked into
identity                                                    I
ones                                                        all entries 1; the scalar one is the number 1
zero                                                        all entries 0
basis           i                                           the unit vector e_i
scale           fraction; [scalar,] body                    fraction · scalar · body
add             terms                                       their sum
hadamard        exponents; bases                            ∏ baseᵉ elementwise; on scalars, the product
product         matrices, the last may be a vector          A B v
transpose       matrix                                      Aᵀ
diag            vector                                      diag(v)
outer           u, v                                        u vᵀ
total           vector or matrix                            1ᵀ v; uᵀ v is 1ᵀ (u ⊙ v)
function        name; x                                     tanh, sigmoid, exp, log, relu, positive
softmax         vector                                      softmax(v)
stack           vectors                                     the matrix with these rows
entries         scalars                                     the vector of these entries
concat          vectors                                     them one below the other
block           rows, columns; matrices                     a matrix of matrices, row by row
entry, row      i; vector or matrix                         v_i; row i of a matrix, as a vector
cell            i, j, grid; matrix                          block (i, j) of a matrix
slice           start, stop; vector                         part of a vector
sum_over        letter, first, last; body                   Σ over a time index
ordered         letter, first, last, descending; factor     a product of matrices in the order of time
norm, row_sums  matrix                                      ‖A‖, the spectral norm; ‖A‖_∞
largest         vector                                      max_i |v_i|
span            name, exponent; scalar                      a scalar to a symbolic power such as T − k
==============  ==========================================  =======================================
"""

from collections.abc import Callable
from hashlib import blake2b
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ...primitive import PRIMITIVES, Primitive
from ...primitives import getitem
from ...tensor import bind
from ..errors import FormulaError
from .names import Label, label_here

__all__ = ["Term", "make"]

#: Every term alive, by how it is built.
_TERMS: WeakValueDictionary[Any, "Term"] = WeakValueDictionary()

#: Two threads must not make one term twice; a finalizer that runs meanwhile may make terms itself.
_MAKING = RLock()

#: Names come first in a product, then what is simple, then sums, as in f ⊙ (1 − f).
_RANKS = {
    **dict.fromkeys(("ones", "zero"), 0),
    **dict.fromkeys(("symbol", "named", "identity", "basis"), 1),
    **dict.fromkeys(("transpose", "diag", "function", "entry", "hadamard"), 2),
    **dict.fromkeys(("add",), 4),
    **dict.fromkeys(("product",), 5),
}


def _operator(name: str, reflected: bool = False) -> Callable[["Term", Any], Any]:
    def method(self: "Term", other: Any) -> Any:
        return bind(PRIMITIVES[name], (other, self) if reflected else (self, other))

    return method


class Term:
    """A scalar, vector or matrix formula; immutable, and the only one of its kind alive.

    Attributes
    ----------
    kind : str
        See the table at the head of this module.
    data : hashable
        What is not a term: a label, a fraction, exponents.
    args : tuple of Term
    shape : tuple
        Sizes are integers or names.
    order : tuple
        Sorts terms, in the same way in every run.
    """

    __slots__ = ("__weakref__", "args", "data", "kind", "order", "shape")

    kind: str
    args: tuple["Term", ...]
    data: Any
    shape: tuple[Any, ...]
    order: tuple[int, str, bytes]

    #: What a term evaluates in; the engine asks whether a value can carry a gradient.
    dtype = np.dtype(np.float64)
    #: An array beside a term leaves the operation to the term.
    __array_ufunc__ = None

    @classmethod
    def evaluate_primitive(cls, primitive: Primitive, values: Any, params: Any) -> "Term":
        """Apply a primitive of the engine to terms; see `minigrad.symbolic.terms.primitives`.

        Parameters
        ----------
        primitive : Primitive
            The operation.
        values : sequence of Term
            What it is applied to.
        params : mapping
            Its settings.

        Returns
        -------
        Term
            The formula of the result.

        Raises
        ------
        FormulaError
            If the operation has no formula.
        """
        from .primitives import evaluate_primitive

        return evaluate_primitive(primitive, values, params)

    @property
    def ndim(self) -> int:
        """0 for a scalar, 1 for a vector, 2 for a matrix."""
        return len(self.shape)

    @property
    def T(self) -> "Term":
        """The transpose; a vector stays a column, as NumPy has it."""
        return bind(PRIMITIVES["transpose"], (self,), {"axes": None})

    def text(self) -> str:
        """The formula as one line of text."""
        from ..printing.text import text

        return text(self)

    def latex(self) -> str:
        """The formula in LaTeX's mathematics mode."""
        from ..printing.latex import latex

        return latex(self)

    def mathml(self) -> str:
        """The formula as MathML; needs ``latex2mathml``."""
        from ..printing.latex import mathml

        return mathml(self)

    def to_sympy(self, sizes: Any = None, *, open_names: bool = False) -> Any:
        """The formula in SymPy; see `minigrad.symbolic.to_sympy`.

        Parameters
        ----------
        sizes : mapping of str to int, optional
            Numbers for the names of sizes: then elementwise.
        open_names : bool
            Put definitions in the place of named values.

        Returns
        -------
        sympy.Expr, sympy.MatrixExpr or sympy.Matrix
            The same formula.
        """
        from ..printing.to_sympy import to_sympy

        return to_sympy(self, sizes, open_names=open_names)

    def named(self, name: str) -> "Term":
        """The same value under a name that derivations and printers keep.

        The time is taken from the scope that is open, see `minigrad.scope`.

        Parameters
        ----------
        name : str
            Such as ``f``.

        Returns
        -------
        Term
            A name with its definition inside.
        """
        if self.kind == "named" and self.data == label_here(name):
            return self
        return make("named", (self,), label_here(name), self.shape)

    @property
    def label(self) -> Label:
        """The label of a symbol or a named value."""
        return self.data

    __hash__ = object.__hash__
    __iter__ = None  # with a size that is a name there is no last entry
    __add__, __radd__ = _operator("add"), _operator("add", reflected=True)
    __sub__, __rsub__ = _operator("subtract"), _operator("subtract", reflected=True)
    __mul__, __rmul__ = _operator("multiply"), _operator("multiply", reflected=True)
    __truediv__, __rtruediv__ = _operator("divide"), _operator("divide", reflected=True)
    __pow__, __rpow__ = _operator("power"), _operator("power", reflected=True)
    __matmul__, __rmatmul__ = _operator("matmul"), _operator("matmul", reflected=True)
    __gt__ = _operator("greater")
    __lt__ = _operator("less")

    def __bool__(self) -> bool:
        raise FormulaError(
            f"the condition {self} holds for some values and not for others, so Python cannot branch on "
            "it while a formula is made; choose with minigrad.where"
        )

    def __neg__(self) -> "Term":
        return bind(PRIMITIVES["negative"], (self,))

    def __getitem__(self, index: Any) -> "Term":
        return getitem(self, index)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<{self.kind} {self} {self.shape}>"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def make(kind: str, args: tuple[Term, ...] = (), data: Any = None, shape: tuple[Any, ...] = ()) -> Term:
    """The one term of this kind with these parts, without any normalisation."""
    key = (kind, data, args, shape)
    found = _TERMS.get(key)
    if found is not None:
        return found
    term = object.__new__(Term)
    term.kind, term.data, term.args, term.shape = kind, data, args, shape
    term.order = _order(kind, data, args, shape)
    with _MAKING:
        return _TERMS.setdefault(key, term)


def _order(kind: str, data: Any, args: tuple[Term, ...], shape: tuple[Any, ...]) -> tuple[int, str, bytes]:
    """First by rank, then by the first name in it, then by a digest of how it is built."""
    digest = blake2b(repr((kind, data, shape)).encode(), digest_size=12)
    for arg in args:
        digest.update(arg.order[2])
    if isinstance(data, Label):
        name = data.key
    else:
        # A product is known by its first factor, so that sums run W_f …, W_g …, W_i …
        name = min((arg.order[1] for arg in (args[:1] if kind == "product" else args)), default="")
    return (_RANKS.get(kind, 3), name, digest.digest())
