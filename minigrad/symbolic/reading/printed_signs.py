"""The signs of printed formulas, one by one: ``h^(1)_{t-1}`` is a letter, ``ᵀ`` changes what stands before it."""

import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

from ..errors import FormulaError
from ..notation.text import GREEK
from .expressions import Call, Expression, Name, Number
from .letters import time_suffix

__all__ = ["SUPERSCRIPTS", "Token", "is_printed", "named", "read_name", "tokens"]

#: Signs that only printed formulas have.
_PRINTED = re.compile("[;∂δᵀΣ∑\u0302\u0303⁰¹²³⁴⁵⁶⁷⁸⁹⁻" + "".join(GREEK.values()) + r"]|\^\(|_\{|\bI\[")

#: What to write in the place of a sign that cannot be read.
_ADVICE = {
    "^": "; write h² or h**2 for a power, Wᵀ or W.T for a transpose",
    **dict.fromkeys("Σ∑", "; write Σ_t for the sum over time, sum(v) for that of a vector's entries"),
}

#: What a token may be; the first that matches.
KINDS = ("sum", "turn", "raised", "basis", "adjoint", "name", "number", "sign")

_LETTERS = {sign: word for word, sign in GREEK.items()}
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_STEM = "[A-Za-z][A-Za-z0-9]*|[" + "".join(_LETTERS) + "]"
_NAME = (
    rf"δ?(?:{_STEM})[\u0302\u0303]?(?:\^\([A-Za-z0-9][A-Za-z0-9 ,]*\))?(?:\.(?!T\b)[A-Za-z][A-Za-z0-9]*)?"
    r"(?:_\{[^{}]*\}|(?:_[A-Za-z0-9]+)+)?"
)
_TOKENS = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<sum>[Σ∑]_(?:\{t=1\.\.T\}|\{t=1\}\^(?:T|\{T\})|\{t\}|t(?!\w)))"
    r"|(?P<turn>ᵀ|\.T\b)"
    r"|(?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+|\^\(-?\d{1,3}/\d{1,3}\)|\*\*\s*(?:-?\d{1,3}\b|\(-?\d{1,3}\)))"
    r"|(?P<basis>I\[:,(?P<place>\d{1,6}|s)\])"
    rf"|(?P<adjoint>[∂d]E\s*/\s*[∂d]_?(?P<of>{_NAME}))"
    rf"|(?P<name>{_NAME})"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)"
    r"|(?P<sign>[-−–+*/@⊙∘·×()\[\],;:>])"
)


class Token(NamedTuple):
    """A sign, where it stands, and whether it follows the one before without a space."""

    kind: str
    text: str
    column: int
    glued: bool


def is_printed(line: str) -> bool:
    """Whether a line has signs that Python's notation has not."""
    return _PRINTED.search(_plain(line)) is not None


def read_name(text: str) -> str | None:
    """``h^(1)_{t-1}`` as the letter ``layer1.h_prev``; None if the text is no single letter."""
    if not re.fullmatch(_NAME, _plain(text)):
        return None
    found = named(_plain(text), 1)
    return found.name if isinstance(found, Name) else None


def _plain(text: str) -> str:
    """ŷ as y with a hat, whichever way it is encoded; a hat and a tilde are signs of their own."""
    return unicodedata.normalize("NFD", text)


def tokens(text: str, offset: int) -> list[Token]:
    """The signs of a formula, from left to right; `offset` characters of the line stand before it."""
    plain = _plain(text)
    found = []
    position, glued = 0, False
    while position < len(plain):
        match = _TOKENS.match(plain, position)
        column = offset + len(unicodedata.normalize("NFC", plain[:position])) + 1
        if match is None:
            advice = _ADVICE.get(plain[position], "")
            raise FormulaError(f"the sign {plain[position]!r} is not known in a printed formula{advice}", column)
        if match.lastgroup != "space":
            kind = next(name for name in KINDS if match[name])
            shown = {"basis": match["place"], "adjoint": f"δ{match['of']}"}.get(kind, match[0])
            found.append(Token(kind, shown, column, glued))
        glued = match.lastgroup != "space"
        position = match.end()
    return found


def named(text: str, column: int) -> Expression:
    """A letter by its key: place, name, time; with a number after the time, an entry of it."""
    match = re.fullmatch(
        r"(δ?)([^_^.\u0302\u0303]+)([\u0302\u0303]?)(?:\^\((.*)\))?(\.[^_]+)?(?:_\{(.*)\}|_(.*))?", text
    )
    assert match is not None, "the pattern of names matches nothing else"
    adjoint, stem, mark, place, dotted, braced, plain = match.groups()
    name = _LETTERS.get(stem, stem) + {"\u0302": "hat", "\u0303": "_tilde", "": ""}[mark]
    place = "".join(f"{_part_of_net(word)}." for word in (place or "").split(",") if word)
    if dotted:
        place, name = f"{place}{name}.", dotted[1:]
    words = [word.strip() for word in braced.split(",")] if braced is not None else [plain] if plain else []
    low = time = ""
    entry = None
    for word in words:
        moment = re.fullmatch(r"t(?:([+-])(\d{1,2}))?", word.replace("−", "-").replace(" ", ""))
        if moment:
            time = time_suffix(int((moment[1] or "+") + (moment[2] or "0")))
        elif re.fullmatch(r"\d{1,6}", word) and braced is not None:
            entry = int(word)
        elif re.fullmatch(r"[A-Za-z0-9_]{1,40}", word):
            low += f"_{word}"
        else:
            raise FormulaError(
                f"{word[:40]!r} is no index; indices are those of a gate, of time such as t-1, or a number", column
            )
    letter = Name(f"{'d_' if adjoint else ''}{place}{name}{low}{time}", column)
    return letter if entry is None else Call("entry", (letter, Number(Fraction(entry))), column)


def _part_of_net(word: str) -> str:
    word = word.strip().replace(" ", "")
    return f"layer{word}" if word.isdigit() else word
