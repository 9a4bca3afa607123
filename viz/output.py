"""Writing files whole or not at all."""

import os
import shutil
import stat
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from types import ModuleType

from .errors import MissingLibraryError, OutputError

__all__ = ["load", "require_writable", "require_writable_file", "write_all", "write_whole"]


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
        # it may be installed while a library that it needs is missing
        library = (error.name or name).partition(".")[0]
        raise MissingLibraryError(f"{library} is not installed; run `pip install {library}`") from error


def write_whole(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file so that readers see the old content or the new, never a part of it.

    The content goes to a temporary file in the same directory, which then takes the old one's place. If the path is
    a symbolic link, the file that it points to is written and the link stays.

    Parameters
    ----------
    path : path
        Its directory must exist.
    content : bytes

    Raises
    ------
    OutputError
        If it cannot be written, or is a device, a pipe or a directory; the old file is left as it was, and nothing
        else is left behind, also if the writing is interrupted.
    """
    try:
        target = _regular(Path(path))
        # the name is known before there is a file, so that an interruption at any moment can remove it
        temporary = target.with_name(f".{target.name[:50]}.{token_hex(8)}")
        try:
            with open(temporary, "xb") as file:
                file.write(content)
            if target.exists():  # a new file keeps the permissions that `open` gave it
                os.chmod(temporary, target.stat().st_mode & 0o777)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unwritable(path, error) from error
    return Path(path)


def _unwritable(path: str | os.PathLike[str], error: Exception) -> OutputError:
    why = getattr(error, "strerror", None) or error
    return OutputError(f"cannot write {str(path)!r}: {why}; choose a path you may write to")


def _regular(path: Path) -> Path:
    """The file behind a path, symbolic links followed: a regular file, or one that does not exist yet.

    Raises
    ------
    OSError
        If the path is something else, such as a device, which a new file would replace.
    """
    target = Path(os.path.realpath(path))
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError:
        return target
    if stat.S_ISDIR(kind):
        raise IsADirectoryError("it is a directory")
    if not stat.S_ISREG(kind):
        raise OSError("it is a device or a pipe, not a regular file")
    return target


def write_all(directory: str | os.PathLike[str], contents: Mapping[str, bytes]) -> list[Path]:
    """Write several files into a directory, which is made if it is missing.

    All of them are written elsewhere first, so a full disk leaves nothing half-written; a new directory
    appears with all its files at once. Symbolic links are followed.

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
    target = _real(directory)
    staging = target.parent / f".{target.name[:50]}.{token_hex(8)}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir(mode=0o755)
        for name, content in contents.items():
            (staging / name).write_bytes(content)
        if not _appears(staging, target):
            for name, content in contents.items():
                if (target / name).is_symlink():
                    write_whole(target / name, content)
                else:
                    os.replace(staging / name, _regular(target / name))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write into {directory}: {why}; choose another directory") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return [Path(directory) / name for name in contents]


def _real(directory: str | os.PathLike[str]) -> Path:
    """The directory with symbolic links followed.

    Raises
    ------
    OutputError
        If it cannot be looked for: there is no current directory, or its name has a NUL.
    """
    try:
        return Path(os.path.realpath(directory))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write into {directory}: {why}; choose another directory") from error


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
    target = _real(directory)
    try:
        nearest = next(place for place in (target, *target.parents) if place.exists())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write into {directory}: {why}; choose another directory") from error
    if not nearest.is_dir():
        raise OutputError(f"cannot write into {directory}: {nearest} is not a directory; choose another directory")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write into {directory}: {nearest} is not writable; choose another directory")


def require_writable_file(path: str | os.PathLike[str]) -> None:
    """Find out before a long computation whether its result can be written to a file.

    Raises
    ------
    OutputError
        If the path is a directory or a device, or its directory does not exist or is not writable.
    """
    try:
        parent = _regular(Path(path)).parent
        if not parent.exists():
            raise FileNotFoundError("its directory does not exist")
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error
    require_writable(parent)
