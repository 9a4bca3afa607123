"""A drawing: DOT text, and what Graphviz makes of it when asked."""

import os
from functools import cached_property
from pathlib import Path

from ..errors import DrawingFormatError
from ..output import write_whole
from .engine import TIME_LIMIT, render, system_dot

__all__ = ["Drawing"]

_SUFFIXES = (".svg", ".dot", ".png", ".pdf")


class Drawing:
    """What `draw` returns; a notebook shows it as it is.

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
        suffix = Path(path).suffix.lower()
        if suffix not in _SUFFIXES:
            raise DrawingFormatError(
                f"cannot draw {suffix or 'a file without suffix'}; use one of {', '.join(_SUFFIXES)}"
            )
        if suffix == ".dot":
            return write_whole(path, self.dot.encode())
        return write_whole(path, self.svg.encode() if suffix == ".svg" else self._render(suffix[1:]))

    def _render(self, suffix: str) -> bytes:
        engine = system_dot(self._engine) if suffix == "pdf" else self._engine
        return render(self.dot, suffix, layout=self._layout, engine=engine, time_limit=self._time_limit)

    def _repr_svg_(self) -> str:
        return self.svg
