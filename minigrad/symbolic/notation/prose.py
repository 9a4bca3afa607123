r"""Sentences in LaTeX: signs that its text does not have become mathematics, ``f ≤ 1`` is ``f $\le$ 1``."""

import re
from collections.abc import Iterable
from itertools import groupby

__all__ = ["SIGNS", "prose"]

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
_INDEX = rf"\{{[^{{}}]*\}}|[A-Za-z0-9]+|{_SIGN}"
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


def _words(pieces: Iterable[_Piece]) -> str:
    return "".join(_TEXT.get(plain, plain) for _, _, _, plain in pieces)


def _formula(piece: _Piece) -> str:
    letter, index, sign, _ = piece
    return _mathematics(sign) if sign else f"{_mathematics(letter)}_{{{_mathematics(index.strip('{}'))}}}"


def _mathematics(text: str) -> str:
    return "".join(_command(SIGNS[sign]) if sign in SIGNS else sign for sign in text).strip()


def _command(sign: str) -> str:
    """A command is kept apart from a letter after it."""
    return f"{sign} " if sign[-1].isalpha() else sign
