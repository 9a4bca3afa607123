"""A derivation written out: equations under headings, as text and as LaTeX."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..terms.names import Label
from ..terms.symbols import symbol_term
from ..terms.term import Term
from .proof import Statement, aligned

if TYPE_CHECKING:
    from .derivation import Derivation

__all__ = ["as_latex", "as_text", "equations_of"]

Sections = Mapping[str, Sequence[Statement]]


def equations_of(derivation: "Derivation") -> dict[str, list[Statement]]:
    """All of a derivation that has a formula of fixed size, heading by heading."""
    step, carried, values = derivation.step, derivation.step.carried(), derivation.values
    sections = {"The step": [_equation(values[key], term) for key, term in derivation.definitions.items()]}
    befores = [key for key in step.before if key in carried.values() or step.remembers()]
    sections["Jacobians of one step"] = [
        _derivative(step.term(out), step.term(wrt), derivation.jacobian(out, wrt))
        for out in dict.fromkeys((step.output, *carried))
        for wrt in befores
    ]
    if step.remembers():
        return sections
    sections["Adjoints, δq = ∂E/∂q"] = [_equation(step.seed(key), term) for key, term in derivation.adjoints.items()]
    E = symbol_term(Label("E"), ())
    sections["Gradients"] = [_derivative(E, values[key], term) for key, term in derivation.gradients.items()]
    if carried and not step.is_two_way():
        sections["Over time"] = [derivation.product().equation(), derivation.bound().over_time()]
    return sections


def as_text(sections: Sections) -> str:
    """Each heading with its equations below it, two blanks further to the right."""
    parts = ["\n".join([heading, *(f"  {line.text}" for line in lines)]) for heading, lines in sections.items()]
    return "\n\n".join(parts)


def as_latex(sections: Sections) -> str:
    """A paragraph and an `align*` for each heading."""
    parts = []
    for heading, lines in sections.items():
        title = heading.replace("δq = ∂E/∂q", r"$\delta q = \partial E/\partial q$")
        parts.append(f"\\paragraph{{{title}}}\n" + aligned([f"& {line.latex}" for line in lines]))
    return "\n\n".join(parts)


def _equation(left: Term, right: Term) -> Statement:
    write, tex = Term.text, Term.latex
    return Statement(f"{write(left)} = {write(right)}", f"{tex(left)} = {tex(right)}")


def _derivative(out: Term, wrt: Term, value: Term) -> Statement:
    write, tex = Term.text, Term.latex
    return Statement(
        f"∂{write(out)}/∂{write(wrt)} = {write(value)}",
        rf"\frac{{\partial {tex(out)}}}{{\partial {tex(wrt)}}} = {tex(value)}",
    )
