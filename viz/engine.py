"""The one place that runs Graphviz.

The executable comes from the wheel ``graphviz-pure``, so nothing has to be installed on the system and
drawings are the same bytes everywhere. A system's own `dot` is used if that wheel is missing, or if the
environment variable ``MINIGRAD_DOT`` names it.
"""

import os
import shutil
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

from .errors import DrawingFormatError, DrawingTimeoutError, EngineError, EngineNotFoundError

__all__ = ["ENVIRONMENT", "TIME_LIMIT", "executable", "render", "system_dot"]

ENVIRONMENT = "MINIGRAD_DOT"
#: Seconds after which a layout is given up.
TIME_LIMIT = 60.0
_WHEEL = "graphviz-pure"


def executable(engine: str | None = None) -> str:
    """The path of the Graphviz executable to run.

    Parameters
    ----------
    engine : str, optional
        The name or path of one; else what the environment variable ``MINIGRAD_DOT`` says, else the
        wheel's, else `dot` on the PATH.

    Raises
    ------
    EngineNotFoundError
        If there is none.
    """
    asked = engine or os.environ.get(ENVIRONMENT)
    found = shutil.which(asked) if asked else _bundled() or shutil.which(_WHEEL) or shutil.which("dot")
    if found is None:
        wanted = f"no executable {asked!r} was found" if asked else "no Graphviz executable was found"
        raise EngineNotFoundError(
            f"{wanted}: run `pip install graphviz-pure`, or set {ENVIRONMENT} to the path of a `dot`; "
            "the DOT text itself is in .dot and needs no executable"
        )
    return found


@cache
def _bundled() -> str | None:
    """The executable that came with the wheel, found without looking at the PATH."""
    try:
        files = distribution(_WHEEL).files or []
    except PackageNotFoundError:
        return None
    paths = (Path(str(file.locate())).resolve() for file in files if Path(file.name).stem == _WHEEL)
    return next((str(path) for path in paths if os.access(path, os.X_OK)), None)


def render(
    source: str,
    suffix: str = "svg",
    *,
    layout: tuple[str, ...] = ("-Kdot",),
    engine: str | None = None,
    time_limit: float = TIME_LIMIT,
) -> bytes:
    """Run Graphviz on DOT text.

    Parameters
    ----------
    source : str
        DOT text.
    suffix : str
        The format, as in ``-Tsvg``.
    layout : tuple of str
        Options that choose the layout, such as ``("-Kdot",)`` or ``("-Kneato", "-n2")``.
    engine : str, optional
        Which executable, see `executable`.
    time_limit : float
        Seconds; more is an error, never a hanging program.

    Raises
    ------
    EngineNotFoundError
        If there is no executable.
    DrawingTimeoutError
        If it takes longer.
    EngineError
        If it fails, or writes SVG that is not well-formed; what it said is in the message.
    """
    path = executable(engine)
    command = [path, *layout, f"-T{suffix}"]
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=time_limit, check=False)
    except subprocess.TimeoutExpired as error:
        raise DrawingTimeoutError(
            f"Graphviz did not lay out this graph ({source.count(chr(10))} lines of DOT) within {time_limit:g} s; "
            'draw fewer steps, use detail="cell", or pass a larger time_limit'
        ) from error
    except OSError as error:
        raise EngineError(f"Graphviz could not be started: {error}; check {path}") from error
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise EngineError(
            f"Graphviz ({path}) failed with exit code {done.returncode}: {said[0] if said else 'it said nothing'}"
        )
    if suffix == "svg":
        _require_xml(done.stdout, path)
    return done.stdout


def _require_xml(content: bytes, path: str) -> None:
    """Some versions end with exit code 0 and XML that no browser reads."""
    try:
        ParserCreate().Parse(content, True)
    except ExpatError as error:
        raise EngineError(
            f"Graphviz ({path}) ended as if all were well, but what it wrote is not well-formed XML: {error}; "
            f"run `pip install graphviz-pure`, or set {ENVIRONMENT} to another `dot`"
        ) from None


def system_dot(engine: str | None = None) -> str:
    """The path of a `dot` that is not the wheel's, for formats that the wheel cannot write.

    Raises
    ------
    DrawingFormatError
        If there is none.
    """
    found = shutil.which(engine or os.environ.get(ENVIRONMENT) or "dot")
    if found is None:
        raise DrawingFormatError(
            "PDF can only be written by a `dot` that is installed on the system, and none was found; "
            "install Graphviz, or save as .svg"
        )
    return found
