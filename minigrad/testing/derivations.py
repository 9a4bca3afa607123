"""assert_derivation: a derivation as a pytest assertion."""

from collections.abc import Iterable
from typing import Any

from ..errors import MinigradError
from ..symbolic.checking.verdicts import check_derivation
from ..symbolic.errors import FormulaError

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
        Left sides that must be there, in any spelling: ``d_f``, ``∂E/∂f_t``, ``dc/dc_prev``. A line that takes
        an adjoint from what is made of it, as ``d_f = d_a_f / (f * (1 - f))``, does not count.
    allow_undecided : bool
        Let lines pass that held wherever they were tried, but for which no proof was found. Those that say
        nothing, as ``d_f = d_f``, do not pass.

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
    verdicts = check_derivation(cell_or_derivation, lines, readout)
    if all(verdict.defines for verdict in verdicts):
        raise DerivationError(
            "no line of the derivation makes a claim: there are only definitions, or nothing; "
            "write a target such as dh/dh_prev, d_a or d_W on the left"
        )
    accepted = {"proved", "undecided"} if allow_undecided else {"proved"}
    empty = [verdict for verdict in verdicts if verdict.says_nothing]
    failed = [one for one in verdicts if one.status not in accepted or (one in empty and one.status != "proved")]
    if failed:
        count = f"{len(failed)} of {len(verdicts)} lines"
        raise DerivationError(f"{count} of the derivation did not pass\n\n" + "\n\n".join(map(str, failed)))
    given = {verdict.target for verdict in verdicts if not verdict.defines and verdict not in empty}
    missing = [target for target in targets if _target(cell_or_derivation, target, readout) not in given]
    if missing:
        raise DerivationError(f"no line says what {' and '.join(missing)} is; write a line with this on the left")


def _target(cell_or_derivation: Any, target: str, readout: Any) -> str:
    """A left side in the one spelling that verdicts have."""
    (verdict,) = check_derivation(cell_or_derivation, [f"{target} = 0"], readout)
    if verdict.defines:
        raise FormulaError(f"{target!r} is no target here; name a letter, an adjoint such as d_h or a Jacobian")
    return verdict.target
