"""Names and sizes of a cell's parameters and states, found by running it on numbers.

Nothing is assumed of a cell but `init`, `initial_state` and `step`: its parameters are a tree, its
states are trees, and the parts of a new state bear the names that the step gave them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ...pytree import Structure, flatten
from ...tensor import Tensor, leaf, tensor
from ..errors import FormulaError
from ..terms.dims import Dim
from ..terms.names import NEXT, NOW, PREVIOUS, Index, Label
from ..terms.symbols import symbol_term

__all__ = ["AttentionNet", "BidirectionalNet", "RecurrentCell", "StepPlan", "consists_of_cells", "plan_step"]


@runtime_checkable
class RecurrentCell(Protocol):
    """A cell that goes forward one step at a time, as the cells of `cells`."""

    @property
    def input_size(self) -> int:
        """D, the length of x_t."""

    def init(self, rng: np.random.Generator) -> Any:
        """Fresh parameters, a tree of arrays."""

    def initial_state(self) -> Any:
        """The state before the first step, a tree of arrays."""

    def step(self, params: Any, state: Any, x: Any) -> Any:
        """The next state."""


@runtime_checkable
class AttentionNet(Protocol):
    """An attention over a memory, as `cells.Attention`."""

    @property
    def query_size(self) -> int:
        """Q, the length of q."""

    @property
    def memory_size(self) -> int:
        """M, the length of each vector of the memory."""

    def init(self, rng: np.random.Generator) -> Any:
        """Fresh parameters, a tree of arrays."""

    def attend(self, params: Any, query: Any, memory: Any) -> Any:
        """The context and the weights."""


@runtime_checkable
class BidirectionalNet(Protocol):
    """Two cells that read the same inputs in opposite directions, as `cells.Bidirectional`."""

    @property
    def input_size(self) -> int:
        """D, the length of x_t."""

    @property
    def forward(self) -> RecurrentCell:
        """The cell that reads from the first step on."""

    @property
    def backward(self) -> RecurrentCell:
        """The cell that reads from the last step back."""


#: Sizes that tell the axes of parameters apart, and the names that they get.
_PROBES = {"input_size": (7, Dim("D")), "hidden_size": (11, Dim("H"))}

#: Steps after which the state is inspected, for cells whose state grows with time.
_STEPS = 2


@dataclass(frozen=True)
class StepPlan:
    """A cell with the labels and shapes of all that enters a step.

    Attributes
    ----------
    cell
        The cell, or one of the same kind and other sizes.
    sizes : mapping
        Names of sizes.
    labels : dict
        The label of each part of a state by its path, at the time of the step.
    place : tuple of str
        The part of a net that the cell is: ``("backward",)``.
    turned : bool
        Whether the cell goes back in time, so that the state before its step is that of t+1.
    """

    cell: Any
    sizes: Mapping[int, Any]
    params: Any
    before: Any
    labels: Mapping[str, Label]
    place: tuple[str, ...] = ()
    turned: bool = False

    def placed(self, place: tuple[str, ...], *, turned: bool) -> "StepPlan":
        """The same step as a part of a net."""
        labels = {path: label._replace(place=(*place, *label.place)) for path, label in self.labels.items()}
        return replace(self, labels=labels, place=place, turned=turned)

    def label(self, path: str) -> Label:
        """The label of the part of a state at a path."""
        return self.labels.get(path) or self._label_of(path, NOW)

    def _label_of(self, path: str, time: Index | None) -> Label:
        label = _label_of(path, time)
        return label._replace(place=(*self.place, *label.place))

    def size(self, n: int) -> Any:
        """A size by its name, if it has one."""
        return self.sizes.get(n, n)

    def parameters(self) -> tuple[Any, dict[str, Tensor]]:
        """The parameters as symbols: the tree, and the leaves by key."""
        leaves, structure = flatten(self.params)
        return self._symbols(leaves, structure, self.labels_of_parameters(structure))

    def labels_of_parameters(self, structure: Structure) -> list[Label]:
        """The label of each parameter, in the order of the tree's leaves."""
        return [self._label_of(path, None) for path in structure.paths()]

    def state(self) -> tuple[Any, dict[str, Tensor]]:
        """The state before the step as symbols; parts with one label are one symbol."""
        leaves, structure = flatten(self.before)
        return self._symbols(leaves, structure, self.labels_before(structure))

    def state_of(self, nodes: Mapping[str, Tensor]) -> Any:
        """The state before the step made of given nodes, by the keys that `state` gives."""
        structure = flatten(self.before)[1]
        return structure.unflatten([nodes[label.key] for label in self.labels_before(structure)])

    def labels_before(self, structure: Structure) -> list[Label]:
        """The label of each leaf of a state before the step, in the order of its leaves."""
        return [self._earlier(path, structure) for path in structure.paths()]

    def keyed(self, params: Any, state: Any, x: Any) -> dict[str, Any]:
        """Numbers for a step under the keys that formulas use: ``W``, ``h_prev``, ``x``."""
        leaves, structure = flatten(params)
        labels = self.labels_of_parameters(structure)
        found = {label.key: leaf for label, leaf in zip(labels, leaves, strict=True)}
        leaves, structure = flatten(state)
        before = zip(self.labels_before(structure), leaves, strict=True)
        return found | {label.key: leaf for label, leaf in before} | {"x": x}

    def _earlier(self, path: str, structure: Structure) -> Label:
        """One step back; the entries of a memory go back one step each, the last is the newest."""
        match = re.fullmatch(r"(.*)\[(\d+)\]", path)
        length = self._length(match[1], structure) if match else 0
        newest = self.labels.get(f"{match[1]}[{length}]") if match else None
        if match is None or newest is None or newest.time is None:
            return self.label(path).at(NEXT if self.turned else PREVIOUS)
        return newest.at(newest.time.shifted(int(match[2]) - length))

    def _length(self, stem: str, structure: Structure) -> int:
        """The number of entries of a tuple in the state before."""
        return sum(1 for path in structure.paths() if re.fullmatch(re.escape(stem) + r"\[\d+\]", path))

    def _symbols(self, leaves: Any, structure: Structure, labels: list[Label]) -> tuple[Any, dict[str, Tensor]]:
        nodes: dict[str, Tensor] = {}
        for value, label in zip(leaves, labels, strict=True):
            if label.key not in nodes:
                shape = tuple(self.size(n) for n in np.shape(value))
                nodes[label.key] = leaf(symbol_term(label, shape), label.key)
        return structure.unflatten([nodes[label.key] for label in labels]), nodes

    def outputs(self, after: Any) -> Iterator[tuple[Label, Any]]:
        """The parts of the new state with their labels, each once; parts that are copied unchanged are left out."""
        leaves, structure = flatten(after)
        seen = set()
        for path, node in zip(structure.paths(), leaves, strict=True):
            label = self.labels.get(path)
            if label is not None and label.time == NOW and label not in seen and not node.is_leaf:
                seen.add(label)
                yield label, node


def plan_step(cell: Any, *, name_sizes: bool = True) -> StepPlan:
    """Run a few steps on zeros and note what the parts of the state are called.

    Sizes that the cell lets us choose get names, D and H, unless `name_sizes` is False.
    """
    sizes, probe = _with_probes(cell) if name_sizes else ({}, cell)
    params = probe.init(np.random.default_rng(0))
    x = np.zeros(probe.input_size)
    state = probe.initial_state()
    for _ in range(_STEPS):
        state = probe.step(params, state, x)
        if not hasattr(state, "h"):
            raise FormulaError(
                f"the step of {type(cell).__name__} returns a {type(state).__name__} without h, the output; "
                "return a NamedTuple with a field h, such as cells.RNNState"
            )
    leaves, structure = flatten(state)
    watched = [tensor(value) for value in leaves]
    after, after_structure = flatten(probe.step(params, structure.unflatten(watched), tensor(x, name="x")))
    found = dict(zip(after_structure.paths(), after, strict=True))
    handed_on = dict(zip(watched, structure.paths(), strict=True))
    labels = {path: _label_of_output(path, node) for path, node in found.items() if node not in handed_on}
    for path, node in found.items():
        if node in handed_on and path != handed_on[node] and handed_on[node] in labels:
            labels[path] = labels[handed_on[node]].at(PREVIOUS)
    return StepPlan(probe, sizes, params, state, labels)


def _with_probes(cell: Any) -> tuple[Mapping[int, Any], Any]:
    """Names for the sizes D and H, and a cell of the same kind in which they can be told apart."""
    settings = {field.name for field in fields(cell) if field.init} if is_dataclass(cell) else set()
    if not set(_PROBES) <= settings or consists_of_cells(cell):
        return {}, cell
    probe = replace(cell, **{name: size for name, (size, _) in _PROBES.items()})
    return dict(_PROBES.values()), probe


def consists_of_cells(cell: Any) -> bool:
    """True if a cell runs other cells inside its step, which have sizes of their own."""
    settings = [getattr(cell, field.name) for field in fields(cell)] if is_dataclass(cell) else []
    return any(isinstance(setting, RecurrentCell) for setting in settings)


def _words(path: str) -> list[str]:
    """``["layer 1"]["W"]`` and ``.layers[0].W`` as the words layer 1, W."""
    words: list[str] = []
    for quoted, number, attribute in re.findall(r'\["([^"]*)"\]|\[(\d+)\]|\.(\w+)', path):
        if number:
            stem = words.pop() if words else "part"
            words.append(f"{stem.removesuffix('s')} {int(number) + 1}")
        else:
            words.append(quoted or attribute)
    return words


def _label_of(path: str, time: Index | None) -> Label:
    *place, name = _words(path)
    return Label(name.replace(" ", "_"), time, tuple(place))


def _label_of_output(path: str, node: Any) -> Label:
    """The name that the step gave, else the name of the field."""
    if isinstance(node, Tensor) and node.name is not None and not node.is_leaf:
        return Label(node.name, NOW, tuple(part for part in node.scope if not part.startswith("t=")))
    return _label_of(path, NOW)
