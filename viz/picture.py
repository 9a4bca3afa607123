"""What is drawn, before anyone has said where: marks, lines between them, and a scale."""

from dataclasses import dataclass, field

from .scale import Scale

__all__ = ["Line", "Mark", "Picture"]


@dataclass(frozen=True)
class Mark:
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
    """

    key: str
    label: str
    kind: str
    tooltip: str
    scope: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One use of a value; its gradient flows the other way.

    Attributes
    ----------
    tail, head : str
        Keys of the marks, in the direction of the computation.
    share : float or None
        The norm of what flows back along it; None if nothing was swept here.
    tooltip : str
        Of the forward line.
    note : str
        The tooltip of the gradient.
    """

    tail: str
    head: str
    share: float | None
    tooltip: str
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """Marks and lines in the order of the computation.

    Attributes
    ----------
    title : str
        Read out by screen readers, and shown where there is nothing else.
    remark : str
        Shown under the drawing: what the reader has to know about it.
    """

    marks: tuple[Mark, ...]
    lines: tuple[Line, ...]
    title: str
    remark: str = ""
    scale: Scale = field(default_factory=Scale)
