"""Reading the command line: mistakes are one line, and the nearest known word is offered."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from importlib.metadata import version
from typing import Any, NoReturn

from .terminal import complain, say

__all__ = ["Parser", "Version", "did_you_mean", "encoding", "integer", "positive", "shortened"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean lstm?)`` for ``ltsm``; nothing where no known word is near."""
    names = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), names, n=1, cutoff=0.6)
    return f" (did you mean {names[near[0]]}?)" if near else ""


class Parser(argparse.ArgumentParser):
    """A parser that answers a mistake in one line; the usage is there for those who ask for it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.flags: list[str] = []
        super().__init__(*args, **kwargs)

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        """Add an argument, and remember how its option is written."""
        action = super().add_argument(*args, **kwargs)
        self.flags += action.option_strings
        return action

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, after a look for options that do not exist: argparse would take their values for something else."""
        for word in args or ():
            if word == "--" or (self._subparsers is not None and not word.startswith("-")):
                break  # the rest is the subcommand's
            name = word.partition("=")[0]
            if name.startswith("--") and not any(flag.startswith(name) for flag in self.flags):
                self.error(f"unrecognized arguments: {name}{did_you_mean(name, self.flags)}")
        return super().parse_known_args(args, namespace)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a word that is not one of an argument's choices."""
        if action.choices is not None and value not in action.choices:
            known = list(action.choices)
            raise argparse.ArgumentError(
                action,
                f"invalid choice: {str(value)!r}{did_you_mean(str(value), known)}; choose from {', '.join(known)}",
            )

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End the command."""
        if message:
            complain(message)
        raise SystemExit(status)

    def print_help(self, file: Any = None) -> None:
        """Write the help to standard output."""
        say(self.format_help().rstrip("\n"))


class Version(argparse.Action):
    """--version"""

    def __init__(self, option_strings: Sequence[str], dest: str, **kwargs: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *args: Any) -> NoReturn:
        """Say the version and exit."""
        say(f"minigrad {version('minigrad')}")
        parser.exit()


def integer(smallest: int, largest: int) -> Callable[[str], int]:
    """A reader of integers between two bounds."""

    def read(word: str) -> int:
        try:
            value = int(word)
        except ValueError:  # also of more digits than Python converts
            value = smallest - 1
        if not smallest <= value <= largest:
            expected = f"an integer from {smallest} to {largest:,}"
            raise argparse.ArgumentTypeError(f"expected {expected}, got {shortened(word)!r}")
        return value

    return read


def encoding(word: str) -> str:
    """The name of a text encoding."""
    try:
        "a".encode(word).decode(word)
    except (LookupError, UnicodeError, ValueError):
        known = ("utf-8", "utf-16", "gbk", "gb18030", "big5", "shift_jis", "euc_kr", "cp1252", "latin-1")
        raise argparse.ArgumentTypeError(
            f"there is no text encoding {word!r}{did_you_mean(word, known)}; {', '.join(known)} are some"
        ) from None
    return word


def positive(largest: float) -> Callable[[str], float]:
    """A reader of numbers above 0 and not above a bound."""

    def read(word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = 0.0
        if not 0 < value <= largest:
            raise argparse.ArgumentTypeError(f"expected a number above 0, at most {largest:g}, got {shortened(word)!r}")
        return value

    return read


def shortened(word: str) -> str:
    """The word, cut to what fits in a message."""
    return word if len(word) <= 40 else f"{word[:40]}..."
