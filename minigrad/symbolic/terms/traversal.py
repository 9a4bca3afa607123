"""Walks over formulas with an explicit stack, so that the length of a product is not limited by recursion."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .term import Term

__all__ = ["fold", "leaves", "subterms", "visible"]


def visible(term: Term) -> tuple[Term, ...]:
    """The printed parts of a term: a named value hides its definition."""
    return () if term.kind == "named" else term.args


def subterms(roots: Iterable[Term], inside: Callable[[Term], tuple[Term, ...]] = visible) -> Iterator[Term]:
    """Every part of some terms once, parts before what is built of them, in an order that never changes."""
    done: set[Term] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        term, ready = stack.pop()
        if ready:
            yield term
        elif term not in done:
            done.add(term)
            stack.append((term, True))
            stack += [(arg, False) for arg in reversed(inside(term)) if arg not in done]


def fold(
    term: Term,
    rule: Callable[..., Any],
    *,
    inside: Callable[[Term], tuple[Term, ...]] = visible,
    known: Mapping[Term, Any] | None = None,
) -> Any:
    """Combine from the leaves up: ``rule(part, *results of its own parts)``.

    Parameters
    ----------
    term : Term
    rule : callable
    inside : callable
        Which parts to look into; by default a named value is a leaf.
    known : mapping, optional
        Results that are given; those terms are not looked into.
    """
    results: dict[Term, Any] = dict(known or {})

    def open_parts(part: Term) -> tuple[Term, ...]:
        return () if part in results else inside(part)

    for part in subterms([term], open_parts):
        if part not in results:
            results[part] = rule(part, *(results[arg] for arg in inside(part)))
    return results[term]


def leaves(term: Term, inside: Callable[[Term], tuple[Term, ...]] = visible) -> list[Term]:
    """The symbols and named values of a term."""
    return [part for part in subterms([term], inside) if part.kind in ("symbol", "named")]
