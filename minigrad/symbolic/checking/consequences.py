"""Which wrong lines follow from an earlier wrong line by right steps: one slip is told once."""

from ..errors import FormulaError
from ..reading.expressions import Line
from ..terms.monomials import ONE, scale
from ..terms.products import product
from ..terms.sums import add
from ..terms.term import Term
from .vocabulary import Vocabulary

__all__ = ["WrongLines"]

#: How many wrong lines are looked at to find the one from which another follows.
MAX_SOURCES = 20


class WrongLines:
    """The wrong lines of one derivation so far."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._found: dict[int, tuple[Line, Term]] = {}

    def note(self, number: int, line: Line, written: Term) -> None:
        """Enter a wrong line, by its number, with what it says."""
        self._found[number] = line, written

    def source_of(self, line: Line, written: Term) -> int | None:
        """The number of the earlier wrong line from which this one follows, if there is one."""
        for number, (earlier, term) in list(self._found.items())[:MAX_SOURCES]:
            is_adjoint = earlier.of == "E" and earlier.by in self.vocabulary.targets.adjoints
            overrides = {earlier.by: term} if is_adjoint else {}
            try:
                consequence = self._consequence(line, earlier, term)
                if consequence is not None and self.vocabulary.same(written, consequence, overrides):
                    return number
            except FormulaError:
                continue
        return None

    def _consequence(self, line: Line, earlier: Line, term: Term) -> Term | None:
        """What a line's target would be if an earlier wrong line were true."""
        if (line.of, line.by) == (earlier.of, earlier.by):
            return term
        expected = self.vocabulary.expected(line.of, line.by)
        if line.of in (None, "E") or earlier.of in (None, "E") or expected is None:
            return expected if (line.of, earlier.of) == ("E", "E") else None
        derivation = self.vocabulary.derivation
        truth = derivation.jacobian(str(earlier.of), earlier.by)
        change = add([term, scale(-1, ONE, truth)])
        if earlier.of == line.of:
            return add([expected, product(change, derivation.jacobian(earlier.by, line.by))])
        if earlier.by == line.by:
            return add([expected, product(derivation.jacobian(str(line.of), str(earlier.of)), change)])
        return None
