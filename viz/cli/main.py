"""The command line: each command is a thin wrapper over one function.

Exit codes: 0 done; 1 a line of a derivation is refuted; 2 the input cannot be used or the output
cannot be written, said in one line on stderr; 130 interrupted.
"""

import argparse
import os
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cells.analysis.diagnosis import diagnose
from cells.analysis.findings import CELLS, findings
from cells.analysis.training import read_corpus
from cells.analysis.weights import weight_findings
from minigrad.errors import MinigradError

from ..draw import DETAILS, draw
from ..output import require_writable
from ..plots.flow import flow
from ..report.report import report
from .formulas import add_formula_commands
from .options import (
    Parser,
    add_net_options,
    add_weight_options,
    progress,
    require_no_training,
    settings,
    text_of,
)

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code; `arguments` are those of the process by default."""
    options = _parser().parse_args(arguments)
    try:
        code = options.run(options) or 0
        print(end="", flush=True)
        return code
    except MinigradError as error:
        print(f"minigrad {options.command}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        return _unwritten(options.command, error)
    except KeyboardInterrupt:
        print(f"minigrad {options.command}: interrupted; nothing was written", file=sys.stderr)
        return 130


def _unwritten(command: str, error: OSError) -> int:
    """What was said could not be written: say why, but not to a reader who has had enough, as `head` has."""
    if not isinstance(error, BrokenPipeError):
        print(f"minigrad {command}: error: cannot read or write: {error.strerror or error}", file=sys.stderr)
    with suppress(OSError):  # what is still in the buffer must not fail once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="minigrad", description="See, derive and check how gradients flow through recurrent nets.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for add in (_add_report, _add_draw, _add_flow, _add_diagnose, add_formula_commands):
        add(commands)
    return parser


def _add_report(commands: Any) -> None:
    command = commands.add_parser(
        "report",
        help="one page on where the gradient goes in a net that reads a text",
        description="Train a recurrent net on a text for a moment, then write report.html: the unrolled graph with its "
        "gradients, the norm of the gradient at every lag and the proved bound, cells side by side, the derivation. "
        "With --weights, a net of PyTorch is looked at as it is, without training.",
    )
    add_net_options(command)
    add_weight_options(command)
    command.add_argument("--open", action="store_true", help="open the page in a browser")
    command.add_argument(
        "--out", default="minigrad-report", metavar="DIR", help="where to write (default: %(default)s)"
    )
    command.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> None:
    require_no_training(options)
    path = report(
        text_of(options),
        options.out,
        settings(options),
        progress(options),
        weights=options.weights,
        prefix=options.prefix,
    )
    if options.open and webbrowser.open(path.resolve().as_uri()):
        print(f"Wrote {path} and opened it in a browser.")
    else:
        print(f"Wrote {path}; open it in a browser.")


def _add_draw(commands: Any) -> None:
    command = commands.add_parser(
        "draw",
        help="the unrolled graph with its gradients as a picture",
        description="Train a recurrent net on a text for a moment, then draw its unrolled graph; "
        "the gradient starts at the loss of the last prediction.",
    )
    add_net_options(command)
    command.add_argument(
        "--out", default="graph.svg", metavar="FILE", help=".svg, .dot, .png or .pdf (default: %(default)s)"
    )
    command.add_argument("--detail", choices=DETAILS, default="auto", help="how much to show (default: %(default)s)")
    command.add_argument("--no-gradients", action="store_true", help="draw the computation only")
    command.add_argument("--no-fold", action="store_true", help="draw every step of a long run")
    command.set_defaults(run=_draw)


def _draw(options: argparse.Namespace) -> None:
    require_writable(Path(options.out).parent)
    found = findings(read_corpus(options.text), settings(options), progress(options))
    gradients, fold = not options.no_gradients, not options.no_fold
    draw(found.graph, options.out, gradients=gradients, detail=options.detail, fold=fold)
    print(f"Wrote {options.out}")


def _add_flow(commands: Any) -> None:
    command = commands.add_parser(
        "flow",
        help="where the gradient fades, cells side by side",
        description="Train an RNN, an LSTM and a GRU on a text for a moment, then plot how much of the last loss's "
        "gradient arrives at every step and gate. With --cell, only that one.",
    )
    add_net_options(command, default_cell="all three")
    command.add_argument("--out", default="flow.svg", metavar="FILE", help=".svg, .png or .pdf (default: %(default)s)")
    command.set_defaults(run=_flow)


def _flow(options: argparse.Namespace) -> None:
    require_writable(Path(options.out).parent)
    corpus = read_corpus(options.text)
    names = [options.cell] if options.cell else list(CELLS)
    graphs = {
        name.upper(): findings(corpus, replace(settings(options), cell=name), progress(options)).graph for name in names
    }
    flow(graphs, options.out)
    print(f"Wrote {options.out}")


def _add_diagnose(commands: Any) -> None:
    command = commands.add_parser(
        "diagnose",
        help="what the numbers mean, in sentences or as JSON",
        description="Train a recurrent net on a text for a moment, or read the weights of one, and say how its "
        "gradients fare over time.",
    )
    add_net_options(command)
    add_weight_options(command)
    command.add_argument("--json", action="store_true", help="numbers for other programs")
    command.set_defaults(run=_diagnose)


def _diagnose(options: argparse.Namespace) -> None:
    require_no_training(options)
    if options.weights is not None:
        asked = settings(options)
        found = weight_findings(options.weights, text_of(options), asked.steps, asked.seed, options.prefix)
        print(found.json() if options.json else "\n".join(found.sentences()), end="" if options.json else "\n")
        return
    trained = findings(read_corpus(text_of(options)), settings(options), progress(options))
    diagnosis = diagnose(trained.lags, trained.graph, trained.explained.bound)
    print(diagnosis.json() if options.json else "\n".join(diagnosis.sentences()), end="" if options.json else "\n")
