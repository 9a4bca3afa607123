"""Reading formulas as `derive` prints them: ``∂h_t/∂h_{t-1} = diag(1 − h_t²) W``.

What is on the page becomes the same few kinds as a line in Python's notation. Factors side by side become one
operator, a space, and ᵀ becomes ``turned``; `elaborate` finds out from the shapes what they are. Python's signs
may stand beside the printed ones: ``W.T @ δa_{t+1}``.
"""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, NoReturn

from ..errors import FormulaError
from ..printing.text import GREEK
from .limits import MAX_DEPTH, MAX_IN_A_ROW, MAX_NUMBER, MAX_POWER
from .names import time_suffix
from .syntax import FUNCTIONS, TYPOGRAPHY, Binary, Call, Expression, Name, Negative, Number, Power

__all__ = ["SUPERSCRIPTS", "Token", "is_printed", "named", "read_name", "read_printed", "tokens"]


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
    r"|(?P<sum>(?:[Σ∑]|Sum)_(?:\{t=1\.\.T\}|\{t=1\}\^(?:T|\{T\})|\{t\}|t(?!\w)))"
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
    """True if a line has signs that Python's notation has not."""
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


def read_printed(text: str, offset: int) -> Expression:
    """The right side of a line.

    Parameters
    ----------
    text : str
    offset : int
        How many characters of the line stand before it.

    Raises
    ------
    FormulaError
        With the position, if it is no formula.
    """
    reader = _UnicodeReader(tokens(text, offset), offset + len(text) + 1)
    found = reader.sum(0)
    if reader.next is not None:
        raise reader.refused()
    return found


@dataclass
class _UnicodeReader:
    """Reads tokens from left to right: sums of products of factors side by side."""

    tokens: list[Token]
    end: int
    at: int = 0

    @property
    def next(self) -> Token | None:
        """The token to be read, if there is one."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def sign(self, *texts: str) -> Token | None:
        """The next token, read, if it is one of these signs."""
        token = self.next
        if token is None or token.kind != "sign" or token.text not in texts:
            return None
        self.at += 1
        return token

    def close(self, text: str, opened: Token) -> None:
        """Read the bracket that closes another."""
        if self.sign(text) is not None:
            return
        if self.next is None:
            raise FormulaError(f"this {opened.text} is not closed; write a {text}", opened.column)
        raise self.refused(f"{text} is expected, to close the {opened.text} at column {opened.column}")

    def refused(self, why: str = "") -> FormulaError:
        """The error about the next token."""
        token = self.next
        if token is None:
            return FormulaError(f"the formula ends too early{'; ' + why if why else ''}", self.end)
        return FormulaError(f"{token.text!r} does not belong here{'; ' + why if why else ''}", token.column)

    def sum(self, depth: int) -> Expression:
        """``a + b − c``."""
        if depth > MAX_DEPTH:
            raise FormulaError(
                f"brackets are nested more than {MAX_DEPTH} deep; name a part of the formula first", self.end
            )
        found = self.product(depth)
        count = 0
        while token := self.sign("+", "-", "−", "–"):
            found = Binary(TYPOGRAPHY.get(token.text, token.text), found, self.product(depth), token.column)
            count += 1
            if count > MAX_IN_A_ROW:
                raise FormulaError("a sum has too many terms; name a part of it first", token.column)
        return found

    def product(self, depth: int) -> Expression:
        """``a ⊙ b``, ``a @ b``, ``a / b``."""
        if self.sign("-", "−", "–"):
            return Negative(self.product(depth + 1)) if depth < MAX_DEPTH else self._too_deep()
        found = self.factors(depth)
        count = 0
        while token := self.sign("*", "/", "@", "⊙", "∘", "·", "×"):
            if token.text == "/":
                found = self.divided(found, token, depth)
            else:
                found = Binary(TYPOGRAPHY.get(token.text, token.text), found, self.factors(depth), token.column)
            count += 1
            if count > MAX_IN_A_ROW:
                raise FormulaError("a product has too many factors; name a part of it first", token.column)
        return found

    def divided(self, above: Expression, slash: Token, depth: int) -> Expression:
        """``a / b``; ``1/2 h`` is half of h, and ``a / b c`` is not guessed."""
        below = self.raised(depth)
        found = Binary("/", above, below, slash.column)
        following = self.next
        if following is None or not self.begins_factor(following):
            return found
        if not isinstance(below, Number):
            raise FormulaError("this could be (a / b) c or a / (b c); write brackets", slash.column)
        return Binary(" ", found, self.factors(depth), following.column)

    def begins_factor(self, token: Token) -> bool:
        """True if a factor may begin with a token."""
        return token.kind in ("sum", "basis", "adjoint", "name", "number") or token.text in ("(", "[")

    def _too_deep(self) -> NoReturn:
        raise self.refused("there are too many signs")

    def factors(self, depth: int) -> Expression:
        """Factors side by side; a sum over time reaches over the whole product that follows it."""
        found = self.raised(depth)
        count = 0
        while (token := self.next) and self.begins_factor(token):
            if token.glued and token.kind in ("name", "number") and self.tokens[self.at - 1].kind == "number":
                raise self.refused("a number and what stands beside it have a space between them")
            found = Binary(" ", found, self.raised(depth), token.column)
            count += 1
            if count > MAX_IN_A_ROW:
                raise FormulaError("a product has too many factors; name a part of it first", token.column)
        return found

    def raised(self, depth: int) -> Expression:
        """A factor with what stands to the upper right of it, and parts of it."""
        found = self.atom(depth)
        count = 0
        while token := self.next:
            count += 1
            if count > MAX_DEPTH:
                raise self.refused("there are too many signs after a factor")
            if token.kind == "turn":
                self.at += 1
                found = Call("transpose" if token.text == ".T" else "turned", (found,), token.column)
            elif token.kind == "raised":
                self.at += 1
                found = _power(found, token)
            elif token.text == "[" and token.glued:
                found = self.part_of(found, depth)
            else:
                break
        return found

    def part_of(self, whole: Expression, depth: int) -> Expression:
        """``A[2:5]``: some rows, counted from 0."""
        opened = self.tokens[self.at]
        self.at += 1
        ends: list[Expression] = []
        for closing in (":", "]"):
            end = self.sum(depth + 1)
            if not isinstance(end, Number | Name):
                raise FormulaError("the ends of a part are whole numbers, as in A[0:2]", opened.column)
            ends.append(end)
            self.close(closing, opened)
        return Call("slice", (whole, *ends), opened.column)

    def atom(self, depth: int) -> Expression:
        """A number, a letter, a function, or what stands in brackets."""
        token = self.next
        if token is None:
            raise self.refused("a letter or a number is expected")
        self.at += 1
        if token.kind == "number":
            return _number(token)
        if token.kind == "basis":
            place = Name("s", token.column) if token.text == "s" else Number(Fraction(int(token.text)))
            return Call("unit", (place,), token.column)
        if token.kind == "sum":
            return Call("sum_t", (self.product(depth + 1) if depth < MAX_DEPTH else self._too_deep(),), token.column)
        if token.kind == "adjoint":
            return named(token.text, token.column)
        if token.kind == "name":
            return self.letter(token, depth)
        if token.text == "(":
            found = self.sum(depth + 1)
            self.close(")", token)
            return found
        if token.text == "[":
            return self.bracket(token, depth)
        self.at -= 1
        raise self.refused("a letter or a number is expected")

    def letter(self, token: Token, depth: int) -> Expression:
        """A letter, or a function where its bracket follows at once, or its power and then the bracket: tanh²(c)."""
        name = "sigmoid" if token.text == "σ" else token.text
        exponent = self.power_of_function(name)
        after = self.next
        if after is None or after.text != "(" or not after.glued or name not in FUNCTIONS:
            return named(token.text, token.column)
        self.at += 1
        args = [self.sum(depth + 1)]
        while self.sign(","):
            args.append(self.sum(depth + 1))
        self.close(")", after)
        if FUNCTIONS[name] and len(args) != FUNCTIONS[name]:
            raise FormulaError(f"{name} takes {FUNCTIONS[name]} argument(s), got {len(args)}", token.column)
        found = Call(name, tuple(args), token.column)
        return found if exponent is None else _power(found, exponent)

    def power_of_function(self, name: str) -> Token | None:
        """The ² of ``tanh²(c)``, read; f⁻¹ could be the inverse, and is not guessed."""
        here = self.tokens[self.at : self.at + 2]
        if name not in FUNCTIONS or len(here) < 2 or here[0].kind != "raised" or here[1].text != "(":
            return None
        if not (here[0].glued and here[1].glued and here[0].text.isdigit()):
            raise FormulaError(
                f"{name}{here[0].text} could be an inverse or a power; write ({name}(x))**2", here[0].column
            )
        self.at += 1
        return here[0]

    def bracket(self, token: Token, depth: int) -> Expression:
        """``[u, v]`` columns, ``[u; v]`` one below the other, ``[x > 0]`` where x is positive."""
        parts = [self.sum(depth + 1)]
        if self.sign(">"):
            zero = self.sum(depth + 1)
            if zero != Number(Fraction(0)):
                raise FormulaError("a comparison is one with 0, as in [x > 0]", token.column)
            self.close("]", token)
            return Call("positive", (parts[0],), token.column)
        between = self.sign(",", ";")
        while between:
            parts.append(self.sum(depth + 1))
            if len(parts) > MAX_DEPTH:
                raise FormulaError(f"a matrix has at most {MAX_DEPTH} columns here", token.column)
            if not self.sign(between.text):
                break
        self.close("]", token)
        return Call("concat" if between and between.text == ";" else "columns", tuple(parts), token.column)


def _number(token: Token) -> Number:
    if re.match(r"0\d", token.text):
        raise FormulaError(f"a number does not begin with 0 as {token.text[:20]} does", token.column)
    value = Fraction(token.text)
    if value and not Fraction(1, MAX_NUMBER) <= value <= MAX_NUMBER:
        raise FormulaError(
            f"the number {token.text[:20]} is too large or too small; use 1/{MAX_NUMBER} to {MAX_NUMBER}", token.column
        )
    return Number(value)


def _power(base: Expression, token: Token) -> Expression:
    """``x²``, ``x**2``, or a root: ``x^(1/2)``, ``x^(-1/2)``."""
    text = token.text.translate(SUPERSCRIPTS).strip("^*() ")
    try:
        exponent = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise FormulaError(f"{token.text!r} is no exponent", token.column) from None
    if abs(exponent) > MAX_POWER or exponent.denominator > 2:
        raise FormulaError(
            f"an exponent is a whole number from -{MAX_POWER} to {MAX_POWER}, or a half as in x^(1/2); got {text}",
            token.column,
        )
    if exponent.denominator == 1:
        return Power(base, int(exponent))
    root = Call("sqrt", (base,), token.column)
    return root if exponent.numerator == 1 else Power(root, exponent.numerator)
