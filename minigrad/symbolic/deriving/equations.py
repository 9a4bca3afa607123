"""Equations under headings, written as text and as LaTeX."""

import re
from collections.abc import Mapping, Sequence

from ..terms.term import Term
from .proof import Statement, aligned

__all__ = ["ADJOINTS", "as_latex", "as_text", "derivative", "equation", "is_commentary"]

Sections = Mapping[str, Sequence[Statement]]

#: The heading of the adjoints, which says what a δ is.
ADJOINTS = "Adjoints, δq = ∂E/∂q"


#: Lines of printed derivations, products and bounds that state no equation about one step, in Unicode or in ASCII.
_COMMENTARY = re.compile(
    r"The step|Jacobians of one step|Adjoints, .+|Gradients|Over time|A bound, and its proof"  # headings
    r"|(Claim|Axiom|Assumed): .+|\d+\. .+ {4}\[.+\]"  # proofs
    r"|[∂d].+_T\)?/[∂d].+_k\)? = (∏|Prod)_\{.+"  # the product over time, which has a proof of its own
    r"|(‖|\|\|).+ (≤|<=) .+"  # bounds
)


def is_commentary(line: str) -> bool:
    """True for a line of a printed derivation that is no equation about one step: a heading, a proof, a bound.

    Examples
    --------
    >>> is_commentary("Jacobians of one step"), is_commentary("dh/dh_prev = diag(1 - h**2) @ W")
    (True, False)
    """
    return _COMMENTARY.fullmatch(line.strip()) is not None


def as_text(sections: Sections) -> str:
    """Each heading with its equations below it, indented by two blanks."""
    parts = ["\n".join([heading, *(f"  {line.text}" for line in lines)]) for heading, lines in sections.items()]
    return "\n\n".join(parts)


def as_latex(sections: Sections) -> str:
    """A paragraph and an `align*` for each heading."""
    parts = []
    for heading, lines in sections.items():
        title = heading.replace("δq = ∂E/∂q", r"$\delta q = \partial E/\partial q$")
        parts.append(f"\\paragraph{{{title}}}\n" + aligned([f"& {line.latex}" for line in lines]))
    return "\n\n".join(parts)


def equation(left: Term, right: Term) -> Statement:
    """``left = right``."""
    write, tex = Term.text, Term.latex
    return Statement(f"{write(left)} = {write(right)}", f"{tex(left)} = {tex(right)}")


def derivative(out: Term, wrt: Term, value: Term) -> Statement:
    """``∂out/∂wrt = value``."""
    write, tex = Term.text, Term.latex
    return Statement(
        f"∂{write(out)}/∂{write(wrt)} = {write(value)}",
        rf"\frac{{\partial {tex(out)}}}{{\partial {tex(wrt)}}} = {tex(value)}",
    )
