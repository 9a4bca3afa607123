"""Printing of formulas in any notation: brackets, order and signs.

`text` and `latex` say how names, powers and fractions look; everything else is decided here, once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..terms.arithmetic import ONE, Rational, magnitude, power, split, times
from ..terms.names import Index, Label
from ..terms.term import Term
from ..terms.traversal import fold

__all__ = ["Notation", "count_of_factors", "write"]

# How tightly a piece holds together.
_SUM, _ENTRYWISE, _PRODUCT, _POWER, _ATOM = range(5)


class _Piece(NamedTuple):
    """A written part: its text without the sign, the sign, and how tightly it holds together."""

    text: str
    strength: int = _ATOM
    negative: bool = False


@dataclass(frozen=True)
class Notation:
    """The signs of one format, as templates for `str.format` and as functions."""

    name: Callable[[Label, str], str]
    raised: Callable[[str, str], str]
    transposed: Callable[[str], str]
    fraction: Callable[[Rational], str]
    function: Callable[[str, str], str]
    matrix: Callable[[list[list[str]]], str]
    minus: str
    entrywise: str
    space: str
    brackets: str
    ones: str
    basis: str
    identity: str
    column: str
    row: str
    piece: str
    sum_over: str
    ordered: str
    norm: str
    row_sums: str
    largest: str


def write(term: Term, notation: Notation) -> str:
    """The formula in a notation."""
    return _signed(fold(term, _Writer(notation).piece, inside=_written_parts), notation)


def _signed(piece: _Piece, notation: Notation) -> str:
    return f"{notation.minus}{piece.text}" if piece.negative else piece.text


def _written_parts(term: Term) -> tuple[Term, ...]:
    """The parts of a term that are written: none inside a named value; u and v of uᵀ v for a sum over u ⊙ v."""
    if term.kind == "named":
        return ()
    if term.kind == "total" and term.args[0].kind == "hadamard":
        return _two_sides(term.args[0])
    if term.kind == "transpose" and term.args[0].kind == "stack":
        return term.args[0].args
    if _is_table(term):
        return tuple(cell for line in term.args for cell in line.args)
    return term.args


def _is_table(term: Term) -> bool:
    """True if a matrix is given by its entries, row by row."""
    return term.kind == "stack" and all(line.kind == "entries" for line in term.args)


def _two_sides(body: Term) -> tuple[Term, Term]:
    """u ⊙ v as the two sides of uᵀ v; a matrix product goes to the right."""
    factors = [power(base, e) for base, e in zip(body.args, body.data, strict=True)]
    if len(factors) == 1:
        return body.args[0], power(body.args[0], body.data[0] - 1)
    right = next((one for one in factors if one.kind == "product"), factors[-1])
    return times([one for one in factors if one is not right]), right


def count_of_factors(first: Index, last: Index) -> str:
    """The number of steps from first to last: ``T-k`` for k+1 … T."""
    offset = last.offset - first.offset + 1
    parts = f"{last.symbol}-{first.symbol}" if first.symbol else last.symbol
    return f"{parts}{offset:+d}" if offset else parts


class _Writer:
    """Writes one part, given its parts as they are written."""

    def __init__(self, notation: Notation) -> None:
        self.n = notation

    def piece(self, term: Term, *parts: _Piece) -> _Piece:
        """One part of the formula."""
        method = getattr(self, f"_{term.kind}", None)
        assert method is not None, f"no way to write a {term.kind}"
        written: _Piece = method(term, *parts)
        return written

    def _held(self, part: _Piece, strength: int) -> str:
        """In brackets unless it holds together tightly enough."""
        text = _signed(part, self.n)
        return self.n.brackets.format(text) if part.negative or part.strength < strength else text

    def _symbol(self, term: Term) -> _Piece:
        return _Piece(self.n.name(term.label, ""))

    _named = _symbol

    def _identity(self, term: Term) -> _Piece:
        return _Piece(self.n.identity)

    def _ones(self, term: Term) -> _Piece:
        return _Piece("1")

    def _zero(self, term: Term) -> _Piece:
        return _Piece("0")

    def _basis(self, term: Term) -> _Piece:
        return _Piece(self.n.basis.format(term.data + 1))

    def _scale(self, term: Term, *parts: _Piece) -> _Piece:
        coefficient, scalar, body = split(term)
        size = magnitude(coefficient)
        words = [self.n.fraction(size)] if size != 1 else []
        if scalar is not ONE:
            words.append(self._held(parts[0], _PRODUCT))
        if scalar is ONE and body.kind == "ones":
            return _Piece(words[0] if words else "1", _ATOM, coefficient < 0)
        alone = not words
        strength = parts[-1].strength if alone else _PRODUCT
        words.append(parts[-1].text if alone else self._held(parts[-1], _PRODUCT))
        return _Piece(self.n.space.join(words), strength, coefficient < 0)

    def _add(self, term: Term, *parts: _Piece) -> _Piece:
        text = parts[0].text
        for part in parts[1:]:
            text += f" {self.n.minus if part.negative else '+'} {part.text}"
        return _Piece(_signed(parts[0]._replace(text=text), self.n), _SUM)

    def _hadamard(self, term: Term, *parts: _Piece) -> _Piece:
        factors = []
        for part, exponent in zip(parts, term.data, strict=True):
            if exponent == 1:
                factors.append(self._held(part, _POWER))
            else:
                factors.append(self.n.raised(self._held(part, _ATOM), str(exponent)))
        if len(factors) == 1:
            return _Piece(factors[0], _POWER)
        if not term.shape:
            return _Piece(self.n.space.join(factors), _PRODUCT)
        return _Piece(self.n.entrywise.join(factors), _ENTRYWISE)

    def _product(self, term: Term, *parts: _Piece) -> _Piece:
        return _Piece(self.n.space.join(self._held(part, _PRODUCT) for part in parts), _PRODUCT)

    def _transpose(self, term: Term, *parts: _Piece) -> _Piece:
        if term.args[0].kind == "stack":
            return _Piece(self.n.matrix([[_signed(one, self.n) for one in parts]]))
        return self._turned(parts[0])

    def _turned(self, x: _Piece) -> _Piece:
        return _Piece(self.n.transposed(self._held(x, _ATOM)), _ATOM)

    def _diag(self, term: Term, v: _Piece) -> _Piece:
        return _Piece(self.n.function("diag", _signed(v, self.n)))

    def _outer(self, term: Term, u: _Piece, v: _Piece) -> _Piece:
        return _Piece(self.n.space.join([self._held(u, _PRODUCT), self._turned(v).text]), _PRODUCT)

    def _total(self, term: Term, *parts: _Piece) -> _Piece:
        left = self._turned(parts[0]).text if len(parts) == 2 else self.n.transposed(self.n.ones)
        return _Piece(self.n.space.join([left, self._held(parts[-1], _PRODUCT)]), _PRODUCT)

    def _function(self, term: Term, x: _Piece) -> _Piece:
        return _Piece(self.n.function(term.data, _signed(x, self.n)))

    def _softmax(self, term: Term, x: _Piece) -> _Piece:
        return _Piece(self.n.function("softmax", _signed(x, self.n)))

    def _stack(self, term: Term, *rows: _Piece) -> _Piece:
        texts = [_signed(one, self.n) for one in rows]
        if _is_table(term):
            columns = term.shape[1]
            return _Piece(self.n.matrix([texts[i : i + columns] for i in range(0, len(texts), columns)]))
        return _Piece(self.n.transposed(self.n.matrix([texts])))

    def _entries(self, term: Term, *rows: _Piece) -> _Piece:
        return _Piece(self.n.matrix([[_signed(one, self.n)] for one in rows]))

    _concat = _entries

    def _block(self, term: Term, *cells: _Piece) -> _Piece:
        columns = term.data[1]
        texts = [_signed(cell, self.n) for cell in cells]
        return _Piece(self.n.matrix([texts[i : i + columns] for i in range(0, len(texts), columns)]))

    def _entry(self, term: Term, v: _Piece) -> _Piece:
        owner = term.args[0]
        if owner.kind in ("symbol", "named"):
            return _Piece(self.n.name(owner.label, str(term.data + 1)))
        return _Piece(self.n.column.format(self._held(v, _ATOM), term.data + 1))

    def _row(self, term: Term, x: _Piece) -> _Piece:
        return _Piece(self.n.row.format(self._held(x, _ATOM), term.data + 1))

    def _cell(self, term: Term, x: _Piece) -> _Piece:
        i, j, _ = term.data
        return _Piece(self.n.column.format(self.n.brackets.format(_signed(x, self.n)), f"{i + 1}{j + 1}"))

    def _slice(self, term: Term, v: _Piece) -> _Piece:
        start, stop = term.data
        return _Piece(self.n.piece.format(self._held(v, _ATOM), start, stop))

    def _sum_over(self, term: Term, body: _Piece) -> _Piece:
        letter, first, last = term.data
        return _Piece(self.n.sum_over.format(letter, first, last, self._held(body, _PRODUCT)), _PRODUCT)

    def _ordered(self, term: Term, factor: _Piece) -> _Piece:
        letter, first, last, descending = term.data
        left, right = (last, first) if descending else (first, last)
        return _Piece(self.n.ordered.format(letter, left, right, self._held(factor, _PRODUCT)), _PRODUCT)

    def _norm(self, term: Term, x: _Piece) -> _Piece:
        return _Piece(self.n.norm.format(_signed(x, self.n)))

    def _row_sums(self, term: Term, x: _Piece) -> _Piece:
        return _Piece(self.n.row_sums.format(_signed(x, self.n)))

    def _largest(self, term: Term, x: _Piece) -> _Piece:
        return _Piece(self.n.largest.format(_signed(x, self.n)))

    def _span(self, term: Term, base: _Piece) -> _Piece:
        return _Piece(self.n.raised(self._held(base, _ATOM), count_of_factors(*term.data)), _POWER)
