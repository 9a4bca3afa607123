"""check_derivation: is each line of a derivation true of this cell?

A line is *refuted* by a reachable state of a real net in which its two sides differ. It is *proved* if both
sides multiply out to the same, for all sizes and all values. If neither happens it is *undecided*: the line
held wherever it was tried, but no proof was found, or it says nothing, as ``d_f = d_f``.
"""

from collections.abc import Iterable
from typing import Any

from ..deriving.equations import is_commentary
from ..errors import FormulaError
from ..parsing.limits import MAX_LINES
from ..parsing.parser import parse_line
from ..parsing.syntax import Line
from .budget import SECONDS, Budget
from .checker import Checker, Parsed
from .counterexamples import Counterexample
from .problem import subject_of
from .verdict import Verdict

__all__ = ["Counterexample", "Verdict", "check_derivation", "check_with_targets"]


#: How much of a line that cannot be read is shown.
MAX_SHOWN = 200


def check_derivation(
    cell_or_derivation: Any,
    lines: str | Iterable[str],
    readout: Any = None,
    *,
    budget: float | None = SECONDS,
    allow_epsilon: bool = True,
) -> list[Verdict]:
    """CounterexampleSearch a derivation line by line.

    Parameters
    ----------
    cell_or_derivation : Cell, Attention, net of cells, or Derivation
        A cell of any sizes, an attention, a `Stacked` or `Bidirectional` net, or what `derive` makes of it.
    lines : str or iterable of str
        One statement a line, in the cell's own letters; empty lines and comments after ``#`` are left out:

        - ``dh/dh_prev = diag(1 - h**2) @ W``: a Jacobian of one step, in numerator layout, with the parts
          of the state before independent of each other;
        - ``d_a = (V.T @ (yhat - y) + W.T @ d_a_next) * (1 - h**2)``: an adjoint, ∂E/∂a at step t;
        - ``d_W = sum_t(outer(d_a, h_prev))``: a parameter's gradient;
        - headings, products over time and bounds, as `minigrad derive` prints them, are left out;
        - ``delta = …``: a name for use in later lines; a letter of the cell on the left is a claim.

        Letters: parameters, gates, ``x``, ``h_prev``, ``yhat``, ``y``, ``d_`` for adjoints, ``_next`` for
        step t+1. ``*`` is entry by entry, ``@`` the matrix product; vectors are columns, so ``u @ v.T`` is
        ``outer(u, v)``. In a net of cells ``h1``, ``W1_f`` or
        ``layer1.W_f`` belong to layer 1, ``h_forward``, ``h_backward`` to the halves of a two-way net, in
        which the step before the backward half's is t+1. Attention has ``q``, ``m_1`` to ``m_3``, ``m`` with
        these as its rows, ``e``, ``alpha``, ``context``, and entries ``alpha_2``; I is the identity. What
        `derive` prints may be written as well: ``∂h_t/∂h_{t-1} = diag(1 − h_t²) W``.
    readout : Readout, optional
        E is its cross-entropy summed over time; by default logits = V h + c. ``epsilon`` is ∂E_t/∂h_t,
        what the loss of step t itself sends into h. If a line uses it and none a letter of the readout, or
        a derivation without readout is given, E is any loss. With a derivation that has another readout
        than V h + c, pass it here as well.
    budget : float or None
        Seconds of processor time for all lines together. Half of it may go into hints; when it is used up, the
        lines that remain are undecided. None for no limit.
    allow_epsilon : bool
        False to refuse lines that use ``epsilon``, by which a derivation passes over the gradient of the loss.

    Returns
    -------
    list of Verdict
        One for each line that says something, in order.

    Raises
    ------
    FormulaError
        With line and column, if there is no line, if no line at all can be read, or if there are too many; one
        line of several that cannot be read gets a verdict of its own, "unread".

    Examples
    --------
    >>> from cells import RNN
    >>> for verdict in check_derivation(RNN(2, 3), "dh/dh_prev = diag((1 - h)**2) @ W"):
    ...     print(verdict.status, "-", verdict.hint)
    refuted - (1 − h)² stands where 1 − h² is meant
    """
    verdicts, _ = check_with_targets(cell_or_derivation, lines, readout, budget=budget, allow_epsilon=allow_epsilon)
    if not verdicts:
        raise FormulaError("there is no line to check; write one such as dh/dh_prev = diag(1 - h**2) @ W")
    return verdicts


def check_with_targets(
    cell_or_derivation: Any,
    lines: str | Iterable[str],
    readout: Any = None,
    targets: Iterable[str] = (),
    *,
    budget: float | None = SECONDS,
    allow_epsilon: bool = True,
) -> tuple[list[Verdict], dict[str, str]]:
    """The verdicts of `check_derivation`, and how verdicts spell some left sides.

    Parameters
    ----------
    cell_or_derivation, lines, readout, budget, allow_epsilon
        As `check_derivation` takes them.
    targets : iterable of str
        Left sides, in any spelling.

    Returns
    -------
    list of Verdict, dict of str to str

    Raises
    ------
    FormulaError
        As `check_derivation` does, and if a target is none of this cell.
    """
    time = Budget(budget)
    asked = {target: _asked_for(target) for target in targets}
    if not isinstance(lines, str | Iterable):
        raise FormulaError(f"a derivation is a text or a list of lines, got {type(lines).__name__}")
    texts = lines.splitlines() if isinstance(lines, str) else list(lines)
    if len(texts) > MAX_LINES:
        raise FormulaError(f"a derivation has at most {MAX_LINES} lines, got {len(texts)}; check it in parts", 1).at(
            line=MAX_LINES + 1
        )
    parsed = [_parse(i, text) for i, text in enumerate(texts, 1) if not isinstance(text, str) or _says(text)]
    read = [one.line for one in parsed if one.line is not None]
    _refuse_unread(parsed)
    checker = Checker(
        subject_of(cell_or_derivation, readout, [*read, *asked.values()]), time, allow_epsilon=allow_epsilon
    )
    spellings = {target: checker.spelling(target, line) for target, line in asked.items()}
    verdicts = checker.check(parsed)
    _refuse_unread(parsed)
    return verdicts, spellings


def _asked_for(target: str) -> Line:
    """A target as the line of which it is the left side."""
    try:
        return parse_line(f"{target} = 0")
    except FormulaError as error:
        raise FormulaError(f"{target!r} is no target: {error.message}") from None


def _refuse_unread(parsed: list[Parsed]) -> None:
    """Raise the first error where no line at all can be read."""
    if parsed and all(one.error is not None for one in parsed):
        raise _first_error(parsed)


def _collapsed(text: str) -> str:
    return " ".join(str(text).split())


def _says(text: str) -> bool:
    """True if a line is neither empty, nor a comment, nor one that printed derivations have beside their equations."""
    return bool(text.split("#", 1)[0].replace("\ufeff", " ").strip()) and not is_commentary(text)


def _parse(number: int, text: Any) -> Parsed:
    shown = _collapsed(str(text).split("#", 1)[0])
    found = Parsed(number, shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…")
    try:
        found.line = parse_line(text)
    except FormulaError as error:
        found.fail(error)
    except Exception as error:
        found.fail(FormulaError(f"the line cannot be read: {type(error).__name__}, which is a fault of minigrad"))
    return found


def _first_error(parsed: list[Parsed]) -> FormulaError:
    found = next(one.error for one in parsed if one.error is not None)
    return found.with_traceback(None)
