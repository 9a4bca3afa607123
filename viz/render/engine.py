"""The one place that runs Graphviz.

The executable comes from the wheel ``graphviz-pure``, so nothing has to be installed on the system and
drawings are the same bytes everywhere. A system's own `dot` is used if that wheel is missing, or if the
environment variable ``MINIGRAD_DOT`` names it.
"""

import os
import shutil
import signal
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

from ..errors import DrawingFormatError, DrawingTimeoutError, EngineError, EngineNotFoundError

__all__ = ["ENVIRONMENT", "TIME_LIMIT", "executable", "render", "system_dot"]

ENVIRONMENT = "MINIGRAD_DOT"
#: Seconds after which a layout is given up.
TIME_LIMIT = 60.0
_WHEEL = "graphviz-pure"
#: How files of these formats begin.
_BEGINNINGS = {"png": b"\x89PNG", "pdf": b"%PDF"}


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
        code, content, complaint = _run(command, source.encode(), time_limit)
    except subprocess.TimeoutExpired as error:
        raise DrawingTimeoutError(
            f"Graphviz did not lay out this graph ({source.count(chr(10))} lines of DOT) within {time_limit:g} s; "
            'draw a part of it or, in time, fewer steps or detail="cell"; or pass a larger time_limit'
        ) from error
    except OSError as error:
        raise EngineError(f"Graphviz could not be started: {error}; check {path}") from error
    if code != 0 or not content:
        said = complaint.decode(errors="replace").strip().splitlines()
        raise EngineError(f"Graphviz ({path}) failed with exit code {code}: {said[0] if said else 'it said nothing'}")
    wrong = _what_is_wrong(content, suffix)
    if wrong:
        raise EngineError(
            f"Graphviz ({path}) ended as if all were well, but what it wrote is {wrong}; "
            f"run `pip install graphviz-pure`, or set {ENVIRONMENT} to another `dot`"
        )
    return content


def _run(command: list[str], source: bytes, time_limit: float) -> tuple[int, bytes, bytes]:
    """Exit code, output and complaints; after the time limit the program and all that it started are ended."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as process:
        try:
            content, complaint = process.communicate(source, time_limit)
        except BaseException:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:  # Windows has no process groups to end
                process.kill()
            raise
    return process.returncode, content, complaint


def _what_is_wrong(content: bytes, suffix: str) -> str | None:
    """Some versions end with exit code 0 and XML that no browser reads."""
    if suffix in _BEGINNINGS:
        return None if content.startswith(_BEGINNINGS[suffix]) else f"no {suffix.upper()}"
    if suffix != "svg":
        return None
    roots: list[str] = []
    parser = ParserCreate()
    parser.StartElementHandler = lambda name, attributes: roots.append(name) if not roots else None
    try:
        parser.Parse(content, True)
    except ExpatError as error:
        return f"not well-formed XML: {error}"
    return None if roots == ["svg"] else "no SVG"


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
