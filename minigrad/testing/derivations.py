"""assert_derivation: a derivation as a pytest assertion."""

from collections.abc import Iterable
from typing import Any

from ..errors import MinigradError
from ..symbolic.checking.budget import SECONDS
from ..symbolic.checking.check import check_with_targets
from ..symbolic.checking.dependencies import answered
from ..symbolic.checking.verdict import Verdict

__all__ = ["DerivationError", "assert_derivation"]


class DerivationError(MinigradError, AssertionError):
    """A derivation with a line that is not proved."""


def assert_derivation(
    cell_or_derivation: Any,
    lines: str | Iterable[str],
    readout: Any = None,
    *,
    targets: Iterable[str] = (),
    allow_undecided: bool = False,
    allow_epsilon: bool = True,
    budget: float | None = SECONDS,
) -> None:
    """Fail unless every line of a derivation is proved; see `minigrad.symbolic.check_derivation`.

    Parameters
    ----------
    cell_or_derivation : Cell or Derivation
        A cell of any sizes, or what `derive` makes of it.
    lines : str or iterable of str
        One statement a line, as `check_derivation` reads them.
    readout : Readout, optional
        As `check_derivation` takes it.
    targets : iterable of str
        Left sides that must be there, in any spelling: ``d_f``, ``∂E/∂f_t``, ``dc/dc_prev``. Lines that take
        letters from each other in a circle do not count, see `minigrad.symbolic.answered`.
    allow_undecided : bool
        Let lines pass that held in every state in which they were tried, but for which no proof was found.
    allow_epsilon : bool
        See `check_derivation`.
    budget : float or None
        Seconds for the whole derivation, see `check_derivation`.

    Raises
    ------
    DerivationError
        With the first wrong line first: what is wrong, the engine's own form, and a counterexample; or
        if no line claims anything, or none says what one of `targets` is.
    FormulaError
        If no line can be read, or a target is none of this cell.

    Examples
    --------
    >>> from cells import LSTM
    >>> assert_derivation(LSTM(2, 3), "dc/dc_prev = diag(f)")
    """
    wanted = [targets] if isinstance(targets, str) else list(targets)
    verdicts, spelled = check_with_targets(
        cell_or_derivation, lines, readout, wanted, budget=budget, allow_epsilon=allow_epsilon
    )
    if all(verdict.defines for verdict in verdicts):
        raise DerivationError(
            "no line of the derivation makes a claim: there are only definitions, or nothing; "
            "write a target such as dh/dh_prev, d_a or d_W on the left"
        )
    failed = [one for one in verdicts if one.status != "proved" and not (allow_undecided and _says_something(one))]
    if failed:
        count = f"{len(failed)} of {len(verdicts)} lines"
        raise DerivationError(f"{count} of the derivation did not pass\n\n" + "\n\n".join(map(str, failed)))
    given = answered(verdicts, allow_undecided=allow_undecided)
    missing = [target for target in wanted if spelled[target] not in given]
    if missing:
        raise DerivationError("\n".join(_missing(target, spelled[target], verdicts) for target in missing))


def _says_something(verdict: Verdict) -> bool:
    """True if an undecided line held, and not because it is made of its own left side."""
    return verdict.held and verdict.target not in verdict.needs


def _missing(target: str, spelling: str, verdicts: list[Verdict]) -> str:
    """That no line answers a target, and why a line about it does not."""
    for one in verdicts:
        if one.target == spelling and not one.defines:
            others = " and ".join(one.needs)
            return f"no line says what {target} is: `{one.line}` takes it from {others}, which no line gives without it"
    return f"no line says what {target} is; write a line with this on the left"
