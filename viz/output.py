"""Writing files whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from types import ModuleType

from .errors import MissingLibraryError, OutputError

__all__ = ["load", "require_writable", "write_all", "write_whole"]


def load(name: str) -> ModuleType:
    """Import a module of an optional library.

    Raises
    ------
    MissingLibraryError
        If it is not installed; the message says how to install it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        library = name.partition(".")[0]
        raise MissingLibraryError(f"{library} is not installed; run `pip install 'minigrad[report]'`") from error


def write_whole(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file so that readers see the old content or the new, never a part of it.

    The content goes to a temporary file in the same directory, which then takes the old one's place.

    Parameters
    ----------
    path : path
        Its directory must exist.
    content : bytes

    Raises
    ------
    OutputError
        If it cannot be written; the old file is left as it was, and nothing else is left behind, also if the
        writing is interrupted.
    """
    target = Path(path)
    # the name is known before there is a file, so that an interruption at any moment can remove it
    temporary = target.with_name(f".{target.name}.{token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write {str(target)!r}: {why}; choose a path you may write to") from error
    finally:
        with suppress(OSError, ValueError):  # a name that cannot be, or that is gone
            temporary.unlink()
    return target


def write_all(directory: str | os.PathLike[str], contents: Mapping[str, bytes]) -> list[Path]:
    """Write several files into a directory, which is made if it is missing.

    All of them are written elsewhere first, so a full disk leaves nothing half-written; a new directory
    appears with all its files at once.

    Parameters
    ----------
    directory : path
    contents : mapping
        File names and what goes into them.

    Raises
    ------
    OutputError
        If the directory cannot be made or written into.
    """
    target = Path(directory)
    staging = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        staging.chmod(0o755)
        for name, content in contents.items():
            (staging / name).write_bytes(content)
        if not _appears(staging, target):
            for name in contents:
                os.replace(staging / name, target / name)
    except OSError as error:
        raise OutputError(f"cannot write into {target}: {error.strerror or error}; choose another directory") from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return [target / name for name in contents]


def _appears(staging: Path, target: Path) -> bool:
    """Give a new directory its name; False if there is one of that name, perhaps since a moment ago."""
    if target.exists():
        return False
    try:
        os.replace(staging, target)
    except OSError:
        if target.is_dir():
            return False
        raise
    return True


def require_writable(directory: str | os.PathLike[str]) -> None:
    """Find out before a long computation whether its results can be written.

    Raises
    ------
    OutputError
        If the directory, or the nearest one above it that exists, is no directory or not writable.
    """
    target = Path(directory)
    nearest = next(place for place in (target, *target.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise OutputError(f"cannot write into {target}: {nearest} is not a directory; choose another directory")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write into {target}: {nearest} is not writable; choose another directory")


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or those of a file made by `open`."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
