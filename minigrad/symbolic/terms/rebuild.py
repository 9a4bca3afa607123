"""The same formula with other parts: what substitution and shifts in time are made of."""

from collections.abc import Callable, Mapping
from typing import Any

from .arithmetic import ONE, add, diag, scale, times
from .blocks import block, concat, part, stack
from .entries import entry, function, softmax
from .names import Index, Label
from .products import cell, hadamard, ordered_product, outer, product, row, sum_over, total, transpose
from .term import Term, make
from .traversal import fold

__all__ = ["at_time", "rebuild", "substitute"]


def _blocks(data: Any, args: tuple[Term, ...]) -> Term:
    rows, columns = data
    return block([args[i * columns : (i + 1) * columns] for i in range(rows)])


#: How each kind is made anew, normal again, from its data and its parts.
_MAKERS: dict[str, Callable[..., Term]] = {
    "scale": lambda data, *args: scale(data, args[0] if len(args) == 2 else ONE, args[-1]),
    "add": lambda data, *args: add(args),
    "hadamard": lambda data, *args: hadamard(*(times([base], [e]) for base, e in zip(args, data, strict=True))),
    "product": lambda data, *args: product(*args),
    "transpose": lambda data, x: transpose(x),
    "diag": lambda data, v: diag(v),
    "outer": lambda data, u, v: outer(u, v),
    "total": lambda data, x: total(x),
    "function": function,
    "softmax": lambda data, x: softmax(x),
    "stack": lambda data, *args: stack(args),
    "entries": lambda data, *args: stack(args),
    "concat": lambda data, *args: concat(args),
    "block": lambda data, *args: _blocks(data, args),
    "entry": lambda data, v: entry(v, data),
    "row": lambda data, x: row(x, data),
    "cell": lambda data, x: cell(x, *data),
    "slice": lambda data, v: part(v, *data),
    "sum_over": lambda data, body: sum_over(body, *data),
    "ordered": lambda data, body: ordered_product(body, *data[:3], descending=data[3]),
}


def rebuild(term: Term, args: tuple[Term, ...], data: Any = None) -> Term:
    """A term of the same kind with other parts or other data, normalised."""
    hidden = term.kind == "named" and not args
    if (args == term.args or hidden) and data is None:
        return term
    data = term.data if data is None else data
    maker = _MAKERS.get(term.kind)
    return make(term.kind, args, data, term.shape) if maker is None else maker(data, *args)


def substitute(term: Term, values: Mapping[Term, Term]) -> Term:
    """Put terms in the place of others, all at once. Named values that are not replaced stay as they are."""
    return fold(term, lambda part, *args: rebuild(part, args), known=values)


def at_time(term: Term, letter: str, time: Index) -> Term:
    """A formula about step `letter` at another time: every index letter + d becomes time + d."""

    def shift(index: Any) -> Any:
        moves = isinstance(index, Index) and index.symbol == letter
        return time.shifted(index.offset) if moves else index

    def move(part: Term, *args: Term) -> Term:
        if isinstance(part.data, Label):
            return make(part.kind, args, part.data.at(shift(part.data.time)), part.shape)
        if part.kind in ("sum_over", "ordered"):
            body = part.args if part.data[0] == letter else args
            return rebuild(part, body, tuple(map(shift, part.data)))
        return rebuild(part, args)

    return fold(term, move, inside=lambda part: part.args)
