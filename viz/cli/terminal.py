"""Writing to the terminal: every character is one that the stream can encode and the terminal only shows."""

import json
import os
import re
import sys
import unicodedata
from contextlib import suppress
from typing import TextIO

from minigrad.symbolic.printing.text import GREEK

from ..errors import OutputError

__all__ = ["complain", "for_stream", "notice", "open_standard_streams", "say", "say_json"]

#: ASCII for the signs of printed formulas, in the notation that `minigrad check` reads.
_ASCII = {
    "−": "-", "–": "-", "—": "-", "±": "+-", "∓": "-+", "⊙": "*", "·": "*", "×": "*", "∘": "*", "√": "sqrt",
    "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "→": "->", "∞": "inf", "‖": "||", "ᵀ": ".T", "ⁿ": "**n", "…": "...",
    "Σ": "Sum", "∑": "Sum", "∏": "Prod", "∂": "d", "“": '"', "”": '"', "‘": "'", "’": "'",
    **{sign: word for word, sign in GREEK.items()}, "δ": "dE/d", "σ": "sigmoid",
    **{chr(0x2080 + digit): str(digit) for digit in range(10)},
}  # fmt: skip
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_PLAIN_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
#: Accents that are part of a symbol's name.
_ACCENTS = {"\u0302": "hat", "\u0303": "_tilde"}


def for_stream(text: str, encoding: str, latex: bool = False) -> str:
    r"""The text with characters in place of those that the encoding lacks or that would control the terminal.

    Signs of formulas become the ASCII notation that `minigrad check` reads. Control characters, marks that reverse
    the reading direction and whatever else is missing become escapes such as ``\u001b``, which JSON reads as well;
    in LaTeX, where a backslash would begin a command, they become a question mark.
    """

    def lacks(character: str) -> bool:
        try:
            character.encode(encoding)
        except (UnicodeError, LookupError):
            return True
        return False

    def power(digits: re.Match[str]) -> str:
        return "**" + digits[0].translate(_PLAIN_DIGITS) if any(map(lacks, digits[0])) else digits[0]

    plain = _SUPERSCRIPT.sub(power, text)
    return plain.translate(
        {
            ord(character): _replacement(character) or ("?" if latex else json.dumps(character)[1:-1])
            for character in set(plain)
            if character not in "\n\t " and (not _shows(character) or lacks(character))
        }
    )


def _shows(character: str) -> bool:
    """True for what a terminal shows; False for controls, reversed directions, lone surrogates, unassigned."""
    return character.isprintable() or unicodedata.category(character) == "Zs" or character in "\u200c\u200d"


def _replacement(character: str) -> str | None:
    if character in _ASCII:
        return _ASCII[character]
    decomposed = unicodedata.normalize("NFD", character)
    if decomposed[0].isascii() and decomposed[1:] in _ACCENTS:
        return decomposed[0] + _ACCENTS[decomposed[1:]]
    return _ACCENTS.get(character)


def say(text: str, latex: bool = False) -> None:
    """Write a result and a line break to standard output, at once.

    Raises
    ------
    OutputError
        If standard output is closed; other reasons why it cannot be written are an `OSError`.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed, so the result cannot be written; redirect it to a file or a pipe")
    _write(sys.stdout, text, latex)


def say_json(text: str) -> None:
    """Write JSON to standard output, with escapes for all but ASCII, so that it is JSON in every encoding.

    Raises
    ------
    OutputError
        See `say`.
    """
    say(re.sub(r"[^\n -~]", lambda found: json.dumps(found[0])[1:-1], text).rstrip("\n"))


def notice(text: str) -> None:
    """Write what was done to standard output, if there is one."""
    if sys.stdout is not None:
        _write(sys.stdout, text)


def complain(text: str) -> None:
    """Write one line to standard error, if it can be written."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            _write(sys.stderr, " ".join(text.split()))


def _write(stream: TextIO, text: str, latex: bool = False) -> None:
    stream.write(for_stream(text, getattr(stream, "encoding", None) or "utf-8", latex) + "\n")
    stream.flush()


def open_standard_streams() -> None:
    """Open the null device in place of closed descriptors 0, 1 and 2, so that no file gets one of these numbers.

    `sys.stdout` and `sys.stdin` stay None where Python found them closed.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # for the life of the process
