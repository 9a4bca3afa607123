"""The command line: each command is a thin wrapper over one function.

Exit codes: 0 done; 2 the input cannot be used or the output cannot be written, said in one line on
stderr; 130 interrupted.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from minigrad.errors import MinigradError

from .files import require_writable
from .findings import CELLS, Settings, findings
from .graphs import DETAILS, draw
from .reports import report
from .texts import read_corpus

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """One line for a mistake; the usage is there for those who ask for it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code; `arguments` are those of the process by default."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except MinigradError as error:
        print(f"minigrad {options.command}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"minigrad {options.command}: interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="minigrad", description="See, derive and check how gradients flow through recurrent nets.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_report(commands)
    _add_draw(commands)
    return parser


def _add_report(commands: Any) -> None:
    command = commands.add_parser(
        "report",
        help="one page on where the gradient goes in a net that reads a text",
        description="Train a recurrent net on a text for a moment, then write report.html: the unrolled graph with its "
        "gradients, the norm of the gradient at every lag and the proved bound, cells side by side, the derivation.",
    )
    _add_net_options(command)
    command.add_argument(
        "--out", default="minigrad-report", metavar="DIR", help="where to write (default: %(default)s)"
    )
    command.set_defaults(run=_report)


def _add_draw(commands: Any) -> None:
    command = commands.add_parser(
        "draw",
        help="the unrolled graph with its gradients as a picture",
        description="Train a recurrent net on a text for a moment, then draw its unrolled graph; "
        "the gradient starts at the loss of the last prediction.",
    )
    _add_net_options(command)
    command.add_argument("--out", default="graph.svg", metavar="FILE", help=".svg, .dot or .png (default: %(default)s)")
    command.add_argument("--detail", choices=DETAILS, default="auto", help="how much to show (default: %(default)s)")
    command.add_argument("--no-gradients", action="store_true", help="draw the computation only")
    command.set_defaults(run=_draw)


def _add_net_options(command: argparse.ArgumentParser) -> None:
    default = Settings()
    add = command.add_argument
    add("text", nargs="?", metavar="TEXT", help="a UTF-8 text file (default: a short poem by Christina Rossetti)")
    add("--cell", choices=CELLS, default=default.cell, help="which cell (default: %(default)s)")
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


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        options.cell,
        options.steps,
        options.hidden,
        options.updates,
        options.batch,
        options.learning_rate,
        options.seed,
    )


def _progress(options: argparse.Namespace) -> Callable[[Any], Any]:
    """A bar on a terminal, nothing in a pipe."""
    return lambda updates: tqdm(updates, total=options.updates, desc="training", unit="update", disable=None)


def _report(options: argparse.Namespace) -> None:
    path = report(options.text, options.out, _settings(options), _progress(options))
    print(f"Wrote {path}; open it in a browser.")


def _draw(options: argparse.Namespace) -> None:
    require_writable(Path(options.out).parent)
    found = findings(read_corpus(options.text), _settings(options), _progress(options))
    draw(found.graph, options.out, gradients=not options.no_gradients, detail=options.detail)
    print(f"Wrote {options.out}")
