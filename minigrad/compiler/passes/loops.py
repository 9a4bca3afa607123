"""Which operations are the same in every step, and which of them form a recurrence.

An unrolled loop repeats itself: step after step the same operations on the same kind of operands. A
*family* collects what looks alike: same operation, shapes and settings, and the same for its operands,
three levels deep; of a product only the matrix counts. Put each family into one node and the program
becomes a small graph, as if the loop were rolled up again. In it, a strongly connected component is a
recurrence: its members need each other's earlier values and must go step by step. A family that is alone
in its component does not, and may be computed for all steps at once, by one operation on stacked operands.
"""

from collections import defaultdict
from typing import Any

import numpy as np

from ..ir import Node, Program, freeze

__all__ = ["Families", "components"]

#: How many levels of operands a label looks at.
_DEPTH = 3
#: A leaf that is used so often in one way is a parameter, and told from others; states are not.
_OFTEN = 3


class Families:
    """The families of a program.

    Attributes
    ----------
    family : dict of Node to int
    members : dict of int to list of Node
    stage : dict of int to int
        The number of each family's component; a component only needs those with smaller numbers.
    recurrent : set of int
        The families whose members need each other.
    """

    def __init__(self, program: Program) -> None:
        self.nodes = program.nodes()
        self.family = _label(self.nodes)
        self.members: dict[int, list[Node]] = defaultdict(list)
        for node in self.nodes:
            self.members[self.family[node]].append(node)
        sources: dict[int, set[int]] = defaultdict(set)
        for node in self.nodes:
            sources[self.family[node]].update(self.family[arg] for arg in node.sources)
        self.stage, self.recurrent = components(sources, list(self.members))

    def stage_of(self, node: Node) -> int:
        """The number of a node's component."""
        return self.stage[self.family[node]]


def _label(nodes: list[Node]) -> dict[Node, int]:
    """A number for each node, equal for those that look alike."""
    counts: dict[Any, int] = defaultdict(int)
    for node in nodes:
        for position, arg in enumerate(node.args):
            if type(arg) is Node and arg.op in ("input", "constant"):
                counts[arg, node.op, position] += 1
    known = {arg for (arg, _, _), n in counts.items() if n >= _OFTEN}
    # Labels are numbered in order of appearance, not hashed: plans are the same in every process.
    numbers: dict[Any, int] = {}

    def number(key: Any) -> int:
        return numbers.setdefault(key, len(numbers))

    own = {node: number(_own_label(node, node in known)) for node in nodes}
    label = {node: own[node] if node in known else number((node.shape, node.dtype)) for node in nodes}
    for _ in range(_DEPTH):
        label = {
            node: number((own[node], *[label[arg] if type(arg) is Node else freeze(arg) for arg in _telling(node)]))
            for node in nodes
        }
    return label


def _telling(node: Node) -> tuple[Any, ...]:
    """The operands that tell what a node is: of a product the matrix alone, so that first and last steps look alike."""
    return node.args[:1] if node.op in ("linear", "linear_t") else node.args


def _own_label(node: Node, known: bool) -> tuple[Any, ...]:
    """The kind of a node, whatever its operands are."""
    if node.op in ("input", "constant"):
        return (node.serial,) if known else ("leaf", node.shape, node.dtype)
    params: Any = ()
    if node.op == "getitem":
        params = freeze(_without_numbers(node.params["index"]))
    elif node.op not in ("scatter", "stack"):
        params = freeze(node.params) if node.params else ()
    return (node.op, params, node.shape, node.dtype, len(node.args))


def _without_numbers(index: Any) -> Any:
    """An index with its numbers left out: x[0], x[1], … look alike."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple("number" if isinstance(part, int | np.integer) else part for part in parts)


def components(sources: dict[int, set[int]], vertices: list[int]) -> tuple[dict[int, int], set[int]]:
    """Strongly connected components, numbered so that sources come first, and those that are cycles.

    Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1(2), 1972; without recursion.
    """
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stage: dict[int, int] = {}
    open_stack: list[int] = []
    is_open: set[int] = set()
    cyclic: set[int] = set()
    number = 0
    for root in vertices:
        work = [] if root in index else [(root, iter(sorted(sources[root])))]
        if work:
            index[root] = low[root] = len(index)
            open_stack.append(root)
            is_open.add(root)
        while work:
            vertex, rest = work[-1]
            for source in rest:
                if source not in index:
                    index[source] = low[source] = len(index)
                    open_stack.append(source)
                    is_open.add(source)
                    work.append((source, iter(sorted(sources[source]))))
                    break
                if source in is_open:
                    low[vertex] = min(low[vertex], index[source])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[vertex])
                if low[vertex] == index[vertex]:
                    component = _popped(open_stack, vertex)
                    is_open.difference_update(component)
                    stage.update(dict.fromkeys(component, number))
                    if len(component) > 1 or vertex in sources[vertex]:
                        cyclic.update(component)
                    number += 1
    return stage, cyclic


def _popped(stack: list[int], last: int) -> list[int]:
    """The part of a stack from an entry upwards, taken from it."""
    found = [stack.pop()]
    while found[-1] != last:
        found.append(stack.pop())
    return found
