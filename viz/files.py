"""Writing files whole or not at all."""

import os
import tempfile
from pathlib import Path

from .errors import OutputError

__all__ = ["write_whole"]


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
        If it cannot be written; the old file is left as it was, and nothing else is left behind.
    """
    target = Path(path)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = file.name
            file.write(content)
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise OutputError(
            f"cannot write {target}: {error.strerror or error}; choose a path you may write to"
        ) from error
    return target


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or those of a file made by `open`."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
