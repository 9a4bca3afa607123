"""A real run of a cell at small sizes: the value of every letter, and every true derivative.

This is the judge of formulas that are wrong. It knows nothing of terms: values come from the cell's own
step on numbers, derivatives from the engine's reverse sweep. A state reached here is one that the net can
really be in, so a formula that differs here is refuted for good.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from ..functions import cross_entropy
from ..graph import Graph
from ..primitives import softmax, sum
from ..scopes import scope
from ..sweep import reverse_sweep
from ..tensor import Tensor, named, tensor
from .errors import FormulaError

__all__ = ["OutsideError", "Run", "resized"]

#: Inputs and parameters are drawn from these: short to print, and never 0 or equal in size by accident.
NUMBERS = np.array([-1.25, -1.0, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0, 1.25])


class OutsideError(FormulaError):
    """A letter of a step that this run does not have.

    Attributes
    ----------
    early : bool
        Whether the step lies before the first, where no run has the letter; a longer run has later steps.
    """

    def __init__(self, letter: str, t: int) -> None:
        super().__init__(f"there is no {letter} at t={t}")
        self.early = t < 1


def resized(part: Any, **sizes: int) -> Any:
    """A cell or readout of other sizes; one that is built of other cells keeps its own."""
    own = {field.name for field in fields(part)} if is_dataclass(part) else set()
    return replace(part, **sizes) if set(sizes) <= own else part


class Run:
    """A cell over ``steps + 1`` steps; the first `steps` of them have a loss, so adjoints are 0 at the last.

    Parameters
    ----------
    cell, readout : Cell, Readout or None
        With a readout, E is the cross-entropy of random classes, summed over the steps; without, it is
        ``Σ_t ε_tᵀ h_t`` with random vectors ε, letter ``epsilon``.
    sizes : mapping
        T, D, H and K.
    seed : int
        For parameters, inputs and targets.
    """

    def __init__(self, cell: Any, readout: Any, sizes: Mapping[str, int], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.cell = resized(cell, input_size=sizes["D"], hidden_size=sizes["H"])
        self.readout = None if readout is None else resized(readout, hidden_size=sizes["H"], classes=sizes["K"])
        self.sizes = {**sizes, "D": self.cell.input_size, "H": self.cell.hidden_size}
        self.steps = sizes["T"]
        self.params = self._parameters(self.cell, rng)
        self.readout_params = {} if self.readout is None else self._parameters(self.readout, rng)
        self.nodes: dict[tuple[int, str], Tensor] = {}
        self.constants: dict[tuple[int, str], np.ndarray] = {}
        self.states: list[dict[str, Tensor]] = []
        loss = self._unroll(rng)
        self.adjoints = Graph({}, {"E": loss}).adjoints().nodes
        self.readout_letters = self._readout_letters()

    def _parameters(self, part: Any, rng: np.random.Generator) -> dict[str, Tensor]:
        shapes = {name: np.shape(value) for name, value in part.init(rng).items()}
        return {name: tensor(rng.choice(NUMBERS, shape), name=name) for name, shape in shapes.items()}

    def _readout_letters(self) -> dict[str, Tensor]:
        """The readout's parameters; ``c`` is called ``c_readout`` where the cell has a ``c`` of its own."""
        taken = {name for _, name in self.nodes} | set(self.params)
        return {f"{name}_readout" if name in taken else name: node for name, node in self.readout_params.items()}

    def _unroll(self, rng: np.random.Generator) -> Tensor:
        """Run the steps, note every named node, and return E."""
        with scope("t=0"):
            state = self.cell.initial_state()
            state = type(state)(
                *(
                    tensor(rng.choice(NUMBERS, part.shape) / 2, name=name) if hasattr(part, "shape") else part
                    for name, part in state._asdict().items()
                )
            )
        self._note_state(0, state)
        losses = []
        ends: list[Tensor] = []
        for t in range(1, self.steps + 2):
            with scope(f"t={t}"):
                x = tensor(rng.choice(NUMBERS, self.cell.input_size), name="x")
                self.nodes[t, "x"] = x
                state = self.cell.step(self.params, state, x)
                losses.append(self._loss(t, state.h, rng))
            self._note_state(t, state)
            ends += self.states[t].values()
        total = losses[0]
        for loss in losses[1 : self.steps]:
            total = total + loss
        outputs = {str(i): node for i, node in enumerate([*ends, *losses])}
        for node in Graph({}, outputs).nodes:
            if node.name is not None and node.scope and node.scope[-1].startswith("t="):
                self.nodes.setdefault((int(node.scope[-1][2:]), node.name), node)
        return total

    def _note_state(self, t: int, state: Any) -> None:
        parts = {name: part for name, part in state._asdict().items() if isinstance(part, Tensor)}
        self.states.append(parts)
        self.nodes.update({(t, name): part for name, part in parts.items()})

    def _loss(self, t: int, h: Tensor, rng: np.random.Generator) -> Tensor:
        if self.readout is None:
            self.constants[t, "epsilon"] = rng.choice(NUMBERS, h.shape)
            return sum(h * self.constants[t, "epsilon"])
        logits = named("logits", self.readout.logits(self.readout_params, h))
        y = np.zeros(logits.shape)
        y[rng.integers(logits.shape[0])] = 1.0
        self.constants[t, "y"] = y
        self.constants[t, "yhat"] = softmax(logits.value)
        return cross_entropy(logits, y)

    # -- what letters mean -----------------------------------------------------------------------

    def value(self, name: str, t: int) -> np.ndarray:
        """The value of a letter at step t: ``h``, ``h_prev``, ``f_next``, ``W``, ``yhat``, ``d_a``, ``d_a_next``.

        Raises
        ------
        FormulaError
            If the cell has no such letter.
        """
        if name.startswith("d_"):
            return self.adjoint(name[2:], t)
        node = self.node(name, t)
        if node is not None:
            return node.value
        base, when = self._when(name, t)
        if (when, base) in self.constants:
            return self.constants[when, base]
        if any(known == base for _, known in (*self.nodes, *self.constants)):
            raise OutsideError(base, when)
        raise FormulaError(f"the letter {name!r} is not known here; there are: {', '.join(self.letters())}")

    def node(self, name: str, t: int) -> Tensor | None:
        """The node behind a letter, if there is one."""
        base, when = self._when(name, t)
        found = self.nodes.get((when, base))
        if found is None and base == name:
            found = self.params.get(name, self.readout_letters.get(name))
        return found

    def _when(self, name: str, t: int) -> tuple[str, int]:
        for suffix, shift in (("_prev", -1), ("_next", 1)):
            if name.endswith(suffix):
                return name.removesuffix(suffix), t + shift
        return name, t

    def letters(self) -> list[str]:
        """What a formula at one step may speak of."""
        now = [name for t, name in (*self.nodes, *self.constants) if t == 1]
        before = [f"{name}_prev" for name in self.states[0]]
        return list(dict.fromkeys((*self.params, *self.readout_letters, *before, *now)))

    def adjoint(self, name: str, t: int) -> np.ndarray:
        """∂E/∂(a letter) at step t; for a parameter, over all steps.

        Raises
        ------
        FormulaError
            If the cell has no such letter, or it is a constant.
        """
        node = self.node(name, t)
        if node is None and self.node(name, 1) is not None:
            raise OutsideError(name, self._when(name, t)[1])
        if node is None:
            raise FormulaError(f"there is no adjoint of {name!r}; there are those of: {', '.join(self.letters())}")
        found = self.adjoints.get(node)
        if found is None:
            return np.zeros(node.shape)
        return found.result() if hasattr(found, "result") else np.asarray(found)

    def jacobian(self, of: str, by: str, t: int) -> np.ndarray:
        """∂of/∂by within step t, in numerator layout; the parts of the earlier state are independent.

        Raises
        ------
        FormulaError
            If one of them is no letter of this cell, or their Jacobian is no matrix.
        """
        output, source = self.node(of, t), self.node(by, t)
        if output is None or source is None:
            missing = of if output is None else by
            raise FormulaError(f"there is no {missing!r} to differentiate; there are: {', '.join(self.letters())}")
        if output.ndim > 1 or source.ndim > 1:
            raise FormulaError(f"the Jacobian of {of} by {by} is no matrix; write the gradient d_{by} instead")
        stops = [*self.states[t - 1].values(), source]
        rows = np.zeros((output.size, source.size))
        for i in range(output.size):
            seed = np.zeros(output.size)
            seed[i] = 1.0
            found = reverse_sweep([(output, seed.reshape(output.shape))], targets=stops).nodes.get(source)
            rows[i] = 0.0 if found is None else np.ravel(found)
        return rows.reshape((*output.shape, *source.shape))
