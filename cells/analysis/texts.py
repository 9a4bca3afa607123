"""Text files: regular files of bounded size, decoded strictly, with a guess at the encoding where that fails."""

import codecs
import os
import re
import stat
from pathlib import Path

from ..errors import AnalysisError

__all__ = ["LARGEST", "decoded", "likely_encoding", "read_bytes", "read_text", "require_regular", "shown_name"]

#: Bytes; a recurrent net that is trained for seconds learns nothing from more.
LARGEST = 5_000_000
#: Bytes that the guess at an encoding looks at.
_SAMPLE = 1 << 16
#: Frequent characters of each encoding: Chinese (simplified, traditional), Japanese, Korean.
_FREQUENT = {
    "gbk": re.compile(rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1\xa3\xa6][\xa1-\xfe]"),
    "big5": re.compile(rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]|\xa1[\x40-\x7e\xa1-\xfe]"),
    "shift_jis": re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x96]|\x81[\x41-\x7e]|[\x88-\x97][\x40-\xfc]"),
}
#: First bytes of Korean syllables in EUC-KR; in Chinese text about half of the first bytes are larger.
_HANGUL = range(0xB0, 0xC9)


def read_text(path: str | os.PathLike[str], encoding: str | None = None) -> str:
    """The text of a file, lines ending in a single line feed.

    Parameters
    ----------
    path : path
        A regular file of at most `LARGEST` bytes; pipes and devices are refused, since they may have no end.
    encoding : str, optional
        By default UTF-8.

    Raises
    ------
    AnalysisError
        If the file cannot be read, is too large or binary, or is not text in this encoding.
    """
    return decoded(read_bytes(path), str(path), encoding)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a regular file of at most `LARGEST` bytes.

    Raises
    ------
    AnalysisError
        If there is no such file, or it is a directory, a pipe, a device, unreadable or too large.
    """
    try:
        require_regular(path)
        # another file may have taken its place: the opening does not wait for a pipe, and the reading has an end
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            size = os.fstat(descriptor).st_size
            content = b"" if size > LARGEST else file.read(LARGEST + 1) or b""
    except AnalysisError:
        raise
    except FileNotFoundError:
        raise AnalysisError(f"no such file: {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise AnalysisError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if max(size, len(content)) > LARGEST:
        raise AnalysisError(f"{path} has {max(size, len(content)):,} bytes; pass at most {LARGEST:,}")
    return content


def require_regular(path: str | os.PathLike[str]) -> None:
    """Refuse what is not a regular file, before it is opened.

    Raises
    ------
    AnalysisError
        If the path is a directory, a pipe, a socket or a device.
    OSError, ValueError
        If there is no such file, or it cannot be looked at.
    """
    kind = os.stat(path).st_mode
    if stat.S_ISDIR(kind):
        raise AnalysisError(f"{path} is a directory; pass a file")
    if not stat.S_ISREG(kind):
        raise AnalysisError(f"{path} is a pipe or a device; pass a regular file")


def decoded(content: bytes, name: str, encoding: str | None = None) -> str:
    """The text of some bytes, lines ending in a single line feed and no byte order mark.

    Raises
    ------
    AnalysisError
        If they are not text in this encoding (by default UTF-8); the message names one that they look like.
    """
    try:
        text = content.decode(encoding or "utf-8").removeprefix("\ufeff")
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        where = f"byte {content[start]:#04x} at position {start}" if start < len(content) else "it ends too early"
        likely = likely_encoding(content)
        if likely is None and b"\0" in content[:_SAMPLE]:
            raise AnalysisError(f"{name} is a binary file; pass a text in UTF-8") from None
        advice = (
            f"it looks like {likely}: pass --encoding {likely} (in Python encoding={likely!r}), or save it as UTF-8"
            if likely not in (None, encoding)
            else "save it as UTF-8, or name its encoding with --encoding"
        )
        raise AnalysisError(f"{name} is not {encoding or 'UTF-8'}: {where}; {advice}") from None
    except LookupError:
        raise AnalysisError(f"there is no text encoding {encoding!r}; pass one such as utf-8, gbk or cp1252") from None
    if "\0" in text:
        raise AnalysisError(f"{name} is a binary file; pass a text in UTF-8")
    return text.replace("\r\n", "\n")


def likely_encoding(content: bytes) -> str | None:
    """A guess at the encoding of bytes that are not UTF-8, or None."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = content[:_SAMPLE]
    if b"\0" in sample:
        return None
    shares = {name: _frequent(sample, name) for name in _FREQUENT}
    best = max(shares, key=lambda name: shares[name])
    if shares[best] > 0.8:
        first = [pair[0] for pair in re.findall(rb"[\xa1-\xfe]{2}", sample)]
        korean = best == "gbk" and len(first) > 20 and sum(byte in _HANGUL for byte in first) > 0.95 * len(first)
        return "euc_kr" if korean else best
    runs = re.findall(rb"[\x80-\xff]+", sample)
    western = len(runs) > 0 and sum(map(len, runs)) < 1.5 * len(runs)  # accented letters stand alone
    return "cp1252" if western and _decodes(sample, "cp1252") is not None else None


def _frequent(sample: bytes, encoding: str) -> float:
    """The share of frequent characters among those beyond ASCII; 0 where the sample is not in this encoding."""
    text = _decodes(sample, "gb18030" if encoding == "gbk" else encoding)
    beyond = sum(not character.isascii() for character in text or "")
    return len(_FREQUENT[encoding].findall(sample)) / beyond if beyond else 0.0


def _decodes(sample: bytes, encoding: str) -> str | None:
    """The text of the beginning of a file, which may end within a character; None if it is not in this encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample, len(sample) < _SAMPLE)
    except UnicodeError:
        return None


def shown_name(path: str | os.PathLike[str]) -> str:
    """The last part of a path as text that can be encoded: bytes of the name that are not UTF-8 become �."""
    return Path(path).name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
