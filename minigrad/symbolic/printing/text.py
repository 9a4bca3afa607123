"""Formulas as plain text: ``diag(1 − h_t²) W``."""

import re
from collections.abc import Iterable
from itertools import groupby

from ..terms.arithmetic import Rational
from ..terms.names import Label
from ..terms.term import Term
from .printer import Notation, write

__all__ = ["GREEK", "SIGNS", "place_text", "prose", "text", "visible"]


#: What stands for a sign within mathematics.
SIGNS = {
    "σ": r"\sigma", "α": r"\alpha", "λ": r"\lambda", "η": r"\eta", "γ": r"\gamma", "θ": r"\theta", "ρ": r"\rho",
    "μ": r"\mu", "δ": r"\delta", "ε": r"\varepsilon", "Σ": r"\sum", "∏": r"\prod", "∂": r"\partial", "Δ": r"\Delta",
    "ŷ": r"\hat{y}", "√": r"\surd", "∞": r"\infty", "‖": r"\Vert", "|": r"\vert", "≤": r"\le", "≥": r"\ge",
    "<": "<", ">": ">", "≈": r"\approx", "≠": r"\ne", "→": r"\to", "⊙": r"\odot", "·": r"\cdot", "×": r"\times",
    "−": "-", "ᵀ": r"^{\top}", "₁": "_{1}", "⁻": "^{-}", "ˣ": "^{x}", "ⁿ": "^{n}",
    **{sign: f"^{{{digit}}}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}  # fmt: skip

#: Signs that LaTeX's text has, written in its way.
_TEXT = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\^{}", "~": r"\~{}", "…": r"\dots{}", "–": "--", "“": "``", "”": "''", "’": "'",
}  # fmt: skip


_Piece = tuple[str, str, str, str]

_SIGN = f"[{''.join(SIGNS)}]"
#: In braces stands nothing that TeX could read as a command, for a line may come from anyone.
_INDEX = rf"\{{(?:[A-Za-z0-9 ,.=+-]|{_SIGN})*\}}|[A-Za-z0-9]+|{_SIGN}"
#: A letter or a sign with an index, such as W_f or c_{t−1}; a sign; anything else. Code such as `is_positive` is no
#: index, because a word stands before it or another underscore follows.
_PIECES = re.compile(rf"((?<![A-Za-z0-9_])[A-Za-z]|{_SIGN})_({_INDEX})(?![A-Za-z0-9_])|({_SIGN})|(.)", re.DOTALL)


def prose(text: str) -> str:
    r"""A sentence as LaTeX writes it, outside of mathematics or within ``\text``.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        In ASCII, as far as the signs are known.

    Examples
    --------
    >>> print(prose("σ' ≤ 1/4, 100% of W_f, by is_positive"))
    $\sigma$' $\le$ 1/4, 100\% of $W_{f}$, by is\_positive
    """
    runs = groupby(_PIECES.findall(text), key=lambda piece: piece[-1] == "")
    return "".join(f"${' '.join(map(_formula, run))}$" if is_formula else _words(run) for is_formula, run in runs)


def visible(text: str) -> str:
    r"""A text with escapes for what a terminal would act on, or show in another order; other blanks are spaces.

    Examples
    --------
    >>> print(visible("red: \x1b[31m"))
    red: \x1b[31m
    """
    return "".join(
        sign if sign.isprintable() else " " if sign.isspace() else sign.encode("unicode_escape").decode("ascii")
        for sign in text
    )


def _words(pieces: Iterable[_Piece]) -> str:
    return "".join(_TEXT.get(sign, sign) for _, _, _, plain in pieces for sign in visible(plain))


def _formula(piece: _Piece) -> str:
    letter, index, sign, _ = piece
    return _mathematics(sign) if sign else f"{_mathematics(letter)}_{{{_mathematics(index.strip('{}'))}}}"


def _mathematics(text: str) -> str:
    return "".join(_command(SIGNS[sign]) if sign in SIGNS else sign for sign in text).strip()


def _command(sign: str) -> str:
    """A command is kept apart from a letter after it."""
    return f"{sign} " if sign[-1].isalpha() else sign


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
    return visible(f"{adjoint}{stem}{place}" + (f"_{subscript}" if subscript else ""))


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
