"""Checkpoints in plans: a segment is a small plan of its own, replayed wherever the program has that segment.

A trace that keeps its checkpoints has two kinds of nodes for them: "checkpoint", which computes a segment's
outputs and forgets everything between, and "checkpoint_pullback", which computes it again and sweeps it. Here
both become nodes of one operation, "segment", with a body: the program inside. Bodies that are the same program,
as those of a loop are, are planned once and share their memory, so a long sequence takes the memory of one
segment and of the states between segments.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..checkpoint import Segment, pulled_back
from ..context import recording, value_free_tracing
from ..errors import ValueDependentError
from ..tensor import leaf
from .abstract import blank, shaped
from .ir import Node, Program, freeze
from .kernels import Call
from .plan import Plan
from .trace import traced_program

__all__ = ["Body", "Segments"]


class Body:
    """The program of a segment, and later its plan.

    Attributes
    ----------
    program : Program
    operations : int
        How many were traced.
    plan : Plan
        Set once all bodies are known.
    """

    plan: Plan

    def __init__(self, program: Program, operations: int) -> None:
        self.program = program
        self.operations = operations

    def calls(self, out: ndarray, args: Sequence[ndarray]) -> list[Call]:
        """Copy in, replay, copy out."""
        pairs = zip(self.plan.slots, args, strict=True)
        copies: list[Call] = [(np.copyto, (slot, arg)) for slot, arg in pairs if slot is not None]
        return [*copies, (self.plan.replay, ()), (np.copyto, (out, self.plan.results[0]))]


class Segments:
    """The bodies of all segments of a program, nested ones too.

    Attributes
    ----------
    bodies : list of Body
        Each kind once, those inside of others first.
    count : int
        How many nodes of the program are segments.
    """

    def __init__(self) -> None:
        self.bodies: list[Body] = []
        self.count = 0
        self._known: dict[Any, Body] = {}
        self._seen: dict[Any, Body] = {}

    def settle(self, nodes: Sequence[Node]) -> None:
        """Give every node that stands for a segment its body, in place."""
        for node in nodes:
            if node.op in ("checkpoint", "checkpoint_pullback"):
                self.count += 1
                node.params = {"body": self._body(node.op, node.params["segment"])}
                node.op = "segment"

    def notes(self) -> tuple[str, ...]:
        """The plan in words."""
        if not self.bodies:
            return ()
        calls = sum(len(body.plan.calls) for body in self.bodies)
        size = sum(body.plan.storage.allocated for body in self.bodies) / 2**20
        return (
            f"{self.count} checkpointed segments from {len(self.bodies)} plans of their own: "
            f"{calls} calls, {size:.2f} MiB that all of them share",
        )

    def _body(self, op: str, segment: Segment) -> Body:
        """The body of a segment: a known one, if it is the same program line by line."""
        outside = _outside(op, segment)
        if outside in self._seen:
            return self._seen[outside]
        key, body = self._traced(op, segment)
        found = self._known.setdefault(key, body)
        if found is body:
            self._check(op, segment, key)
            self.bodies.append(body)
        if outside is not None:
            self._seen[outside] = found
        return found

    def _check(self, op: str, segment: Segment, key: Any) -> None:
        """Trace once more, to see whether the result is the same."""
        if self._traced(op, segment)[0] != key:
            raise ValueDependentError(
                "a checkpointed function was not the same when it was traced again: it uses a random generator or "
                "something else that changes. Pass it as an argument."
            )

    def _traced(self, op: str, segment: Segment) -> tuple[Any, Body]:
        """The program of a segment, traced on shapes, and what it is known by."""
        with recording(), value_free_tracing():
            given = [leaf(blank(value)) for value in segment.values[: len(segment.moving)]]
            inputs = [*given, *segment.free]
            if op == "checkpoint":
                output = segment.joined(given)
            else:
                cotangent = leaf(shaped((segment.size,), segment.dtype))
                output = pulled_back(cotangent, inputs, segment)
                inputs = [cotangent, *inputs]
        program, nodes = traced_program(inputs, [output])
        inside = program.nodes()
        self.settle(inside)
        return _key(program, inside), Body(program, len(nodes))


def _outside(op: str, segment: Segment) -> Any:
    """The settings that a pure function's trace depends on; None if a setting cannot be a key."""
    kinds = tuple((value.shape, value.dtype.str) for value in segment.values)
    free = tuple(node.serial for node in segment.free)
    key = (op, segment.f, segment.structure, freeze(segment.leaves), kinds, free)
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _key(program: Program, nodes: Sequence[Node]) -> Any:
    """Equal for programs that compute the same in the same way."""
    place = {node: i for i, node in enumerate(program.inputs)}
    lines = []
    for node in nodes:
        args = tuple(("at", place[arg]) if type(arg) is Node else freeze(arg) for arg in node.args)
        lines.append((node.op, args, freeze(node.params), node.shape, node.dtype.str))
        place.setdefault(node, len(place))
    inputs = tuple((node.shape, node.dtype.str) for node in program.inputs)
    return (inputs, tuple(lines), tuple(place[node] for node in program.outputs))
