"""Dependencies between the lines of a derivation: the letters they define, and circles among them.

A line is true or not whatever it is used for. As an answer to "what is ∂E/∂f?" the true line
``d_f = d_a_f / (f * (1 - f))`` is worth something only if others say what d_a_f is, and not by d_f. Given without a
line is what the engine has when it comes to a letter: for an adjoint the adjoints that the reverse sweep meets before
it, those of the next step, and all values; for a value what is computed before it. In a bidirectional net each half has
its own order of the steps. Adjoints say nothing of a Jacobian: they are made with it.
"""

from collections.abc import Iterable, Mapping

from ..deriving.derivation import Derivation
from ..deriving.traced_step import BidirectionalStep
from ..parsing.names import spoken
from ..parsing.syntax import Line
from ..terms.names import NOW, Label
from ..terms.term import Term
from ..terms.traversal import leaves
from .context import as_key
from .verdict import Verdict

__all__ = ["Answers", "answered"]


def answered(verdicts: Iterable[Verdict], *, allow_undecided: bool = False) -> set[str]:
    """The targets about which a derivation really says something.

    Parameters
    ----------
    verdicts : iterable of Verdict
        From `check_derivation`.
    allow_undecided : bool
        Count lines that held wherever they were tried, too.

    Returns
    -------
    set of str
        As in `Verdict.target`: of lines that are proved, make a claim, and take no letter from what is made of it,
        unless other lines answer that one.

    Examples
    --------
    >>> from cells import LSTM
    >>> from minigrad.symbolic import check_derivation
    >>> lines = ["d_c = d_c", "d_f = d_a_f / (f * (1 - f))", "d_i = d_c * g"]
    >>> sorted(answered(check_derivation(LSTM(2, 3), lines)))
    ['d_i']
    """
    true = [one for one in verdicts if one.status == "proved" or (allow_undecided and one.held)]
    claims = [one for one in true if not one.defines]
    return {one.target for one in claims if not one.needs or _follow_without(one.target, claims).issuperset(one.needs)}


def _follow_without(letter: str, claims: list[Verdict]) -> set[str]:
    """The targets that lines answer which do not rest on a letter, themselves or by way of others."""
    stated = {one.target for one in claims}
    usable = [one for one in claims if letter not in (*one.needs, *one.uses)]
    found: set[str] = set()
    while True:
        new = {one.target for one in usable if found.issuperset({*one.needs, *stated.intersection(one.uses)})} - found
        if not new:
            return found
        found |= new


class Answers:
    """The assumptions of lines about one derivation.

    Attributes
    ----------
    derivation : Derivation
    """

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        step, readout = derivation.step, derivation.readout
        swept = [] if readout is None else [readout.adjoints["yhat"], readout.adjoints["logits"]]
        swept += [step.seed(key) for key in derivation.adjoints_of_a_step]
        heard = {} if readout is None else readout.values
        values = [*(value.value for value in step.values.values()), *heard.values()]
        self._adjoints = {term.label.at(NOW): i for i, term in enumerate(swept)}
        self._values = {term.label.at(NOW): i for i, term in enumerate(values) if term.kind in ("symbol", "named")}

    def target(self, line: Line) -> str:
        """The left side, as it is called for step t, to which the line was moved: ``d_h`` for ``∂E/∂h_{t-1}``."""
        return f"d{spoken(str(line.of))}/d{spoken(line.by)}" if line.letter is None else spoken(line.letter)

    def rests_on(self, line: Line, written: Term) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The letters that a true line needs, those after its own or its own; and what of its step it uses besides."""
        own = self._own(line)
        if line.letter is None and any(part.label.at(NOW) in self._adjoints for part in leaves(written)):
            # δu = (∂v/∂u)ᵀ δv, so adjoints take a Jacobian for granted, as d_f/d_c does that of c by f.
            return (self.target(line),), ()
        if own is None:
            return (), ()
        order = self._adjoints if line.of == "E" else self._values
        needs, uses = [], []
        for part in leaves(written):
            label, when = part.label.at(NOW), _step(part)
            if label in self._adjoints and line.of is None:
                needs.append(self.target(line))
            elif label in order and self._is_after(label, when, order, own):
                needs.append(_letter(label.key))
            elif label in order and when == 0:
                uses.append(_letter(label.key))
        return tuple(dict.fromkeys(needs)), tuple(dict.fromkeys(uses))

    def _is_after(self, label: Label, when: int | None, order: Mapping[Label, int], own: Label) -> bool:
        """True if the engine has a letter only after another, or with it; the reverse sweep goes back in time."""
        if not when:
            return order[label] >= order[own]
        half = label.place[0] if isinstance(self.derivation.step, BidirectionalStep) and label.place else None
        if isinstance(self.derivation.step, BidirectionalStep) and half is None:
            return order is self._values  # h and what is made of it has both halves in it; adjoints have the loss alone
        runs_back = (half == "backward") != (order is self._adjoints)
        return when < 0 if runs_back else when > 0

    def _own(self, line: Line) -> Label | None:
        """The label of a line's letter, if it has an order."""
        if line.letter is None:
            return None
        order = self._adjoints if line.of == "E" else self._values
        named = {label.key: label for label in order}
        if line.of != "E":
            return named.get(line.by)
        place, _, name = as_key(line.by).rpartition(".")
        return named.get(f"{place}.d_{name}" if place else f"d_{name}")


def _step(part: Term) -> int | None:
    """The number of steps from step t to a letter; None for what has no time."""
    time = part.label.time
    return time.offset if time is not None and time.symbol == "t" else None


def _letter(key: str) -> str:
    """``d_h1`` for the key of a seed, ``layer1.d_h``."""
    place, _, name = key.rpartition(".")
    if place and name.startswith("d_"):
        return spoken(f"d_{place}.{name.removeprefix('d_')}")
    return spoken(key)
