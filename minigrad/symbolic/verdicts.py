"""check_derivation: is each line of a derivation true of this cell?

A line is *refuted* by a reachable state of a real net in which its two sides differ. It is *proved* if both
sides multiply out to the same, for all sizes and all values. If neither happens it is *undecided*: the line
held wherever it was tried, but no proof was found.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..primitives import linear
from ..tensor import named
from .derivation import Derivation, derive
from .errors import FormulaError
from .expressions import Line, Name, subexpressions
from .interpret import MisfitError
from .judge import Counterexample, Judge
from .limits import MAX_LINES
from .monomials import ONE, scale
from .parser import parse_line
from .products import product
from .slips import name_the_slip
from .sums import add
from .terms import PRINTERS, Term
from .vocabulary import TooLargeError, Vocabulary

__all__ = ["Counterexample", "Verdict", "check_derivation"]


#: How many wrong lines are looked at to find the one from which another follows.
MAX_SOURCES = 20


@dataclass(frozen=True)
class Verdict:
    """What was found of one line.

    Attributes
    ----------
    line : str
        As it was written.
    status : {"proved", "refuted", "undecided"}
    expected : str
        The engine's own formula for the line's target.
    counterexample : Counterexample or None
        Of a refuted line.
    hint : str or None
        The slip, where it is a known one.
    reason : str
        One sentence.
    follows_from : int or None
        The number, from 1, of an earlier wrong line from which this wrong one follows by right steps.
    defines : bool
        Whether the line gives a name to a formula, and so claims nothing.
    expected_latex : str
        The right side of `expected` as LaTeX.
    """

    line: str
    status: str
    expected: str
    counterexample: Counterexample | None
    hint: str | None
    reason: str
    follows_from: int | None = None
    defines: bool = False
    expected_latex: str = ""

    def __str__(self) -> str:
        return self._text(f"the engine's own form: {self.expected}")

    def latex(self) -> str:
        """The verdict as text, with the engine's own formula as LaTeX."""
        return self._text(f"the engine's own form: ${self.expected_latex}$")

    def _text(self, own: str) -> str:
        parts = [f"{self.status}: {self.line}", f"  {self.reason}"]
        if self.hint:
            parts.append(f"  hint: {self.hint}")
        if self.status != "proved":
            parts.append(f"  {own}")
        if self.counterexample is not None:
            parts.append(f"  {self.counterexample}")
        return "\n".join(parts)


@dataclass(frozen=True)
class _Softmax:
    """The readout of the notes, for derivations that are checked without one: logits = V h + c."""

    hidden_size: int
    classes: int

    def init(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"V": rng.standard_normal((self.classes, self.hidden_size)), "c": np.zeros(self.classes)}

    def logits(self, params: dict[str, Any], h: Any) -> Any:
        return named("logits", linear(params["V"], h) + params["c"])


def check_derivation(cell_or_derivation: Any, lines: str | Iterable[str], readout: Any = None) -> list[Verdict]:
    """Judge a derivation line by line.

    Parameters
    ----------
    cell_or_derivation : Cell or Derivation
        A cell of any sizes, or what `derive` makes of it.
    lines : str or iterable of str
        One statement a line, in the cell's own letters; empty lines and comments after ``#`` are left out:

        - ``dh/dh_prev = diag(1 - h**2) @ W``: a Jacobian of one step, in numerator layout, with the parts
          of the state before independent of each other;
        - ``d_a = (V.T @ (yhat - y) + W.T @ d_a_next) * (1 - h**2)``: an adjoint, ∂E/∂a at step t;
        - ``d_W = sum_t(outer(d_a, h_prev))``: a parameter's gradient;
        - ``delta = …``: a name for use in later lines; a letter of the cell on the left is a claim.

        Letters: parameters, gates, ``x``, ``h_prev``, ``yhat``, ``y``, ``d_`` for adjoints, ``_next`` for
        step t+1. ``*`` is entry by entry, ``@`` the matrix product.
    readout : Readout, optional
        E is its cross-entropy summed over time; by default logits = V h + c. If a line uses ``epsilon``,
        or a derivation without readout is given, E is any loss, with ε = ∂E_t/∂h_t. With a derivation
        that has another readout than V h + c, pass it here as well.

    Returns
    -------
    list of Verdict
        One for each line that says something, in order.

    Raises
    ------
    FormulaError
        With line and position, if a line cannot be read or speaks of what the cell does not have.

    Examples
    --------
    >>> from cells import RNN
    >>> for verdict in check_derivation(RNN(2, 3), "dh/dh_prev = diag((1 - h)**2) @ W"):
    ...     print(verdict.status, "-", verdict.hint)
    refuted - (1 − h)² stands where 1 − h² is meant
    """
    if not isinstance(lines, str | Iterable):
        raise FormulaError(f"a derivation is a text or a list of lines, got {type(lines).__name__}")
    texts = lines.splitlines() if isinstance(lines, str) else list(lines)
    if len(texts) > MAX_LINES:
        raise FormulaError(f"a derivation has at most {MAX_LINES} lines, got {len(texts)}: line {MAX_LINES + 1} on")
    parsed = [(i, _parse(i, text)) for i, text in enumerate(texts, 1) if str(text).split("#", 1)[0].strip()]
    return _Checker(*_subjects(cell_or_derivation, readout, [line for _, line in parsed])).check(parsed)


def _parse(number: int, text: str) -> Line:
    try:
        return parse_line(text)
    except FormulaError as error:
        raise FormulaError(f"line {number}: {error}") from None


def _subjects(subject: Any, readout: Any, lines: list[Line]) -> tuple[Derivation, Any, Any]:
    """The derivation to compare with, and the cell and readout to run."""
    if isinstance(subject, Derivation):
        if subject.cell is None or hasattr(subject.cell, "attend"):
            raise FormulaError("a derivation of attention alone has no steps to run; pass a cell that attends")
        cell = subject.cell
        if subject.readout is None:
            return subject, cell, None
        return subject, cell, _plain_readout(cell) if readout is None else readout
    _refuse_nets(subject)
    names = {part.name for line in lines for part in subexpressions(line.formula) if isinstance(part, Name)}
    defined = {line.by for line in lines if line.of is None}
    if readout is None and "epsilon" not in names - defined:
        readout = _plain_readout(subject)
    return derive(subject, readout), subject, readout


def _refuse_nets(subject: Any) -> None:
    """Letters such as h and W mean one thing each in a single cell only.

    Raises
    ------
    FormulaError
        Saying what can be checked instead.
    """
    kind = type(subject).__name__
    if hasattr(subject, "attend"):
        raise FormulaError(
            f"{kind} alone has no steps; derive(...) gives its Jacobians, attention cannot be checked here"
        )
    if not all(hasattr(subject, name) for name in ("step", "init", "initial_state", "hidden_size")):
        raise FormulaError(f"{kind} has no step that could be checked; pass a cell, or check its cells one by one")
    if any(isinstance(value, dict) for value in subject.init(np.random.default_rng(0)).values()):
        raise FormulaError(
            f"{kind} is made of several parts, in which h and W mean several things; check its cells one by one"
        )


def _plain_readout(cell: Any) -> _Softmax:
    return _Softmax(cell.hidden_size, cell.hidden_size + 1)


class _Checker:
    """The state of one check: definitions made so far, and wrong lines found."""

    def __init__(self, derivation: Derivation, cell: Any, readout: Any) -> None:
        self.vocabulary = Vocabulary(derivation)
        self.judge = Judge(cell, readout, self.vocabulary.definitions)
        self.wrong: dict[int, tuple[Line, Term]] = {}

    def check(self, lines: list[tuple[int, Line]]) -> list[Verdict]:
        """One verdict for each line."""
        found = []
        for number, line in lines:
            try:
                found.append(replace(self._line(number, line), expected_latex=self._own_latex(line)))
            except FormulaError as error:
                raise FormulaError(f"line {number}: {error}") from None
        return found

    def _own_latex(self, line: Line) -> str:
        expected = None if line.by in self.vocabulary.definitions else self.vocabulary.expected(line.of, line.by)
        return "" if expected is None else PRINTERS["latex"](expected)

    def _line(self, number: int, line: Line) -> Verdict:
        expected = self.vocabulary.expected(line.of, line.by)
        if expected is None:
            return self._definition(line)
        own = f"{line.text.partition('=')[0].strip()} = {PRINTERS['text'](expected)}"
        try:
            written = self.vocabulary.read(line.formula)
        except MisfitError as error:
            hint = name_the_slip(line, self.judge, self.vocabulary)
            return Verdict(line.text, "refuted", own, None, hint, f"The formula has no value: {error}.")
        if written.shape != expected.shape:
            hint = _hint_of_shape(written.shape, expected.shape)
            hint = hint or name_the_slip(line, self.judge, self.vocabulary)
            reason = f"The formula has the shape {_shape(written)}, its target {_shape(expected)}."
            return Verdict(line.text, "refuted", own, self.judge.trial(line).counterexample, hint, reason)
        trial = self.judge.trial(line)
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

    def _definition(self, line: Line) -> Verdict:
        self.vocabulary.define(line.by, line.formula)
        return Verdict(line.text, "proved", line.text, None, None, f"This defines {line.by}.", defines=True)

    def _held(self, line: Line, written: Term, expected: Term, own: str) -> Verdict:
        """A line that held in every state tried."""
        try:
            if self.vocabulary.same(written, expected):
                reason = "Both sides multiply out to the same, for all sizes and wherever both have a value."
                return Verdict(line.text, "proved", own, None, None, reason)
            why = "no proof was found: it may rest on a relation between functions"
        except TooLargeError as error:
            why = str(error)
        return Verdict(line.text, "undecided", own, None, None, f"The line held wherever it was tried, but {why}.")

    def _refuted(self, number: int, line: Line, written: Term, own: str, example: Counterexample | None) -> Verdict:
        source = self._source(line, written)
        self.wrong[number] = line, written
        if source is not None:
            reason = f"The line is wrong, but it follows from line {source}, which is wrong."
            return Verdict(line.text, "refuted", own, example, None, reason, source)
        hint = self._share_for_whole(line, written) or name_the_slip(line, self.judge, self.vocabulary)
        reason = "A real net reaches a state in which the line fails."
        if example is None:
            reason = "The formula has no value in any run: its sum over time speaks of a step before the first."
        return Verdict(line.text, "refuted", own, example, hint, reason)

    def _share_for_whole(self, line: Line, written: Term) -> str | None:
        """The hint for d_h_prev = Wᵀ δa_t, which is what step t sends back and not all of ∂E/∂h at t−1."""
        stem = line.by.removesuffix("_prev")
        if line.of != "E" or stem == line.by or stem not in self.vocabulary.adjoints:
            return None
        if not self.vocabulary.same(written, self.vocabulary.sent_back(line.by)):
            return None
        whole = f"d_{line.by} is all of ∂E/∂{stem} at t−1, with that step's own loss and paths"
        return f"this is what step t sends back; {whole}"

    def _source(self, line: Line, written: Term) -> int | None:
        """The earlier wrong line from which this one follows, if there is one."""
        for number, (earlier, term) in list(self.wrong.items())[:MAX_SOURCES]:
            consequence = self._consequence(line, earlier, term)
            overrides = {earlier.by: term} if earlier.of == "E" and earlier.by in self.vocabulary.adjoints else {}
            try:
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


def _hint_of_shape(written: tuple[Any, ...], expected: tuple[Any, ...]) -> str | None:
    if len(written) == 2 and written == expected[::-1]:
        return "this is transposed"
    if len(written) == 1 and expected == written * 2:
        return "a vector stands where a diagonal matrix is meant: diag(...)"
    return None


def _shape(term: Term) -> str:
    return f"({', '.join(map(str, term.shape))})"
