"""A plan in a few blocks: what is done once, and what is done step by step.

The program is rolled up again as `passes.families` does it: what is alike in all steps is one line, and a
recurrence is one block. What lies between two recurrences, however many operations, is one block too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import multimode

from .buffers import JOINS, is_view
from .ir import Node
from .passes.loops import Families
from .plan import Plan

__all__ = ["SummaryBlock", "SummaryLine", "blocks_of"]

_PRODUCTS = ("linear", "linear_t", "matmul")


@dataclass(frozen=True)
class SummaryLine:
    """One operation on arrays of one shape, and how often it is done."""

    op: str
    shape: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class SummaryBlock:
    """Operations that stand together in a plan.

    Attributes
    ----------
    steps : int
        How many steps wait for each other; 0: no step waits, all is done at once.
    lines : tuple of SummaryLine
        What is computed, in order.
    sources : tuple of int
        The blocks, by number, whose results it takes; -1 are the inputs.
    """

    steps: int
    lines: tuple[SummaryLine, ...]
    sources: tuple[int, ...]


def blocks_of(plan: Plan) -> list[SummaryBlock]:
    """The blocks of a plan, in an order in which each only takes results of earlier ones."""
    families = Families(plan.program)
    level = _levels(families)
    members: dict[tuple[int, int], list[Node]] = defaultdict(list)
    for node in families.nodes:
        if node.op not in ("input", "constant"):
            members[_block(families, level, node)].append(node)
    keys = sorted(members)
    number = {key: i for i, key in enumerate(keys)}
    blocks = []
    for key in keys:
        sources = set()
        for node in members[key]:
            for arg in node.sources:
                given = arg.op in ("input", "constant")
                sources.add(-1 if given else number[_block(families, level, arg)])
        lines = tuple(_lines(members[key]))
        blocks.append(
            SummaryBlock(
                _steps(families, members[key]) if key[1] >= 0 else 0, lines, tuple(sorted(sources - {number[key]}))
            )
        )
    return blocks


def _steps(families: Families, nodes: Iterable[Node]) -> int:
    """The number of rounds of a recurrence: as often as one of its products is taken, or most of its operations are."""
    products = Counter(families.family[node] for node in nodes if node.op in _PRODUCTS)
    others = Counter(families.family[node] for node in nodes)
    return max(products.values()) if products else min(multimode(others.values()))


def _block(families: Families, level: dict[int, int], node: Node) -> tuple[int, int]:
    """Its level, and within the level the recurrence it belongs to; -1 for what belongs to none."""
    stage = families.stage_of(node)
    recurrent = families.family[node] in families.recurrent
    return (level[stage], stage if recurrent else -1)


def _levels(families: Families) -> dict[int, int]:
    """The number of recurrences before each component, on the longest way to it."""
    sources: dict[int, set[tuple[int, bool]]] = defaultdict(set)
    for node in families.nodes:
        stage = families.stage_of(node)
        for arg in node.sources:
            if families.stage_of(arg) != stage:
                sources[stage].add((families.stage_of(arg), families.family[arg] in families.recurrent))
    level: dict[int, int] = {}
    for stage in sorted(set(families.stage.values())):
        level[stage] = max((level[source] + recurrent for source, recurrent in sources[stage]), default=0)
    return level


def _lines(nodes: Iterable[Node]) -> list[SummaryLine]:
    """Operations of one kind and shape together, in order of the first; what is memory seen otherwise is left out."""
    done = [(node.op, node.shape) for node in nodes if not is_view(node) and node.op not in JOINS]
    return [SummaryLine(op, shape, count) for (op, shape), count in Counter(done).items()]
