"""Reading a text to learn from, and the poem that is used when none is given."""

import os
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np

from .errors import ReportInputError

__all__ = ["LARGEST", "POEM_CREDIT", "Corpus", "read_corpus", "read_text"]

#: Christina Rossetti died in 1894, so her works are in the public domain everywhere.
POEM_CREDIT = "Christina Rossetti, “Who has seen the wind?”, from Sing-Song, 1872"
#: Bytes; a recurrent net that is trained for seconds learns nothing from more.
LARGEST = 5_000_000


@dataclass(frozen=True)
class Corpus:
    """A text as numbers.

    Attributes
    ----------
    title : str
        Where it comes from.
    text : str
    """

    title: str
    text: str

    @cached_property
    def alphabet(self) -> str:
        """The different characters of the text, sorted."""
        return "".join(sorted(set(self.text)))

    @cached_property
    def codes(self) -> np.ndarray:
        """The position of every character in the alphabet: (length,) integers."""
        place = {c: i for i, c in enumerate(self.alphabet)}
        return np.array([place[c] for c in self.text])


def read_corpus(path: str | os.PathLike[str] | None = None) -> Corpus:
    """Read a UTF-8 text, or the poem that comes with minigrad.

    Raises
    ------
    ReportInputError
        If there is no such file, or it is a directory, unreadable, empty, too large, binary or not UTF-8.
    """
    if path is None:
        poem = files("viz").joinpath("data", "who-has-seen-the-wind.txt")
        return Corpus(POEM_CREDIT, poem.read_text(encoding="utf-8"))
    return Corpus(Path(path).name, read_text(path))


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a UTF-8 file.

    Raises
    ------
    ReportInputError
        See `read_corpus`.
    """
    content = _read(Path(path))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in content[:8192]:
            raise ReportInputError(f"{path} is a binary file; pass a text in UTF-8") from None
        raise ReportInputError(
            f"{path} is not UTF-8: byte {content[error.start]:#04x} at position {error.start}; "
            "convert it, for example with `iconv -f latin1 -t utf-8`"
        ) from None
    text = text.replace("\r\n", "\n")
    if "\0" in text:
        raise ReportInputError(f"{path} is a binary file; pass a text in UTF-8")
    if not text.strip():
        raise ReportInputError(f"{path} is empty; pass a text with at least two characters")
    return text


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ReportInputError(f"{path} is a directory; pass a text file")
        if path.stat().st_size > LARGEST:
            raise ReportInputError(f"{path} has {path.stat().st_size:,} bytes; pass at most {LARGEST:,}")
        return path.read_bytes()
    except FileNotFoundError:
        raise ReportInputError(f"no such file: {path}") from None
    except (OSError, ValueError) as error:
        raise ReportInputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
