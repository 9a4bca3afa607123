"""What the commands share: one-line mistakes, numbers that are checked, and the net's options."""

import argparse
from collections.abc import Callable
from math import isfinite
from typing import Any, NoReturn

from tqdm import tqdm

from .errors import ReportInputError
from .findings import CELLS, Settings

__all__ = [
    "Parser",
    "add_cell_option",
    "add_net_options",
    "add_weight_options",
    "progress",
    "settings",
    "text_of",
]


class Parser(argparse.ArgumentParser):
    """One line for a mistake; the usage is there for those who ask for it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def add_cell_option(command: argparse.ArgumentParser) -> None:
    """--cell"""
    command.add_argument("--cell", choices=CELLS, default=Settings().cell, help="which cell (default: %(default)s)")


def add_net_options(command: argparse.ArgumentParser) -> None:
    """The text, the cell, its sizes, and how it is trained."""
    default = Settings()
    add = command.add_argument
    add("text", nargs="?", metavar="TEXT", help="a UTF-8 text file (default: a short poem by Christina Rossetti)")
    add_cell_option(command)
    add("--steps", type=_whole(1), default=default.steps, metavar="T", help="time steps (default: %(default)s)")
    add("--hidden", type=_whole(1), default=default.hidden, metavar="H", help="hidden units (default: %(default)s)")
    add(
        "--updates",
        type=_whole(0),
        default=default.updates,
        metavar="N",
        help="training updates (default: %(default)s)",
    )
    add(
        "--batch",
        type=_whole(1),
        default=default.batch,
        metavar="B",
        help="sequences per update (default: %(default)s)",
    )
    add("--learning-rate", type=_positive, default=default.learning_rate, metavar="R", help="(default: %(default)s)")
    add("--seed", type=_whole(0), default=default.seed, help="same seed, same bytes (default: %(default)s)")


def add_weight_options(command: argparse.ArgumentParser) -> None:
    """--weights, --prefix and --text"""
    add = command.add_argument
    add("--weights", metavar="FILE", help="a .safetensors file with an RNN, LSTM or GRU of PyTorch; nothing is trained")
    add("--prefix", default="", metavar="NAME", help="where the net stands in a larger model, such as encoder")
    add("--text", dest="also_text", metavar="FILE", help="the same as TEXT; with --weights, its inputs one-hot")


def text_of(options: argparse.Namespace) -> str | None:
    """The text, wherever it stands.

    Raises
    ------
    ReportInputError
        If there are two.
    """
    if options.text is not None and options.also_text is not None:
        raise ReportInputError(f"there are two texts, {options.text} and {options.also_text}; pass one")
    return options.text if options.also_text is None else options.also_text


def _whole(smallest: int) -> Callable[[str], int]:
    def parse(words: str) -> int:
        try:
            value = int(words)
        except ValueError:
            value = smallest - 1
        if value < smallest:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {smallest}, got {words!r}")
        return value

    return parse


def _positive(words: str) -> float:
    try:
        value = float(words)
    except ValueError:
        value = 0.0
    if not value > 0 or not isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {words!r}")
    return value


def settings(options: argparse.Namespace) -> Settings:
    """The options of a net."""
    return Settings(
        options.cell,
        options.steps,
        options.hidden,
        options.updates,
        options.batch,
        options.learning_rate,
        options.seed,
    )


def progress(options: argparse.Namespace) -> Callable[[Any], Any]:
    """A bar on a terminal, nothing in a pipe."""
    return lambda updates: tqdm(updates, total=options.updates, desc="training", unit="update", disable=None)
