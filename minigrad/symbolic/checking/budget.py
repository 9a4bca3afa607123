"""The time that one submission may take: hints are given up first, then the lines that remain."""

from dataclasses import dataclass, field
from time import thread_time

from ..errors import FormulaError

__all__ = ["SECONDS", "Budget", "OutOfTimeError"]

#: Of processor time, for all lines together.
SECONDS = 10.0

#: The part of it after which no more hints are looked for.
_FOR_HINTS = 0.5


class OutOfTimeError(FormulaError):
    """The time for a submission is used up."""


@dataclass(frozen=True)
class Budget:
    """Processor time of this thread, from the moment that the budget is made.

    Attributes
    ----------
    seconds : float or None
        None for as long as it takes.
    """

    seconds: float | None = SECONDS
    _start: float = field(default_factory=lambda: thread_time())

    def has_time_for_hints(self) -> bool:
        """True if hints are still looked for."""
        return self.seconds is None or thread_time() - self._start < self.seconds * _FOR_HINTS

    def check(self) -> None:
        """Stop if the time is used up.

        Raises
        ------
        OutOfTimeError
            In that case.
        """
        if self.seconds is not None and thread_time() - self._start >= self.seconds:
            raise OutOfTimeError(
                f"the time for this submission, {self.seconds:g} s of processor time, is used up; check it in parts, "
                "or allow more with `budget`"
            )
