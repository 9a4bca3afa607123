"""Limits of the size of a formula: far beyond what a person writes on a line, far below what costs time or memory."""

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import FormulaError
from .syntax import Binary, Call, Expression, Name, Negative, Number, Power

__all__ = [
    "MAX_CHARACTERS",
    "MAX_DEPTH",
    "MAX_IN_A_ROW",
    "MAX_LINES",
    "MAX_NUMBER",
    "MAX_POWER",
    "MAX_REACH",
    "Size",
    "check_size",
    "shortened",
]

#: Of a derivation, and of a line.
MAX_LINES, MAX_CHARACTERS = 300, 2000
#: Brackets inside each other, and terms or factors one after the other, which Python's tree nests as well.
MAX_DEPTH, MAX_IN_A_ROW = 40, 160
#: The size of a number and of an exponent; numbers are not below 1/MAX_NUMBER.
MAX_NUMBER, MAX_POWER = 10**6, 8
#: See `Size`.
MAX_FACTORS, MAX_DIGITS, MAX_REACH = 24, 1000, 6


def shortened(text: str, most: int = 80) -> str:
    """A piece of a line for a message: no longer than a line on a screen."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Size(NamedTuple):
    """The size that the work with a formula grows with.

    Attributes
    ----------
    factors : int
        Of the longest term when everything is multiplied out.
    digits : int
        That its numbers may have.
    reach : int
        Over how many steps, one after the other, its names reach back or forth.
    """

    factors: int
    digits: int
    reach: int = 0


def check_size(formula: Expression, known: Mapping[str, Size]) -> Size:
    """The size of a formula whose names stand for formulas of known sizes.

    Parameters
    ----------
    formula : Expression
    known : mapping of str to Size
        Of the names that earlier lines defined; every other name is one factor.

    Raises
    ------
    FormulaError
        If it is too large.
    """
    size = _size(formula, known)
    if size.factors > MAX_FACTORS:
        raise FormulaError(
            f"when it is multiplied out, a term of the formula has {size.factors} factors, what its names stand for "
            f"included; at most {MAX_FACTORS}: check a part of it on a line of its own"
        )
    if size.digits > MAX_DIGITS:
        raise FormulaError(
            f"when it is multiplied out, the formula may have numbers of {size.digits} digits; at most {MAX_DIGITS}: "
            "write smaller numbers"
        )
    if size.reach > MAX_REACH:
        raise FormulaError(
            f"the names that the formula uses reach over {size.reach} steps, one after the other; at most {MAX_REACH}: "
            "no run that is tried is so long"
        )
    return size


def _size(formula: Expression, known: Mapping[str, Size]) -> Size:
    match formula:
        case Number(value):
            return Size(0, len(str(value.numerator)) + len(str(value.denominator)) - 1)
        case Name(name):
            if name in known:
                return known[name]
            found = known.get(name.removesuffix("_next").removesuffix("_prev"))
            return Size(1, 0) if found is None else found._replace(reach=found.reach + 1)
        case Negative(x):
            return _size(x, known)
        case Power(x, exponent):
            factors, digits, reach = _size(x, known)
            return Size(abs(exponent) * max(factors, 1), abs(exponent) * digits, reach)
        case Binary(operator, left, right):
            a, b = _size(left, known), _size(right, known)
            factors = max(a.factors, b.factors) if operator in "+-" else a.factors + b.factors
            return Size(factors, a.digits + b.digits, max(a.reach, b.reach))
        case Call(_, args):
            sizes = [_size(arg, known) for arg in args]
            factors, digits = sum(one.factors for one in sizes), sum(one.digits for one in sizes)
            return Size(factors, digits, max(one.reach for one in sizes))
