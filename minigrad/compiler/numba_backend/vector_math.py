"""exp and tanh of one number, written so that a compiler can do eight numbers at a time: no branches, no calls.

Both reduce z = k ln 2 + r with |r| ≤ ½ ln 2, take eʳ − 1 = r + r²/2! + r³/3! + … until what is left out is
below rounding, and make 2ᵏ by writing k into the exponent's bits. Nothing here knows a compiler: the
functions also run on NumPy's scalars.
"""

from collections.abc import Callable
from math import factorial, log
from typing import Any

import numpy as np

__all__ = ["make_exp", "make_tanh"]

#: Of each precision: its integers, the bits of its fraction, its exponent's bias, terms of the series,
#: trailing bits of ln 2 to keep apart, so that k ln 2 is exact, and where exp underflows and overflows.
_FORMATS: dict[Any, tuple[Any, int, int, int, int, float, float]] = {
    np.float32: (np.int32, 23, 127, 7, 12, -105.0, 89.0),
    np.float64: (np.int64, 52, 1023, 13, 32, -746.0, 710.0),
}


def _constants(real: Any) -> tuple[Any, ...]:
    """1/ln 2, ln 2 in two parts of which the first has few bits, and the coefficients 1/n! up to n = 14."""
    kept = 2.0 ** _FORMATS[real][4]
    high = np.floor(log(2.0) * kept) / kept
    # ln 2 itself to twice the precision of float64, as the sum of two float64.
    low = (log(2.0) - high) + 2.3190468138462996e-17
    return real(1 / log(2.0)), real(high), real(low), *(real(1 / factorial(n)) for n in range(1, 15))


def _make_series(real: Any) -> Callable[[Any], Any]:
    """eʳ − 1 for |r| ≤ ½ ln 2."""
    _, _, _, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, _ = _constants(real)

    def short(r: Any) -> Any:
        return r * (c1 + r * (c2 + r * (c3 + r * (c4 + r * (c5 + r * (c6 + r * c7))))))

    def long(r: Any) -> Any:
        tail = c7 + r * (c8 + r * (c9 + r * (c10 + r * (c11 + r * (c12 + r * c13)))))
        return r * (c1 + r * (c2 + r * (c3 + r * (c4 + r * (c5 + r * (c6 + r * tail))))))

    return short if _FORMATS[real][3] == 7 else long


def make_tanh(real: Any, compiled: Callable[[Any], Any] = lambda f: f) -> Callable[[Any], Any]:
    """tanh x = e / (e + 2) with e = e²ˣ − 1, of |x|; the sign comes last. Relative error below 4 epsilons, as in exp.

    Beyond |x| = 20 the result is 1 to the last bit. NaN stays NaN.
    """
    integer, fraction, bias, *_ = _FORMATS[real]
    inverse, high, low, *_ = _constants(real)
    series = compiled(_make_series(real))
    one, two, half, limit = real(1), real(2), real(0.5), real(40)
    fraction, bias, narrow, last = integer(fraction), integer(bias), np.int32, np.iinfo(integer).min
    last = integer(last)

    def tanh(x: Any) -> Any:
        z = two * abs(x)
        z = limit if z > limit else z
        k = narrow(z * inverse + half)
        n = real(k)
        r = (z - n * high) - n * low
        s = integer((integer(k) + bias) << fraction).view(real)
        e = s * series(r) + (s - one)
        sign = integer(real(x).view(integer)) & last
        return integer(real(e / (e + two)).view(integer) | sign).view(real)

    return compiled(tanh)


def make_exp(real: Any, compiled: Callable[[Any], Any] = lambda f: f) -> Callable[[Any], Any]:
    """eᶻ = 2ᵏ eʳ; the power of two is multiplied in two halves, so that results near the ends are right."""
    integer, fraction, bias, _, _, least, most = _FORMATS[real]
    inverse, high, low, *_ = _constants(real)
    series = compiled(_make_series(real))
    one, half, least, most = real(1), real(0.5), real(least), real(most)
    fraction, bias, narrow = integer(fraction), integer(bias), np.int32
    shift = real(2048)

    def exp(x: Any) -> Any:
        z = least if x < least else x
        z = most if z > most else z
        # Conversion cuts towards zero; the shift makes everything positive first.
        k = narrow(z * inverse + half + shift) - narrow(shift)
        n = real(k)
        r = (z - n * high) - n * low
        first = integer(k) >> integer(1)
        s = integer((first + bias) << fraction).view(real)
        t = integer((integer(k) - first + bias) << fraction).view(real)
        return (one + series(r)) * s * t

    return compiled(exp)
