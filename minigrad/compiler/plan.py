"""A plan: memory allocated once and a flat list of calls, replayed for new inputs."""

from collections import Counter
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any
from weakref import WeakSet

import numpy as np

from .buffers import JOINS, Storage, is_row_slice, is_view, slots
from .ir import Node, Program
from .kernels import Call, calls_for
from .trace import Captured

__all__ = ["LOCKED", "Plan"]

#: Everything that holds a lock, for `compiled._after_fork`.
LOCKED: WeakSet[Any] = WeakSet()


class Plan:
    """The plan of a function for one set of shapes and dtypes.

    Attributes
    ----------
    program : Program
        What is computed, after all passes.
    structure : Structure
        Of what the function returns.
    calls : list of (function, arguments)
    slots : list of array or None
        Where the inputs are copied to; None for those that are not used.
    results : list of array
        Where the outputs are.
    notes : tuple of str
        What the passes did.
    """

    def __init__(self, captured: Captured, program: Program, storage: Storage, notes: Sequence[str]) -> None:
        self.structure = captured.structure
        self.paths = captured.paths
        self.traced = (captured.operations, captured.bytes)
        self.program = program
        self.storage = storage
        self.notes = tuple(notes)
        self.calls = _calls(storage)
        self.slots = [storage.arrays[node] if node in storage.place else None for node in program.inputs]
        self.results = [storage.arrays[node] for node in program.outputs]
        self._lock = Lock()
        LOCKED.add(self)

    def run(self, values: Sequence[Any]) -> list[Any] | None:
        """The results for new inputs, as arrays of their own; one call at a time, others wait.

        None if an operation overflowed, was invalid or divided by zero, or if a result is not finite: the passes
        take sums and products in another order, so the function itself has to say what comes out.
        """
        errors: list[str] = []
        with self._lock, np.errstate(over="call", invalid="call", divide="call", call=_noting(errors)):
            for slot, value in zip(self.slots, values, strict=True):
                if slot is not None:
                    slot[...] = value
            self.replay()
            if errors or not all(map(_is_finite, self.results)):
                return None
            return [array[()] if array.ndim == 0 else array.copy() for array in self.results[: self.structure.size]]

    def reset_after_fork(self) -> None:
        """Take a new lock: the thread that held the old one does not exist in a forked process."""
        self._lock = Lock()

    def replay(self) -> None:
        """All calls, from what is in `slots` to `results`."""
        for f, args in self.calls:
            f(*args)

    def explain(self) -> str:
        """The fusions, hoistings and buffers, with calls and bytes before and after, as text."""
        operations, size = self.traced
        kinds = Counter(node.op for node in self.storage.order if not is_view(node) and node.op not in _GIVEN)
        lines = [
            f"{len(self.paths)} inputs, {len(self.program.outputs)} outputs",
            f"traced: {operations} operations, {_mebibytes(size)} of results",
            f"planned: {len(self.calls)} calls, {_mebibytes(self.storage.allocated)} of memory",
            "what remains: " + ", ".join(f"{count} {op}" for op, count in kinds.most_common()),
            "what was done:",
            *(f"  {note}" for note in self.notes or ("nothing",)),
        ]
        return "\n".join(lines)


def _noting(errors: list[str]) -> Callable[[str, int], None]:
    """A handler of NumPy's floating-point errors that keeps them."""
    return lambda kind, flag: errors.append(kind)


def _is_finite(array: np.ndarray) -> bool:
    """True if there is neither an infinity nor a NaN; the sum, which is quicker, tells most of the time."""
    if array.dtype.kind not in "fc":
        return True
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())


#: What is given, not computed.
_GIVEN = ("input", "constant")


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.2f} MiB"


def _calls(storage: Storage) -> list[Call]:
    """The calls of all nodes, in order."""
    calls: list[Call] = []
    arrays = storage.arrays
    for node in storage.order:
        if node.op in _GIVEN:
            continue
        out = arrays[node]
        if is_view(node):
            source = arrays[node.args[0]]
            if node.op == "reshape" and out.size and not np.may_share_memory(out, source):
                calls.append((np.copyto, (out.reshape(source.shape), source)))
        elif node.op in JOINS:
            calls += _copies(node, storage)
        else:
            args = [arrays[arg] if type(arg) is Node else arg for arg in node.args]
            calls += calls_for(node.op, out, args, node.params)
    return _side_by_side(calls)


def _side_by_side(calls: Sequence[Call]) -> list[Call]:
    """The same calls on array objects made in their order, so that replaying walks through memory from front to back.

    Measured to take a fifth off a step of small arrays when something else has run in between.
    """
    return [(f, tuple(arg.view() if type(arg) is np.ndarray else arg for arg in args)) for f, args in calls]


def _copies(node: Node, storage: Storage) -> list[Call]:
    """Copies of the parts that are not at home in this stack or concatenation."""
    out = storage.arrays[node]
    if is_row_slice(node, storage.homes):
        return []
    return [
        (np.copyto, (out[index], storage.arrays[part]))
        for part, index in zip(node.args, slots(node), strict=True)
        if storage.homes.get(part) != (node, index)
    ]
