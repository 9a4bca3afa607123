"""The verdict on one line after another, with the definitions made so far and the wrong lines found."""

from dataclasses import dataclass, replace
from typing import Any

from ..deriving.traced_step import AttentionStep
from ..errors import FormulaError
from ..parsing.evaluate import MisfitError, shape_in_words
from ..parsing.limits import shortened
from ..parsing.names import spoken
from ..parsing.syntax import Line, as_text, for_each_place, speaks_of_places
from ..printing.text import visible
from ..terms.arithmetic import ONE, add, scale
from ..terms.names import NOW
from ..terms.products import product
from ..terms.rebuild import at_time, substitute
from ..terms.symbols import symbol_term
from ..terms.term import Term
from ..terms.traversal import subterms
from .budget import Budget, OutOfTimeError
from .counterexamples import Counterexample, CounterexampleSearch
from .dependencies import Answers
from .equality import TooLargeError
from .hints.diagnose import DENOMINATOR_LAYOUT, name_the_slip
from .problem import Subject
from .resolve import Vocabulary
from .verdict import Verdict

__all__ = ["Checker", "Parsed", "WrongLines"]


#: Advice for a line whose shapes do not fit.
_WHAT_TO_WRITE = (
    "; if it was meant otherwise, say it with @ for matrix products, * for elementwise ones, diag(v), outer(u, v), .T, "
    "and a matrix for each letter, as in U @ x + W @ h_prev"
)

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

    def source_of(self, line: Line, written: Term, budget: Budget) -> int | None:
        """The number of the earlier wrong line from which this one follows, if there is one."""
        for number, (earlier, term) in list(self._found.items())[:MAX_SOURCES]:
            if not budget.has_time_for_hints():
                return None
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
        """The value of a line's target if an earlier wrong line were true."""
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


@dataclass
class Parsed:
    """A line with its number; what was wrong, if it could not be read."""

    number: int
    text: str
    line: Line | None = None
    error: FormulaError | None = None

    def fail(self, error: FormulaError) -> Verdict:
        """The verdict on a line that cannot be read."""
        self.error = error.at(line=self.number, column=1)
        error.message = visible(spoken(error.message))
        position = self.number, self.error.column or 1
        return Verdict(self.text, "unread", "", None, None, str(error), position=position)


class Checker:
    """The state of one check: definitions made so far, and wrong lines found."""

    def __init__(self, subject: Subject, budget: Budget, *, allow_epsilon: bool = True) -> None:
        self.budget = budget
        self.vocabulary = Vocabulary(subject.derivation, allow_epsilon=allow_epsilon, numbers=subject.numbers())
        self.search = CounterexampleSearch(
            subject.net, subject.readout, self.vocabulary.meanings.definitions, budget, resize=subject.resize
        )
        self.wrong = WrongLines(self.vocabulary)
        self.answers = Answers(subject.derivation)

    def check(self, lines: list[Parsed]) -> list[Verdict]:
        """One verdict for each line."""
        return [self._verdict(one) for one in lines]

    def spelling(self, target: str, line: Line) -> str:
        """The spelling of a left side in verdicts."""
        try:
            settled = self.vocabulary.settle(line)
            known = self.vocabulary.expected(settled.of, settled.by) is not None
        except FormulaError as error:
            raise FormulaError(f"{target!r} is no target of this cell: {spoken(error.message)}") from None
        if not known:
            raise FormulaError(
                f"{target!r} is no target of this cell; ask for a letter, d_h, or a Jacobian as dh/dh_prev"
            )
        return self.answers.target(settled)

    def _verdict(self, parsed: Parsed) -> Verdict:
        if parsed.line is None:
            self.vocabulary.meanings.lost.setdefault(parsed.text.partition("=")[0].strip(), parsed.number)
            return parsed.fail(parsed.error or FormulaError("this line cannot be read"))
        try:
            self.budget.check()
            if self._is_about_places(parsed.line):
                return self._of_all_places(parsed.number, parsed.line)
            return self._judged(parsed.number, parsed.line)
        except OutOfTimeError as error:
            return self._not_judged(parsed, f"{error.message[0].upper()}{error.message[1:]}.")
        except FormulaError as error:
            if parsed.line.of is None:
                self.vocabulary.meanings.lost.setdefault(parsed.line.by, parsed.number)
            return parsed.fail(error)
        except Exception as error:  # no line may cost the others their verdicts
            return self._not_judged(
                parsed, f"The line could not be judged: {type(error).__name__}, which is a fault of minigrad."
            )

    def _not_judged(self, parsed: Parsed, reason: str) -> Verdict:
        """The verdict on a line that was given up."""
        assert parsed.line is not None
        if parsed.line.of is None:
            self.vocabulary.meanings.lost.setdefault(parsed.line.by, parsed.number)
        return Verdict(parsed.text, "undecided", "", None, None, reason)

    def _judged(self, number: int, written: Line) -> Verdict:
        line = self.vocabulary.settle(written)
        return replace(self._line(number, line), expected_latex=self._own_latex(line), target=self.answers.target(line))

    def _is_about_places(self, line: Line) -> bool:
        """True if s stands for every place of a memory, as in dcontext/dm_s."""
        step = self.vocabulary.derivation.step
        return isinstance(step, AttentionStep) and line.of is not None and speaks_of_places(line)

    def _of_all_places(self, number: int, line: Line) -> Verdict:
        """The verdict on the first place for which the line is not proved; on the last, if there is none."""
        count = len(self.vocabulary.derivation.step.memory())
        target = self.answers.target(line)
        for i, one in enumerate(for_each_place(line, count), 1):
            found = self._judged(number, one)
            if found.status != "proved":
                return replace(found, reason=f"{found.reason} This is for s = {i}.", target=target)
        return replace(found, reason=f"{found.reason} This is so for every s from 1 to {count}.", target=target)

    def _own_latex(self, line: Line) -> str:
        is_defined = line.by in self.vocabulary.meanings.definitions
        expected = None if is_defined else self.vocabulary.expected(line.of, line.by)
        return "" if expected is None else _as_written(expected, line).latex()

    def _line(self, number: int, line: Line) -> Verdict:
        expected = self.vocabulary.expected(line.of, line.by)
        if expected is None:
            return self._definition(line)
        own = f"{line.text.partition('=')[0].strip()} = {_as_written(expected, line).text()}"
        try:
            written = self.vocabulary.read(line.formula)
        except MisfitError as error:
            return self._misfit(number, line, own, self._slip(line), f"the formula has no value: {error.message}")
        if written.shape != expected.shape:
            hint = _hint_of_shape(line, written.shape, expected.shape) or self._slip(line)
            shapes = f"the formula has the shape {shape_in_words(written)}, its target {shape_in_words(expected)}"
            return self._misfit(number, line, own, hint, shapes)
        trial = self.search.trial(line)
        if trial.counterexample is not None:
            return self._refuted(number, line, written, own, trial.counterexample)
        if trial.early:
            return self._refuted(number, line, written, own, None)
        if trial.held == trial.undefined == 0:
            why = "The line speaks of steps before the first or after the last in every run that was tried."
            return Verdict(line.text, "undecided", own, None, None, why)
        if trial.undefined:
            why = f"The formula has no finite value in {trial.undefined} of the states tried, and held in {trial.held}."
            return Verdict(line.text, "undecided", own, None, None, why)
        return self._held(line, written, expected, own)

    def _misfit(self, number: int, line: Line, own: str, hint: str | None, why: str) -> Verdict:
        """A line whose shapes do not fit as it was read: it may have been meant in another way, so it is not judged."""
        formula = shortened(spoken(as_text(line.formula)), 200)
        reason = f"Read as {formula}, {why}{'' if hint else _WHAT_TO_WRITE}."
        return Verdict(line.text, "unread", own, None, hint, reason, position=(number, 1))

    def _definition(self, line: Line) -> Verdict:
        self.vocabulary.define(line.by, line.formula)
        return Verdict(line.text, "proved", line.text, None, None, f"This defines {line.by}.", defines=True)

    def _held(self, line: Line, written: Term, expected: Term, own: str) -> Verdict:
        """A line that held in every state tried."""
        needs, uses = self.answers.rests_on(line, written)
        if self._says_nothing(line, written):
            why = f"{spoken(str(line.letter))} stands on both sides, and the line is true whatever it is."
            return Verdict(line.text, "undecided", own, None, None, why, needs=needs, uses=uses, held=True)
        try:
            if self.vocabulary.same(written, expected):
                scope = self.vocabulary.scope
                reason = f"Both sides multiply out to the same, {scope} and wherever both have a value."
                return Verdict(line.text, "proved", own, None, None, reason, needs=needs, uses=uses, held=True)
            difference = self.vocabulary.difference(written, expected)
            if difference is not None:
                return self._differing(line, difference, own)
            why = "no proof was found: it may rest on a relation between functions"
        except TooLargeError as error:
            why = error.message
        why = f"The line held wherever it was tried, but {why}."
        return Verdict(line.text, "undecided", own, None, None, why, needs=needs, uses=uses, held=True)

    def _differing(self, line: Line, difference: Term, own: str) -> Verdict:
        """A line that held in every state tried, but whose sides are different formulas of free values."""
        shown = shortened(_as_written(difference, line).text(), 200)
        reason = f"The two sides differ by {shown}, which is not 0 for all parameters, inputs and states."
        return Verdict(line.text, "refuted", own, None, None, reason)

    def _says_nothing(self, line: Line, written: Term) -> bool:
        """True if the line is x = x for any x, as ``d_f = d_f``, be it by way of definitions."""
        own = None if line.letter is None else self.vocabulary.meanings.find(line.letter)
        if own is None or own.kind not in ("symbol", "named") or own not in subterms([written]):
            return False
        anything = symbol_term(own.label._replace(name=f"any_{own.label.name}"), own.shape)
        try:
            return self.vocabulary.same(substitute(written, {own: anything}), anything)
        except TooLargeError:
            return False

    def _refuted(self, number: int, line: Line, written: Term, own: str, example: Counterexample | None) -> Verdict:
        source = self.wrong.source_of(line, written, self.budget)
        self.wrong.note(number, line, written)
        if source is not None:
            reason = f"The line is wrong, but it follows from line {source}, which is wrong."
            return Verdict(line.text, "refuted", own, example, None, reason, source)
        hint = (self._share_for_whole(line, written) if self.budget.has_time_for_hints() else None) or self._slip(line)
        reason = "A real net reaches a state in which the line fails."
        if example is None:
            reason = "The formula has no value in any run: its sum over time speaks of a step before the first."
        if hint is None and not self.budget.has_time_for_hints():
            reason += " The time for hints is used up."
        return Verdict(line.text, "refuted", own, example, hint, reason)

    def _slip(self, line: Line) -> str | None:
        """The name of the slip, if there is one; a repair that cannot be worked out is none."""
        try:
            hint = name_the_slip(line, self.search, self.vocabulary)
            if hint is None or not line.moved:
                return None if hint is None else spoken(hint)
            steps = (
                f"{abs(line.moved)} step{'s' if abs(line.moved) > 1 else ''} {'later' if line.moved > 0 else 'earlier'}"
            )
            return f"{spoken(hint)} (said of the same line {steps}, at step t)"
        except FormulaError:
            return None

    def _share_for_whole(self, line: Line, written: Term) -> str | None:
        """The hint for d_h_prev = Wᵀ δa_t, which is what step t sends back and not all of ∂E/∂h at t−1."""
        derivation = self.vocabulary.derivation
        before = derivation.step.carried().get(line.by)
        if line.of != "E" or line.moved != 1 or before is None:
            return None
        if not self.vocabulary.same(written, derivation.one_step_later(derivation.sent_back(before))):
            return None
        whole = f"d_{before} is all of ∂E/∂{line.by} at t−1, with that step's own loss and paths"
        return spoken(f"this is what step t sends back; {whole}")


def _as_written(term: Term, line: Line) -> Term:
    """A formula about step t as one about the step of the line, which was moved."""
    return at_time(term, "t", NOW.shifted(-line.moved)) if line.moved else term


def _hint_of_shape(line: Line, written: tuple[Any, ...], expected: tuple[Any, ...]) -> str | None:
    if len(written) == 2 and written == expected[::-1]:
        return "this is transposed" if line.letter else f"this is transposed: {DENOMINATOR_LAYOUT}"
    if len(written) == 1 and expected == written * 2:
        return "a vector stands where a diagonal matrix is meant: diag(...)"
    return None
