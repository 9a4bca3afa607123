"""Formulas as plain text: ``diag(1 − h_t²) W``."""

from ..terms.labels import Label
from ..terms.monomials import Rational
from ..terms.term import PRINTERS, Term
from .writing import Notation, write

__all__ = ["GREEK", "place_text", "text"]

#: Names of Greek letters and how they are written.
GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "eta": "η",
    "theta": "θ",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "phi": "φ",
    "omega": "ω",
}
_HATS = {"yhat": "ŷ"}
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_FUNCTIONS = {"sigmoid": "σ"}


def place_text(place: tuple[str, ...]) -> str:
    """``layer 2`` as 2; other places by their own words."""
    return ",".join(part.removeprefix("layer ") for part in place)


def _name(label: Label, extra: str) -> str:
    stem, _, low = label.name.partition("_")
    adjoint = ""
    if stem == "d" and low:
        adjoint = "δ"
        stem, _, low = low.partition("_")
    stem = _HATS.get(stem, GREEK.get(stem, stem))
    if low == "tilde":
        stem, low = f"{stem}\u0303", ""
    time = "" if label.time is None else str(label.time)
    subscripts = [word for word in (low, time, extra) if word]
    subscript = ",".join(subscripts)
    if len(subscript) > 1 and not (subscript == low and subscript.isalnum()):
        subscript = f"{{{subscript}}}" if not subscript.isdigit() else subscript
    place = f"^({place_text(label.place)})" if label.place else ""
    return f"{adjoint}{stem}{place}" + (f"_{subscript}" if subscript else "")


def _raised(base: str, exponent: str) -> str:
    plain = exponent.lstrip("-").isdigit()
    return base + exponent.translate(_SUPERSCRIPTS) if plain else f"{base}^({exponent})"


def _function(name: str, x: str) -> str:
    return f"[{x} > 0]" if name == "positive" else f"{_FUNCTIONS.get(name, name)}({x})"


def _matrix(rows: list[list[str]]) -> str:
    return "[" + "; ".join(", ".join(row) for row in rows) + "]"


def _fraction(value: Rational) -> str:
    return str(value) if value.denominator == 1 else f"({value})"


TEXT = Notation(
    name=_name,
    raised=_raised,
    transposed=lambda base: f"{base}ᵀ",
    fraction=_fraction,
    function=_function,
    matrix=_matrix,
    minus="−",
    entrywise=" ⊙ ",
    space=" ",
    brackets="({})",
    ones="1",
    basis="I[:,{}]",
    identity="I",
    column="{}_{}",
    row="{}[{},:]",
    piece="{}[{}:{}]",
    sum_over="Σ_{{{0}={1}..{2}}} {3}",
    ordered="∏_{{{0}={1}..{2}}} {3}",
    norm="‖{}‖",
    row_sums="‖{}‖_∞",
    largest="max|{}|",
)


def text(term: Term) -> str:
    """The formula as one line of Unicode text.

    Parameters
    ----------
    term : Term
        The formula.

    Returns
    -------
    str
        What ``print(term)`` shows.

    Examples
    --------
    >>> import minigrad as mg
    >>> h = mg.symbol("h", ("n",)).value
    >>> print(text(1 - h * h))
    1 − h²
    """
    return write(term, TEXT)


PRINTERS["text"] = text
