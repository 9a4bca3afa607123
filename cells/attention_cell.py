"""A recurrent cell that attends over all of its own earlier states."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minigrad import broadcast_to, linear, named, stack, tanh
from minigrad.errors import ShapeError

from .attention import Attention
from .cell import Cell, one_step
from .initializers import glorot, initial_values
from .scan import hold
from .validation import check_switches

__all__ = ["AttentionCell", "AttentionState"]


class AttentionState(NamedTuple):
    """The output, and what the next step needs: the inner cell's state and the memory.

    Attributes
    ----------
    h : (..., H)
        The output; the next step does not read it.
    inner : state
        The inner cell's.
    memory : tuple of (..., H)
        The inner cell's earlier hidden states from h_0 on, without the current one.
    present : tuple of None or (...) booleans
        Which sequences of the batch each of them, and the current one, belongs to; None stands for all.
    """

    h: Any
    inner: Any
    memory: tuple[Any, ...]
    present: tuple[Any, ...]

    def hold(self, alive: Any, old: "AttentionState") -> "AttentionState":
        """Past the end of a sequence the held state does not enter its memory once more.

        Parameters
        ----------
        alive : (...) booleans
            Which sequences of the batch go on.
        old : AttentionState
            The state before the step.

        Returns
        -------
        AttentionState
            With the memory of sequences that have ended as it was.
        """
        return AttentionState(
            hold(alive, self.h, old.h), hold(alive, self.inner, old.inner), self.memory, (*old.present, alive)
        )


@dataclass(frozen=True)
class AttentionCell:
    """At every step the current state attends over all earlier ones, m = (h_0, …, h_{t−1}).

    when="before", after Bahdanau, Cho and Bengio (ICLR 2015): the previous state asks, before the step,
    and the context enters the step:

        context = attend(h_prev, m),  x̃ = P x + C context,  h = step(h_prev, x̃)

    when="after", after Luong, Pham and Manning (EMNLP 2015), equation 5: the new state asks, after the
    step, and the context enters the output only:

        h = step(h_prev, x),  context = attend(h, m),  h̃ = tanh(C context + W h)

    Parameters
    ----------
    inner : Cell
        Any cell that goes one step at a time.
    when : {"before", "after"}
        Whether the attention comes before the inner cell's step or after it, as above.
    score : str
        See `Attention`.
    input_size : int, optional
        D; the inner cell's input size by default. "before" merges x and the context into a vector of
        the inner cell's input size; with ``inner.input_size`` = D + H the merger [x; context] is among
        those that P and C can express (P = [I; 0], C = [0; I]).

    Raises
    ------
    OptionError
        If a switch has no such value.
    ShapeError
        If "after" is asked with an input size that is not the inner cell's.
    NoStepError
        If the inner cell has no single step: it is bidirectional, or holds something that is.

    Notes
    -----
    Parameters: ``"inner"``: those of the inner cell, ``"attention"``: those of `Attention`, and "before"
    ``P: (D̃, D)``, ``C: (D̃, H)``, "after" ``C: (H, H)``, ``W: (H, H)``. Their number does not depend on T,
    but the work of a step grows with t.
    """

    SWITCHES: ClassVar[dict[str, tuple[Any, ...]]] = {"when": ("before", "after")}

    inner: Cell
    _: KW_ONLY
    when: str = "before"
    score: str = "additive"
    input_size: int = -1  # stands for the inner cell's; not None, because every layer's input size is an int

    def __post_init__(self) -> None:
        check_switches(self)
        one_step("inner", self.inner)
        if self.input_size == -1:
            object.__setattr__(self, "input_size", self.inner.input_size)
        if self.when == "after" and self.input_size != self.inner.input_size:
            raise ShapeError(
                f"when='after' passes x on unchanged, but it has length {self.input_size} and the inner cell "
                f"takes {self.inner.input_size}"
            )

    @property
    def hidden_size(self) -> int:
        """H of the inner cell."""
        return self.inner.hidden_size

    @property
    def attention(self) -> Attention:
        """The cell that attends: query and memory are both hidden states."""
        return Attention(self.hidden_size, score=self.score)

    def members(self) -> dict[str, Any]:
        """The inner cell and the attention, by the keys of their parameters."""
        return {"inner": self.inner, "attention": self.attention}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter of its own."""
        D, H, merged = self.input_size, self.hidden_size, self.inner.input_size
        return {"P": (merged, D), "C": (merged, H)} if self.when == "before" else {"C": (H, H), "W": (H, H)}

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, Any]:
        """The inner cell's and the attention's own parameters; P, C and W Glorot."""
        inside = {key: member.init(rng, dtype) for key, member in self.members().items()}
        return inside | initial_values(rng, self.parameter_shapes(), dtype, P=glorot, C=glorot, W=glorot)

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> AttentionState:
        """The inner cell's initial state, and nothing before it."""
        inner = self.inner.initial_state(batch_shape, dtype)
        return AttentionState(np.zeros((*batch_shape, self.hidden_size), dtype), inner, (), (None,))

    def step(self, params: dict[str, Any], state: AttentionState, x: Any) -> AttentionState:
        """One step: x (..., D) and all earlier states -> h (..., H)."""
        memory = (*state.memory, state.inner.h)
        m = stack(memory)
        mask = _mask(state.present, m.shape[1:-1])
        if self.when == "before":
            context = self.attention.attend(params["attention"], state.inner.h, m, mask).context
            merged = named("x_merged", linear(params["P"], x) + linear(params["C"], context))
            inner = self.inner.step(params["inner"], state.inner, merged)
            output = inner.h
        else:
            inner = self.inner.step(params["inner"], state.inner, x)
            context = self.attention.attend(params["attention"], inner.h, m, mask).context
            output = named("h_tilde", tanh(linear(params["C"], context) + linear(params["W"], inner.h)))
        return AttentionState(output, inner, memory, (*state.present, None))


def _mask(present: tuple[Any, ...], batch_shape: tuple[int, ...]) -> Any:
    """(S, ...) booleans, or None if every entry of the memory belongs to every sequence."""
    if all(entry is None for entry in present):
        return None
    everywhere = np.ones(batch_shape, bool)
    return stack([everywhere if entry is None else broadcast_to(entry, batch_shape) for entry in present])
