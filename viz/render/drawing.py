"""A drawing: DOT text, and what Graphviz makes of it when asked."""

import os
from functools import cached_property
from pathlib import Path

from ..errors import DrawingFormatError
from ..output import write_whole
from .engine import TIME_LIMIT, render, system_dot
from .glyphs import with_glyphs

__all__ = ["Drawing", "drawing_suffix", "drawing_suffixes"]


def drawing_suffixes(engine: str | None = None) -> tuple[str, ...]:
    """The file formats that can be written here; .pdf needs a `dot` that is installed on the system."""
    try:
        system_dot(engine)
    except DrawingFormatError:
        return (".svg", ".dot", ".png")
    return (".svg", ".dot", ".png", ".pdf")


def drawing_suffix(path: str | os.PathLike[str], engine: str | None = None) -> str:
    """The file's format by its suffix, in lower case.

    Raises
    ------
    DrawingFormatError
        If it cannot be written here.
    """
    suffix, known = Path(path).suffix.lower(), drawing_suffixes(engine)
    if suffix == ".pdf":
        system_dot(engine)
    elif suffix not in known:
        raise DrawingFormatError(f"cannot draw {suffix or 'a file without suffix'}; use one of {', '.join(known)}")
    return suffix


class Drawing:
    """The result of `draw`; a notebook shows it as it is.

    Attributes
    ----------
    dot : str
        The DOT text, the same for the same graph in every run.
    """

    def __init__(
        self,
        dot: str,
        layout: tuple[str, ...] = ("-Kdot",),
        engine: str | None = None,
        time_limit: float = TIME_LIMIT,
    ) -> None:
        self.dot = dot
        self._layout = layout
        self._engine = engine
        self._time_limit = time_limit

    @cached_property
    def svg(self) -> str:
        """The drawing as SVG.

        Raises
        ------
        EngineNotFoundError, EngineError, DrawingTimeoutError
            If Graphviz is missing, fails or takes too long.
        """
        return self._render("svg").decode()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing; the suffix says how: .svg, .dot, .png, or .pdf with a `dot` of the system.

        Parameters
        ----------
        path : str or path
            The file; an old one is replaced at once or not at all.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        DrawingFormatError
            If the suffix is another, or it is .pdf and no `dot` is installed on the system.
        OutputError
            If the file cannot be written; an old file is left as it was.
        """
        suffix = drawing_suffix(path, self._engine)
        if suffix == ".dot":
            return write_whole(path, self.dot.encode())
        return write_whole(path, self.svg.encode() if suffix == ".svg" else self._render(suffix[1:]))

    def _render(self, suffix: str) -> bytes:
        engine = system_dot(self._engine) if suffix == "pdf" else self._engine
        dot = with_glyphs(self.dot, self.svg, engine) if suffix == "png" else self.dot
        return render(dot, suffix, layout=self._layout, engine=engine, time_limit=self._time_limit)

    def _repr_svg_(self) -> str:
        return self.svg
