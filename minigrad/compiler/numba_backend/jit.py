"""Numba, loaded only by the backend that needs it: text becomes machine code."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numba
import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  numba finds its matrix products there
from numba.extending import intrinsic

from .vector_math import make_exp, make_tanh

__all__ = ["compiled_loop"]

#: Multiply and add in one instruction; a division by zero gives inf, as in NumPy.
_OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy"}
#: Compiled loops that are kept, for all plans together.
_KEPT = 64


def _pointer_to(kind: Any) -> Callable[..., Any]:
    """A function that takes an address for a pointer to numbers of a type."""

    def pointer(context: Any, address: Any) -> Any:
        """See Numba's manual on intrinsics."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return numba.types.CPointer(kind)(numba.int64), generate

    return intrinsic(pointer)


def _jit(f: Callable[..., Any]) -> Callable[..., Any]:
    return numba.njit(**_OPTIONS)(f)


@lru_cache(maxsize=2)
def _namespace(dtype: str) -> dict[str, Any]:
    """The names that the text of a loop may use."""
    real = np.dtype(dtype).type
    return {
        "pointer": _pointer_to(numba.from_dtype(np.dtype(dtype))),
        "tanh": make_tanh(real, _jit),
        "exp": make_exp(real, _jit),
        "dot": np.dot,
        "by_rows": numba.carray,
        "by_columns": numba.farray,
    }


@lru_cache(maxsize=_KEPT)
def compiled_loop(text: str, dtype: str) -> Callable[[np.ndarray], None]:
    """Compile a loop made by `loops.source`: nothing in it comes from outside of this package but numbers."""
    space = dict(_namespace(dtype))
    exec(compile(text, "<loop of a plan>", "exec"), space)
    return numba.njit("void(int64[:, ::1])", **_OPTIONS)(space["loop"])
