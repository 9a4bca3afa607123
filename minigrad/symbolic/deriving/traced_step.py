"""One step of a cell, traced on symbols, and the local derivatives between its named values.

The engine's own reverse sweep runs from each named value down to the named values that it was computed
from, with a generic seed. What is between two names is worked out; names stay names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from ...context import scope
from ...errors import MinigradError
from ...primitives import concatenate, stack
from ...pytree import flatten
from ...sweep import ancestors, reverse_sweep
from ...tensor import Tensor, leaf, named
from ..errors import FormulaError
from ..terms.dims import Dim
from ..terms.linear import differential, read_linear
from ..terms.names import NEXT, NOW, PREVIOUS, Index, Label
from ..terms.products import transpose
from ..terms.symbols import symbol_term
from ..terms.term import Term
from .signature import AttentionNet, BidirectionalNet, RecurrentCell, StepPlan, plan_step

__all__ = [
    "PLACES",
    "AttentionStep",
    "BidirectionalStep",
    "RecurrentStep",
    "TracedStep",
    "change_of",
    "seed_of",
    "trace",
]

#: How many vectors the memory holds in which an attention is derived.
PLACES = 3

#: Sizes of an attention: the field, a number that tells its axes apart, and its name.
_ATTENTION_SIZES = {"query_size": (7, Dim("Q")), "memory_size": (11, Dim("M")), "attention_size": (13, Dim("A"))}


def seed_of(label: Label, shape: tuple[Any, ...]) -> Term:
    """∂E/∂(named value), the generic seed of a reverse sweep: δh_t for h_t."""
    return symbol_term(label._replace(name=f"d_{label.name}"), shape)


@dataclass(frozen=True)
class TracedStep:
    """A step on symbols: a `RecurrentStep`, an `AttentionStep` or a `BidirectionalStep`.

    Attributes
    ----------
    values : dict
        Every named value by its key, in the order of computation: parameters, the state before
        (``h_prev``), ``x``, gates, and the state after (``h``).
    parameters, before, after : tuple of str
        Keys of the parameters, of the state before the step, and of the state after it.
    output : str
        Key of the part of the state that is the cell's output.
    pulls : dict
        ``pulls[u][v]``: ∂E/∂v as far as it comes from u directly, as a formula linear in u's seed.
    """

    values: dict[str, Tensor]
    parameters: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    output: str
    pulls: dict[str, dict[str, Term]]

    def term(self, key: str) -> Term:
        """The named value as a term.

        Raises
        ------
        FormulaError
            If the step has no value of that name.
        """
        if key not in self.values:
            raise FormulaError(f"the step has no value named {key!r}; there are {', '.join(self.values)}")
        return self.values[key].value

    def seed(self, key: str) -> Term:
        """The cotangent of a value."""
        term = self.term(key)
        return seed_of(term.label, term.shape)

    def local(self, u: str, v: str) -> Term | None:
        """∂u/∂v with all other names held fixed; for a matrix v the change of u for a change dv."""
        pulled = self.pulls.get(u, {}).get(v)
        if pulled is None:
            return None
        if pulled.ndim == 2:
            return differential(pulled, self.seed(u), change_of(self.term(v)))
        return transpose(read_linear(pulled, self.seed(u)))

    def carried(self) -> dict[str, str]:
        """Parts of the state after the step, with their keys before it, that the next step reads."""
        earlier = {key: self.term(key).label for key in self.before if key in self._read()}
        beside = {label.at(NOW).key: key for key, label in earlier.items() if label.time in (PREVIOUS, NEXT)}
        return {now: key for now, key in beside.items() if now in self.after}

    def remembers(self) -> bool:
        """True if the step reads states from before the previous one, as attention over its own past does."""
        return bool(self.memory())

    def memory(self) -> tuple[str, ...]:
        """Keys of the vectors that are attended over, the oldest first; none for a cell without a memory."""
        return ()

    def _read(self) -> set[str]:
        """Keys of the values from which others are computed."""
        return {v for pulls in self.pulls.values() for v in pulls}


@dataclass(frozen=True)
class RecurrentStep(TracedStep):
    """One step of a cell, from the state of step t−1 to that of step t.

    Attributes
    ----------
    plan : StepPlan
        The cell, and the labels and shapes of all that enters its step.
    """

    plan: StepPlan

    def memory(self) -> tuple[str, ...]:
        """Keys of the earlier states that the step reads, the oldest first; none if it reads the previous one only."""
        labels = {key: self.term(key).label for key in self.before}
        offsets = {key: label.time.offset for key, label in labels.items() if label.time is not None}
        oldest = min(offsets, key=offsets.__getitem__, default=None)
        if oldest is None or offsets[oldest] >= PREVIOUS.offset:
            return ()
        kept = [key for key in self.before if labels[key].at(None) == labels[oldest].at(None)]
        return tuple(sorted(kept, key=offsets.__getitem__))

    def hands_on(self) -> bool:
        """True if the state holds inputs of the step as they are, as those that a convolution keeps."""
        return any(key in self._read() and key not in self.carried().values() for key in self.before)

    def run_from(self, parts: Mapping[str, Tensor], time: Index) -> dict[str, Tensor]:
        """Run the step after `time` on given nodes for the carried parts; the parts of the new state by key."""
        params, _ = self.plan.parameters()
        state = self.plan.state()[1] | {key: parts[now] for now, key in self.carried().items()}
        x = _node(Label("x", time.shifted(1)), self.term("x").shape)
        with scope(f"t={time.shifted(1)}"):
            reached = self.plan.cell.step(params, self.plan.state_of(state), x)
            return {label.key: _under(label, node) for label, node in self.plan.outputs(reached)}


@dataclass(frozen=True)
class AttentionStep(TracedStep):
    """An attention over a memory m_1, m_2, …, which belongs to no step in time."""

    def memory(self) -> tuple[str, ...]:
        """Keys of the vectors that are attended over: all that is given but the query."""
        return tuple(key for key in self.before if key != "q")


@dataclass(frozen=True)
class BidirectionalStep(TracedStep):
    """One step of both directions: the forward cell reads the state of step t−1, the backward cell that of t+1."""


def change_of(parameter: Term) -> Term:
    """dW, a small change of W."""
    label = parameter.label
    return symbol_term(label._replace(name=f"Δ{label.name}"), parameter.shape)


def trace(net: Any) -> TracedStep:
    """Run one step of a cell, of an attention or of a bidirectional net on symbols.

    Raises
    ------
    FormulaError
        If it is none of these, or does something that has no formula.
    """
    if isinstance(net, type):
        raise FormulaError(f"{net.__name__} is a class; derive a cell, such as {net.__name__}(2, 3)")
    if isinstance(net, AttentionNet):
        return _attention_step(net)
    if isinstance(net, RecurrentCell):
        return _recurrent_step(net)
    if isinstance(net, BidirectionalNet):
        return _bidirectional_step(net)
    raise FormulaError(
        f"a {type(net).__name__} has no step in time, so nothing to derive; derive the cells that it is made of"
    )


def _recurrent_step(cell: RecurrentCell) -> RecurrentStep:
    """Run ``cell.step`` once on symbols.

    Parameters
    ----------
    cell
        Anything with `init`, `initial_state`, `step` and `input_size`, as in `cells`.
    """
    try:
        plan = plan_step(cell)
    except FormulaError:
        raise
    except MinigradError as error:  # such as that of a net with a layer that needs the whole sequence
        raise FormulaError(f"the step of {type(cell).__name__} cannot be run: {error}") from error
    params, parameters = plan.parameters()
    state, before = plan.state()
    x = _node(Label("x", NOW), (plan.size(plan.cell.input_size),))
    with scope("t=t"):
        reached = plan.cell.step(params, state, x)
        after = {label.key: _under(label, node) for label, node in plan.outputs(reached)}
    values = _in_order({**parameters, **before, "x": x}, after, after.values())
    output = next((key for key, node in after.items() if node is reached.h or node.value == reached.h.value), None)
    if output is None:
        raise FormulaError(
            f"the step of {type(cell).__name__} does not compute h: it returns a value that it was given"
        )
    return RecurrentStep(values, tuple(parameters), tuple(before), tuple(after), output, _pulls(values), plan)


def _bidirectional_step(net: BidirectionalNet) -> BidirectionalStep:
    """Run one step of each direction on symbols: the forward cell from t−1, the backward cell from t+1.

    Parameters
    ----------
    net
        Two cells `forward` and `backward` that read the same x; h is [h→; h←], as in `cells.Bidirectional`.

    Raises
    ------
    FormulaError
        If one of them has no single step, or reads all of its earlier states.
    """
    x = _node(Label("x", NOW), (net.input_size,))
    parameters: dict[str, Tensor] = {}
    before: dict[str, Tensor] = {}
    after: dict[str, Tensor] = {}
    halves = []
    for name, turned in (("forward", False), ("backward", True)):
        cell = getattr(net, name)
        if not isinstance(cell, RecurrentCell):
            raise FormulaError(f"the {name} half is a {type(cell).__name__}, which has no single step; use two cells")
        plan = plan_step(cell, name_sizes=False).placed((name,), turned=turned)
        params, own = plan.parameters()
        state, earlier = plan.state()
        with scope("t=t"), scope(name):
            reached = cell.step(params, state, x)
            after |= {label.key: _under(label, node) for label, node in plan.outputs(reached)}
        parameters |= own
        before |= earlier
        halves.append(next(node for node in after.values() if node.value == reached.h.value or node is reached.h))
    with scope("t=t"):
        output = named("h", concatenate(halves, -1))
    values = _in_order({**parameters, **before, "x": x}, after, [output, *after.values()])
    if any(node.value.label.time not in (PREVIOUS, NEXT) for node in before.values()):
        raise FormulaError(
            "a bidirectional net of cells that read more than the previous state has no formulas of fixed size; "
            "derive each of its cells"
        )
    return BidirectionalStep(values, tuple(parameters), tuple(before), (*after, "h"), "h", _pulls(values))


def _attention_step(attention: AttentionNet, places: int = PLACES) -> AttentionStep:
    """Run ``attention.attend`` once, with a memory m of a few vectors.

    Parameters
    ----------
    attention
        Anything with `init`, `attend`, `query_size` and `memory_size`, as `cells.Attention`.
    places : int
        How many vectors the memory holds.
    """
    generic = _with_named_sizes(attention)
    if generic is not None:
        try:
            return _attention_of_sizes(*generic, places)
        except (TypeError, MinigradError):
            pass  # a size enters as a number, as in 1/√Q, or is a sum, as Q + M: derived for the sizes given
    return _attention_of_sizes(attention, attention, {}, places)


def _with_named_sizes(attention: Any) -> tuple[Any, Any, Mapping[int, Any]] | None:
    """An attention whose sizes are names, one whose sizes are told apart by numbers, and the names of these."""
    settings = {field.name for field in fields(attention) if field.init} if is_dataclass(attention) else set()
    if not set(_ATTENTION_SIZES) <= settings:
        return None
    for same in (False, True):
        table = _ATTENTION_SIZES | ({"memory_size": _ATTENTION_SIZES["query_size"]} if same else {})
        try:
            probe = replace(attention, **{field: size for field, (size, _) in table.items()})
            named_sizes = replace(attention, **{field: name for field, (_, name) in table.items()})
        except MinigradError:
            continue
        return named_sizes, probe, dict(table.values())
    return None


def _attention_of_sizes(attention: Any, probe: Any, sizes: Mapping[int, Any], places: int) -> AttentionStep:
    leaves, structure = flatten(probe.init(np.random.default_rng(0)))
    names = [path.strip('[]"') for path in structure.paths()]
    shapes = [tuple(sizes.get(n, n) for n in value.shape) for value in leaves]
    parameters = {name: _node(Label(name), shape) for name, shape in zip(names, shapes, strict=True)}
    q = _node(Label("q"), (attention.query_size,))
    memory = [_node(Label(f"m_{s}"), (attention.memory_size,)) for s in range(1, places + 1)]
    attended = attention.attend(structure.unflatten(list(parameters.values())), q, stack(memory))
    inputs = {node.value.label.key: node for node in (q, *memory)}
    computed = _named_values([attended.context], {*parameters.values(), *inputs.values()})
    values = {**parameters, **inputs, **computed}
    return AttentionStep(values, tuple(parameters), tuple(inputs), ("context", "alpha"), "context", _pulls(values))


def _node(label: Label, shape: tuple[Any, ...]) -> Tensor:
    return leaf(symbol_term(label, shape), label.key)


def _under(label: Label, node: Tensor) -> Tensor:
    """A part of the new state under its own name; the cell may have named it otherwise, or not at all."""
    term = node.value
    if term.kind == "named" and term.label.at(NOW) == label:
        return node
    return named(label.name, node)


def _named_values(outputs: Iterable[Tensor], leaves: set[Tensor]) -> dict[str, Tensor]:
    """Named vectors and scalars on the way to the outputs; matrices are worked out, not stopped at."""
    found: dict[str, Tensor] = {}
    given = {leaf.value.label.key for leaf in leaves}
    for node in ancestors(outputs):
        term = node.value
        if node in leaves or term.kind != "named" or term.ndim > 1:
            continue
        if term.label.key in given or found.setdefault(term.label.key, node).value is not term:
            raise FormulaError(f"two values of the step are named {term.label.key!r}; give each a name of its own")
    return found


def _in_order(given: dict[str, Tensor], after: dict[str, Tensor], outputs: Iterable[Tensor]) -> dict[str, Tensor]:
    """Every named value of a step by its key, in the order of computation; the new state goes by its own keys."""
    inner = _named_values(outputs, set(given.values()))
    values = given | {key: node for key, node in inner.items() if key not in after} | after
    return dict(sorted(values.items(), key=lambda pair: pair[1].serial))


def _pulls(values: dict[str, Tensor]) -> dict[str, dict[str, Term]]:
    """One reverse sweep from every computed value down to the values that it was computed from."""
    keys = {node: key for key, node in values.items()}
    pulls = {}
    for key, node in values.items():
        if node.is_leaf:
            continue
        earlier = [other for other in values.values() if other.serial < node.serial]
        seed = seed_of(node.value.label, node.shape)
        found = reverse_sweep([(node, seed)], targets=earlier).nodes
        pulls[key] = {keys[other]: found[other] for other in sorted(found, key=lambda one: one.serial)}
    return pulls
