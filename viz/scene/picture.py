"""A picture before it has a layout: nodes, edges between them, and a scale."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from minigrad.context import TimeStep

from ..colour_scale import Scale

__all__ = ["Edge", "Frames", "Node", "Picture", "Scope", "StepSpan", "frames_of", "is_time"]


class StepSpan(str):
    """The scope of several time steps that are drawn as one, printed as ``"t=2 … t=28"``.

    Attributes
    ----------
    first, last : int
        The numbers of the steps at its ends.
    """

    __slots__ = ("first", "last")
    first: int
    last: int

    def __new__(cls, first: int, last: int) -> "StepSpan":
        """The scope of the steps from `first` to `last`."""
        self = super().__new__(cls, f"t={first} … t={last}")
        self.first, self.last = first, last
        return self

    def __getnewargs__(self) -> tuple[int, int]:  # type: ignore[override]
        return self.first, self.last

    @property
    def steps(self) -> int:
        """The number of steps."""
        return self.last - self.first + 1


def is_time(part: str) -> bool:
    """True for the scope of a time step, and of several that are drawn as one."""
    return isinstance(part, TimeStep | StepSpan)


@dataclass(frozen=True)
class Node:
    """One drawn node.

    Attributes
    ----------
    key : str
        A plain identifier, made from the order of the nodes.
    label, tooltip : str
        As they are to be read; escaping comes later.
    kind : str
        A key of `style.KINDS`.
    scope : tuple of str
        The frames it stands in, outermost first.
    step : int or None
        The column it stands in, or beside if it is carried: the time step, counted as if a fold were one;
        None outside of time.
    carried : bool
        It stands for a state on its way from one time step to the next, between their frames.
    family : str
        What a carried state is called at every step.
    elementwise : bool
        It acts elementwise, so that a state can pass straight through it.
    nonfinite : bool
        The first NaN or infinity of the forward pass arose in it.
    """

    key: str
    label: str
    kind: str
    tooltip: str
    scope: tuple[str, ...] = ()
    step: int | None = None
    carried: bool = False
    family: str = ""
    elementwise: bool = False
    nonfinite: bool = False

    @property
    def lane(self) -> tuple[str, ...]:
        """The scopes other than the time step: a layer, a direction."""
        return tuple(part for part in self.scope if not is_time(part))


@dataclass(frozen=True)
class Edge:
    """One use of a value; its gradient flows the other way.

    Attributes
    ----------
    tail, head : str
        Keys of the nodes, in the direction of the computation.
    share : float or None
        The norm of what flows back along it; None if nothing was swept here.
    tooltip : str
        Of the forward edge.
    note : str
        The tooltip of the gradient.
    delivers : bool
        It is no use by an operation: it leads from where a state is made to the state's own node.
    """

    tail: str
    head: str
    share: float | None
    tooltip: str
    note: str = ""
    delivers: bool = False


@dataclass(frozen=True)
class Picture:
    """Nodes and edges in the order of the computation.

    Attributes
    ----------
    title : str
        Read out by screen readers, and shown where there is nothing else.
    remark : str
        Shown under the drawing: what the reader has to know about it.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    title: str
    remark: str = ""
    scale: Scale = field(default_factory=Scale)


Scope = tuple[str, ...]


@dataclass(frozen=True)
class Frames:
    """The frames of a picture, in the order in which they appear.

    Attributes
    ----------
    inside : dict
        The nodes that stand in a frame itself, by its scope.
    children : dict
        The frames right inside of a frame, by its scope; () stands for the whole picture.
    numbers : dict
        A number for each frame, the same for the same picture.
    """

    inside: dict[Scope, list[Node]]
    children: dict[Scope, list[Scope]]
    numbers: dict[Scope, int]


def frames_of(nodes: Iterable[Node]) -> Frames:
    """The frames for all scopes in which nodes stand."""
    inside: dict[Scope, list[Node]] = {}
    children: dict[Scope, dict[Scope, None]] = {}
    for node in nodes:
        inside.setdefault(node.scope, []).append(node)
        for depth in range(len(node.scope)):
            children.setdefault(node.scope[:depth], {})[node.scope[: depth + 1]] = None
    numbers = {scope: i for i, scope in enumerate(child for found in children.values() for child in found)}
    return Frames(inside, {scope: list(found) for scope, found in children.items()}, numbers)
