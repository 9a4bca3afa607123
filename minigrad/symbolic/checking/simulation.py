"""A real run of a cell at small sizes: the value of every letter, and every true derivative.

It refutes formulas that are wrong, and knows nothing of terms: values come from the cell's own
step on numbers , derivatives from the engine's reverse sweep. A state reached here is one that the
net can really be in, so a formula that differs here is refuted for good.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

from ...context import scope
from ...errors import MinigradError
from ...graph import Graph
from ...primitives import concatenate, log, softmax, stack, sum
from ...pytree import flatten
from ...sweep import ancestors, reverse_sweep
from ...tensor import Tensor, named, tensor
from ..deriving.signature import AttentionNet, RecurrentCell, StepPlan, consists_of_cells, plan_step
from ..deriving.traced_step import PLACES
from ..errors import FormulaError
from ..parsing.names import Symbol
from ..terms.names import NOW, Label

__all__ = ["Draws", "OutsideError", "Simulation", "drive"]


class OutsideError(FormulaError):
    """A letter of a step that this run does not have.

    Attributes
    ----------
    early : bool
        Whether the step lies before the first, where no run has the letter; a longer run has later steps.
    """

    def __init__(self, letter: str, t: int, early: bool | None = None) -> None:
        super().__init__(f"there is no {letter} at t={t}")
        self.early = t < 1 if early is None else early


@dataclass(eq=False)
class Simulation:
    """The run of a net over some steps, and E, its loss.

    Attributes
    ----------
    nodes : dict
        ``(t, letter)`` -> the value that the letter has at step t.
    constants : dict
        ``(t, letter)`` -> what no gradient passes through, such as the targets y.
    states : dict
        The parts of the state after step t, by t; in a Jacobian those of other steps are independent.
    params, readout_letters : dict
        Parameters by their letter.
    sizes : dict
        T, D, H, K, and for attention Q, M, A.
    steps : int
        The steps 1 to `steps` have a loss, and sums over time run over them.
    times : tuple of int
        The steps at which a line is to hold.
    loss : Tensor
        E.
    """

    nodes: dict[tuple[int, str], Tensor]
    constants: dict[tuple[int, str], np.ndarray]
    states: Mapping[int, list[Tensor]]
    params: dict[str, Tensor]
    readout_letters: dict[str, Tensor]
    sizes: dict[str, int]
    steps: int
    times: tuple[int, ...]
    loss: Tensor

    @cached_property
    def adjoints(self) -> Any:
        """∂E/∂(every node)."""
        return Graph({}, {"E": self.loss}).adjoints().nodes

    # -- what letters mean -----------------------------------------------------------------------

    def value(self, name: str, t: int) -> np.ndarray:
        """The value of a letter at step t: ``h``, ``h_prev``, ``f_next``, ``W``, ``yhat``, ``d_a``, ``d_a_next``.

        Raises
        ------
        FormulaError
            If the cell has no such letter.
        """
        symbol = Symbol.of(name)
        if symbol.adjoint:
            return self.adjoint(symbol.value_of().key, t)
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
        symbol = Symbol.of(name)
        return symbol.at(0).key, t + symbol.time

    @cached_property
    def timed(self) -> frozenset[str]:
        """Letters that have a value at every step."""
        return frozenset(name for _, name in (*self.nodes, *self.constants))

    def letters(self) -> list[str]:
        """The values that a formula at one step may name."""
        now = [name for t, name in (*self.nodes, *self.constants) if t == 1]
        before = [Symbol.of(name).at(-1).key for t, name in self.nodes if t == 0]
        return list(dict.fromkeys((*self.params, *self.readout_letters, *before, *now)))

    def adjoint(self, name: str, t: int) -> np.ndarray:
        """∂E/∂(a letter) at step t; for a parameter, over all steps.

        Raises
        ------
        FormulaError
            If the cell has no such letter, or it is a constant.
        """
        node = self.node(name, t)
        base, when = self._when(name, t)
        if node is None and any(known == base for _, known in self.nodes):
            raise OutsideError(base, when)
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
        own = self._when(of, t)[1]
        stops = [*(part for when, parts in self.states.items() if when != own for part in parts), source]
        rows = np.zeros((output.size, source.size))
        for i in range(output.size):
            seed = np.zeros(output.size)
            seed[i] = 1.0
            found = reverse_sweep([(output, seed.reshape(output.shape))], targets=stops).nodes.get(source)
            rows[i] = 0.0 if found is None else np.ravel(found)
        return rows.reshape((*output.shape, *source.shape))


class Draws(Enum):
    """Kinds of random parameters, inputs and states."""

    SHORT = "short to print"
    CONTINUOUS = "any numbers of order 1"
    LARGE_STATES = "states, and every second input, of every order up to 10000"
    LARGE_PARAMETERS = "parameters of every order up to 100"


#: Short numbers: never 0 or equal in size by accident.
NUMBERS = np.array([-1.25, -1.0, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0, 1.25])


def drive(
    net: Any,
    readout: Any,
    sizes: Mapping[str, int],
    seed: int,
    *,
    resize: bool = True,
    draws: Draws = Draws.SHORT,
) -> Simulation:
    """Simulation a net over `sizes` T steps and one more; only the T steps have a loss, so adjoints are 0 beyond them.

    Parameters
    ----------
    net
        A cell; two cells `forward` and `backward`; or what has `attend`, which is run for one query.
    readout
        With a readout, E is the cross-entropy summed over the steps: of random classes for an even seed, of
        random distributions for an odd one. Without, it is ``Σ_t ε_tᵀ h_t`` with random vectors ε, letter
        ``epsilon``.
    sizes : mapping
        T, D, H and K; a net that is built of other cells keeps its own D and H.
    seed : int
        For parameters, inputs and targets.
    resize : bool
        Whether the net may be replaced by one of other sizes.
    draws : Draws
        What numbers are drawn.
    """
    start = _Drive(readout, sizes, seed, draws)
    if isinstance(net, AttentionNet):
        return start.attention(_attention_of(net, sizes) if resize else net)
    if not isinstance(net, RecurrentCell):
        return start.two_ways(net)
    return start.cell(_resized(net, input_size=sizes["D"], hidden_size=sizes["H"]) if resize else net)


def _resized(part: Any, **sizes: int) -> Any:
    """A cell or readout of other sizes; one that is built of other cells keeps its own."""
    own = {field.name for field in fields(part)} if is_dataclass(part) else set()
    return replace(part, **sizes) if set(sizes) <= own and not consists_of_cells(part) else part


def _attention_of(attention: Any, sizes: Mapping[str, int]) -> Any:
    """An attention of sizes Q = H, M = D and A = K; with M = Q where its score needs that."""
    Q, A = sizes["H"], sizes["K"]
    for M in (sizes["D"], Q):
        try:
            return _resized(attention, query_size=Q, memory_size=M, attention_size=A)
        except MinigradError:
            continue
    return attention


def _remembers(plan: StepPlan) -> bool:
    """True if a step reads states from before the previous one."""
    labels = plan.labels_before(flatten(plan.before)[1])
    return any(label.time is not None and label.time.offset < -1 for label in labels)


class _Drive:
    """One run while it is made: random numbers, and what has been noted."""

    def __init__(self, readout: Any, sizes: Mapping[str, int], seed: int, draws: Draws) -> None:
        self.readout = readout
        self.draws = draws
        self.sizes = dict(sizes)
        self.rng = np.random.default_rng(seed)
        self.soft = seed % 2 == 1
        self.nodes: dict[tuple[int, str], Tensor] = {}
        self.constants: dict[tuple[int, str], np.ndarray] = {}
        self.states: dict[int, list[Tensor]] = {}
        self.params: dict[str, Tensor] = {}
        self.readout_params: dict[str, Tensor] = {}
        self.losses: list[Tensor] = []
        self.ends: list[Tensor] = []

    # -- the three kinds -------------------------------------------------------------------------

    def cell(self, cell: Any) -> Simulation:
        """A cell, from t = 1 on; one that reads all its earlier states is looked at where it has three."""
        plan = plan_step(cell)
        remembers = _remembers(plan)
        steps = max(self.sizes["T"], PLACES) if remembers else self.sizes["T"]
        params = self._parameters(plan, cell)
        self._prepare(cell.hidden_size)
        state = self._initial(plan, cell, 0)
        for t in range(1, steps + 2):
            with scope(f"t={t}"):
                state = cell.step(params, state, self._input(cell, t))
                self._note_state(t, plan, state)
                self._hear(t, state.h, counts=t <= steps)
        times = (PLACES,) if remembers else tuple(range(1, steps + 1))
        return self._run(cell, steps, times)

    def two_ways(self, net: Any) -> Simulation:
        """The forward half from t = 1 to T+1, the backward half from T to 0; outputs at 1 … T."""
        steps, ends = self.sizes["T"], {}
        params, plans = {}, {}
        for name, turned in (("forward", False), ("backward", True)):
            plans[name] = plan_step(getattr(net, name), name_sizes=False).placed((name,), turned=turned)
            params[name] = self._parameters(plans[name], getattr(net, name))
        self._prepare(net.hidden_size)
        for t in range(steps + 2):
            with scope(f"t={t}"):
                self._input(net, t)
        for name, times in (("forward", range(1, steps + 2)), ("backward", range(steps, -1, -1))):
            cell = getattr(net, name)
            state = self._initial(plans[name], cell, times[0] - times.step)
            for t in times:
                with scope(f"t={t}"), scope(name):
                    state = cell.step(params[name], state, self.nodes[t, "x"])
                self._note_state(t, plans[name], state)
                ends[name, t] = state.h
        for t in range(1, steps + 1):
            with scope(f"t={t}"):
                h = named("h", concatenate([ends["forward", t], ends["backward", t]], -1))
                self._hear(t, h, counts=True)
        return self._run(net, steps, tuple(range(1, steps + 1)))

    def attention(self, attention: Any) -> Simulation:
        """One query and a memory of three vectors; E is ``εᵀ context``."""
        classes = {"K": self.sizes["K"]} if self.readout is not None else {}
        own = {"Q": attention.query_size, "M": attention.memory_size}
        self.sizes = own | {"A": getattr(attention, "attention_size", attention.query_size)} | classes
        leaves, structure = flatten(attention.init(self.rng))
        names = [path.strip('[]"') for path in structure.paths()]
        self.params = {name: self._draw(name, np.shape(value)) for name, value in zip(names, leaves, strict=True)}
        with scope("t=1"):
            q = self.nodes[1, "q"] = self._draw("q", (attention.query_size,))
            memory = [self._draw(f"m_{s}", (attention.memory_size,)) for s in range(1, PLACES + 1)]
            attended = attention.attend(structure.unflatten(list(self.params.values())), q, stack(memory))
            self.nodes |= {(1, str(node.name)): node for node in memory}
            self._prepare(attention.memory_size)
            self._hear(1, attended.context, counts=True)
        return self._run(attention, 1, (1,))

    # -- parts of a run --------------------------------------------------------------------------

    def _draw(self, name: str, shape: tuple[int, ...]) -> Tensor:
        return tensor(self._numbers(shape), name=name)

    def _numbers(self, shape: tuple[int, ...], *, of_state: bool = False) -> np.ndarray:
        if self.draws is Draws.SHORT:
            return self.rng.choice(NUMBERS, shape)
        found = self.rng.uniform(-1.25, 1.25, shape)
        if self.draws is Draws.LARGE_STATES:  # small parameters, so that gates are open where states are large
            found *= 10 ** (self.rng.uniform(0, 4, shape) if of_state else self.rng.uniform(-4, 0, shape))
        if self.draws is Draws.LARGE_PARAMETERS and not of_state:
            found *= 10 ** self.rng.uniform(-1, 2, shape)
        return found

    def _input(self, cell: Any, t: int) -> Tensor:
        x = self.nodes[t, "x"] = tensor(self._numbers((cell.input_size,), of_state=t % 2 == 0), name="x")
        return x

    def _parameters(self, plan: StepPlan, cell: Any) -> Any:
        leaves, structure = flatten(cell.init(self.rng))
        labels = plan.labels_of_parameters(structure)
        found = {label.key: self._draw(label.name, np.shape(leaf)) for label, leaf in zip(labels, leaves, strict=True)}
        self.params |= found
        return structure.unflatten(list(found.values()))

    def _prepare(self, hidden: int) -> None:
        if self.readout is None:
            return
        self.readout = _resized(self.readout, hidden_size=hidden, classes=self.sizes["K"])
        shapes = {name: np.shape(value) for name, value in self.readout.init(self.rng).items()}
        self.readout_params = {name: self._draw(name, shape) for name, shape in shapes.items()}

    def _initial(self, plan: StepPlan, cell: Any, t: int) -> Any:
        """A random state to begin with; parts with one label are one node."""
        leaves, structure = flatten(cell.initial_state())
        labels = [plan.label(path) for path in structure.paths()]
        with scope(f"t={t}"):
            for label, part in zip(labels, leaves, strict=True):
                if (t, label.key) not in self.nodes:
                    value = self._numbers(np.shape(part), of_state=True) / 2
                    self.nodes[t, label.key] = tensor(value, name=label.name)
        found = [self.nodes[t, label.key] for label in labels]
        self.states.setdefault(t, []).extend(found)
        return structure.unflatten(found)

    def _note_state(self, t: int, plan: StepPlan, state: Any) -> None:
        leaves, structure = flatten(state)
        for path, part in zip(structure.paths(), leaves, strict=True):
            label = plan.label(path)
            if label.time == NOW and path in plan.labels:
                self.nodes[t, label.key] = part
                self.states.setdefault(t, []).append(part)
                self.ends.append(part)

    def _hear(self, t: int, h: Tensor, *, counts: bool) -> None:
        """The loss term of step t; it enters E if it counts."""
        if self.readout is None:
            self.constants[t, "epsilon"] = self._numbers(h.shape)
            loss = sum(h * self.constants[t, "epsilon"])
        else:
            logits = named("logits", self.readout.logits(self.readout_params, h))
            yhat = named("yhat", softmax(logits))
            y = self.constants[t, "y"] = self._targets(logits.shape[0])
            loss = -sum(y * log(yhat))
            self.nodes |= {(t, "logits"): logits, (t, "yhat"): yhat}
            into_h = reverse_sweep([(loss, np.ones(()))], targets=[h]).nodes[h]
            self.constants[t, "epsilon"] = np.asarray(into_h)
        self.ends.append(loss)
        if counts:
            self.losses.append(loss)

    def _targets(self, classes: int) -> np.ndarray:
        if self.soft:
            weights = self.rng.integers(1, 5, classes).astype(float)
            return weights / weights.sum()
        y = np.zeros(classes)
        y[self.rng.integers(classes)] = 1.0
        return y

    def _run(self, net: Any, steps: int, times: tuple[int, ...]) -> Simulation:
        """All of it, with every value that the net gave a name."""
        noted = set(self.nodes.values())
        for node in ancestors(self.ends):
            moments = [int(part[2:]) for part in node.scope if part.startswith("t=")]
            if node.name is not None and moments and node not in noted:
                place = tuple(part for part in node.scope if not part.startswith("t="))
                self.nodes.setdefault((moments[0], Label(node.name, None, place).key), node)
        keys = {name for _, name in self.nodes} | set(self.params)
        taken = {part for key in keys for part in (key, key.rpartition(".")[2])}
        readout = {f"{name}_readout" if name in taken else name: node for name, node in self.readout_params.items()}
        own = {} if isinstance(net, AttentionNet) else {"D": net.input_size, "H": net.hidden_size}
        total = self.losses[0]
        for loss in self.losses[1:]:
            total = total + loss
        sizes = {**self.sizes, **own} | ({"T": steps} if own else {})
        return Simulation(self.nodes, self.constants, self.states, self.params, readout, sizes, steps, times, total)
