"""The problem that a derivation is checked against: closed forms, and a net with its loss to run."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...primitives import linear
from ...tensor import named
from ..deriving.derivation import Derivation, derive
from ..deriving.signature import AttentionNet, BidirectionalNet, RecurrentCell
from ..errors import FormulaError
from ..parsing.names import without_time
from ..parsing.syntax import Line, Name, subexpressions
from ..terms.dims import Dim

__all__ = ["Subject", "subject_of"]

#: Letters that only a readout has.
_OF_READOUT = frozenset({"V", "c_readout", "logits", "y", "yhat"})


@dataclass(frozen=True)
class Subject:
    """The forms that lines are compared with.

    Attributes
    ----------
    derivation : Derivation
        The engine's own formulas.
    net, readout : Cell, Readout or None
        What is run on numbers.
    resize : bool
        Whether nets of other sizes may be run, since the formulas hold for all sizes.
    """

    derivation: Derivation
    net: Any
    readout: Any
    resize: bool

    def numbers(self) -> dict[int, tuple[Dim, ...]]:
        """The named sizes of the formulas by the numbers that they are in this net."""
        own = {"D": "input_size", "H": "hidden_size", "Q": "query_size", "M": "memory_size", "A": "attention_size"}
        sizes = {str(size): size for value in self.derivation.values.values() for size in value.shape}
        found = {name: getattr(self.net, attribute, None) for name, attribute in own.items()}
        found["K"] = getattr(self.readout, "classes", None)
        named = {
            name: number for name, number in found.items() if isinstance(sizes.get(name), Dim) and number is not None
        }
        return {number: tuple(sizes[name] for name in named if named[name] == number) for number in named.values()}


@dataclass(frozen=True)
class _Softmax:
    """The readout of the notes, for derivations that are checked without one: logits = V h + c."""

    hidden_size: int
    classes: int

    def init(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"V": rng.standard_normal((self.classes, self.hidden_size)), "c": np.zeros(self.classes)}

    def logits(self, params: dict[str, Any], h: Any) -> Any:
        return named("logits", linear(params["V"], h) + params["c"])


def subject_of(given: Any, readout: Any, lines: Iterable[Line]) -> Subject:
    """The problem to check lines against.

    Parameters
    ----------
    given : Cell, Attention, net of cells, or Derivation
        As it was handed to `check_derivation`.
    readout : Readout or None
        The same; by default logits = V h + c, where that is not at odds with the lines.
    lines : iterable of Line
        The lines to check: they tell by their letters whether a readout is meant.

    Raises
    ------
    FormulaError
        If there is nothing that could be derived.
    """
    if isinstance(given, Derivation):
        if given.cell is None:
            raise FormulaError("this derivation does not say of which cell it is; make it by derive(cell)")
        if given.readout is None:
            return _subject(given, given.cell, None)
        return _subject(given, given.cell, _plain_readout(given.cell) if readout is None else readout)
    if not isinstance(given, RecurrentCell | AttentionNet | BidirectionalNet):
        raise FormulaError(f"{type(given).__name__} has no step that could be checked; pass a cell, such as RNN(2, 3)")
    if readout is None and not isinstance(given, AttentionNet) and _speaks_of_readout(lines):
        readout = _plain_readout(given)
    return _subject(derive(given, readout), given, readout)


def _subject(derivation: Derivation, net: Any, readout: Any) -> Subject:
    values = derivation.step.values.values()
    any_size = any(isinstance(size, Dim) for value in values for size in value.value.shape)
    return Subject(derivation, net, readout, any_size)


def _speaks_of_readout(lines: Iterable[Line]) -> bool:
    """True if E is the loss of a readout: unless ε is used, undefined, and no letter of a readout is."""
    known = list(lines)
    defined = {line.by for line in known if line.of is None}
    letters = {part.name for line in known for part in subexpressions(line.formula) if isinstance(part, Name)}
    letters |= {name for line in known if line.of is not None for name in (line.of, line.by)}
    used = {without_time(name.removeprefix("d_")) for name in letters} - defined
    return "epsilon" not in used or bool(used & _OF_READOUT)


def _plain_readout(cell: Any) -> _Softmax:
    return _Softmax(cell.hidden_size, cell.hidden_size + 1)
