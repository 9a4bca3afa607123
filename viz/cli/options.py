"""The options that several commands share: the text, the net, its training, saved weights."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from cells.analysis.findings import CELLS, Settings

from ..errors import ReportInputError
from .parser import encoding, integer, positive

__all__ = [
    "OPTIONS",
    "Option",
    "add_cell_option",
    "add_encoding",
    "add_net_options",
    "add_weight_options",
    "progress",
    "require_no_training",
    "settings",
    "text_of",
]


@dataclass(frozen=True)
class Option:
    """One option of a net: how it is read, and whether it is about training, which saved weights do without."""

    name: str
    metavar: str | None
    read: Callable[[str], Any]
    words: str
    trains: bool = False


def add_cell_option(command: argparse.ArgumentParser, default: str = Settings().cell) -> None:
    """--cell"""
    command.add_argument("--cell", choices=CELLS, help=f"which cell (default: {default})")


def add_net_options(command: argparse.ArgumentParser, default_cell: str = Settings().cell) -> None:
    """The text, the cell, its sizes, and how it is trained: see `OPTIONS`."""
    command.add_argument(
        "text", nargs="?", metavar="TEXT", help="a text file (default: a short poem by Christina Rossetti)"
    )
    add_encoding(command)
    add_cell_option(command, default_cell)
    for option in OPTIONS:
        default = getattr(Settings(), option.name)
        words = f"{option.words} (default: {default})".strip()
        flag = f"--{option.name.replace('_', '-')}"
        command.add_argument(flag, type=option.read, metavar=option.metavar, help=words)


def add_encoding(command: argparse.ArgumentParser) -> None:
    """--encoding"""
    command.add_argument("--encoding", type=encoding, metavar="NAME", help="of the text (default: utf-8)")


def add_weight_options(command: argparse.ArgumentParser) -> None:
    """--weights, --prefix and --text"""
    add = command.add_argument
    add("--weights", metavar="FILE", help="a .safetensors file with an RNN, LSTM or GRU of PyTorch; nothing is trained")
    add("--prefix", default="", metavar="NAME", help="where the net stands in a larger model, such as encoder")
    add("--text", dest="also_text", metavar="FILE", help="the same as TEXT; with --weights, its inputs one-hot")


def require_no_training(options: argparse.Namespace) -> None:
    """Refuse what would be ignored: saved weights are looked at as they are.

    Raises
    ------
    ReportInputError
        If there are options for training, or of the net's kind and size, beside weights; or a prefix without.
    """
    if options.weights is None:
        if options.prefix:
            raise ReportInputError("--prefix says where a net stands in a file of weights; pass --weights too")
        return
    named = ["cell", *(option.name for option in OPTIONS if option.trains)]
    given = [f"--{name.replace('_', '-')}" for name in named if getattr(options, name) is not None]
    if given:
        raise ReportInputError(
            f"with --weights nothing is trained, and the file says what the net is: leave out {' and '.join(given)}"
        )


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


def settings(options: argparse.Namespace) -> Settings:
    """The options of a net; the default for each that was not given."""
    names = ["cell", *(option.name for option in OPTIONS)]
    return Settings(**{name: getattr(options, name) for name in names if getattr(options, name) is not None})


def progress(options: argparse.Namespace) -> Callable[[Any], Any]:
    """A bar on a terminal, nothing in a pipe."""
    total = settings(options).updates
    return lambda updates: tqdm(updates, total=total, desc="training", unit="update", disable=None)


#: The options of a net on every command that has one; their defaults are those of `Settings`.
OPTIONS = (
    Option("steps", "T", integer(1, 100_000), "time steps"),
    Option("hidden", "H", integer(1, 4_096), "hidden units", trains=True),
    Option("updates", "N", integer(0, 10_000_000), "training updates", trains=True),
    Option("batch", "B", integer(1, 100_000), "sequences per update", trains=True),
    Option("learning_rate", "R", positive(1000), "of Adam", trains=True),
    Option("seed", None, integer(0, 2**64 - 1), "same seed, same bytes"),
)
