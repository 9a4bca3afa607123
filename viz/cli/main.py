"""The command line: each command is a thin wrapper over one function.

Exit codes
----------
0
    Done.
1
    `check`: a line is refuted (with ``--strict``: or undecided). `claims`: a claim does not hold. Nothing else.
2
    The command line or an input cannot be used, a line of a derivation cannot be read, or the output cannot be
    written. One line on standard error says why; `check` says it beside each line.
3
    An error within minigrad. With the environment variable ``MINIGRAD_TRACEBACK`` set, Python's traceback follows.
128 + n
    Ended by signal n: 130 by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
"""

import argparse
import os
import sys
import traceback
import warnings
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cells.analysis import diagnose_numbers
from cells.analysis.findings import CELLS, findings
from cells.analysis.training import read_corpus
from cells.analysis.weights import weight_findings
from minigrad.errors import MinigradError

from ..draw import DETAILS, draw
from ..output import require_writable_file
from ..plots.flow import flow
from ..plots.svg import PLOT_SUFFIXES, plot_suffix
from ..render.drawing import drawing_suffix, drawing_suffixes
from ..report.report import report
from .formulas import add_formula_commands
from .options import (
    add_net_options,
    add_weight_options,
    progress,
    require_no_training,
    settings,
    text_of,
)
from .parser import Parser, Version
from .signals import Ended, raising_on_signals
from .terminal import complain, notice, open_standard_streams, say, say_json

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code; `arguments` are those of the process by default."""
    open_standard_streams()
    options = argparse.Namespace(command="")
    try:
        with raising_on_signals(), warnings.catch_warnings():
            warnings.showwarning = lambda message, *where: complain(f"{_name(options)}: warning: {message}")
            _parser().parse_args(arguments, options)
            return options.run(options) or 0
    except SystemExit as end:
        return int(end.code or 0)
    except Ended as end:
        complain(f"{_name(options)}: interrupted; every file is whole or was not written")
        return 128 + end.number
    except BrokenPipeError:  # the reader has had enough, as `head` has
        _drop_output()
        return 2
    except MinigradError as error:
        complain(f"{_name(options)}: error: {error}")
        return 2
    except MemoryError:
        complain(f"{_name(options)}: error: there is not enough memory; use smaller sizes or a shorter input")
        return 2
    except OSError as error:
        complain(f"{_name(options)}: error: cannot read or write: {error.strerror or error}")
        _drop_output()
        return 2
    except Exception as error:
        complain(
            f"{_name(options)}: error: {type(error).__name__} within minigrad: {error}; "
            "please report it with the command and its input"
        )
        if os.environ.get("MINIGRAD_TRACEBACK"):
            traceback.print_exc()
        return 3


def _name(options: argparse.Namespace) -> str:
    return f"minigrad {options.command or ''}".strip()


def _drop_output() -> None:
    """Send what is still in the buffer of standard output nowhere: it must not fail once more when Python ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="minigrad", description="See, derive and check how gradients flow through recurrent nets.")
    parser.add_argument("--version", action=Version)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for add in (_add_report, _add_draw, _add_flow, _add_diagnose, add_formula_commands):
        add(commands)
    return parser


def _add_report(commands: Any) -> None:
    command = commands.add_parser(
        "report",
        help="one page on where the gradient goes in a net that reads a text",
        description="Train a recurrent net on a text for a few updates, then write report.html: the unrolled graph "
        "with its gradients, the norm of the gradient at every lag and the proved bound, cells side by side, the "
        "derivation. With --weights, a net of PyTorch is looked at as it is, without training.",
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
        encoding=options.encoding,
    )
    if options.open and _opened(path):
        notice(f"Wrote {path} and opened it in a browser.")
    else:
        notice(f"Wrote {path}; open it in a browser.")


def _opened(path: Path) -> bool:
    """Open a page in a browser; False if there is none."""
    try:
        return webbrowser.open(path.resolve().as_uri())
    except (webbrowser.Error, OSError):
        return False


def _add_draw(commands: Any) -> None:
    command = commands.add_parser(
        "draw",
        help="the unrolled graph with its gradients as a picture",
        description="Train a recurrent net on a text for a few updates, then draw its unrolled graph; "
        "the gradient starts at the loss of the last prediction.",
    )
    add_net_options(command)
    _add_out(command, "graph.svg", drawing_suffixes())
    command.add_argument("--detail", choices=DETAILS, default="auto", help="how much to show (default: %(default)s)")
    command.add_argument("--no-gradients", action="store_true", help="draw the computation only")
    command.add_argument("--no-fold", action="store_true", help="draw every step of a long run")
    command.set_defaults(run=_draw)


def _add_out(command: argparse.ArgumentParser, default: str, suffixes: Sequence[str]) -> None:
    formats = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
    command.add_argument("--out", default=default, metavar="FILE", help=f"{formats} (default: %(default)s)")


def _draw(options: argparse.Namespace) -> None:
    drawing_suffix(options.out)
    require_writable_file(options.out)
    found = findings(read_corpus(options.text, options.encoding), settings(options), progress(options))
    gradients, fold = not options.no_gradients, not options.no_fold
    draw(found.graph, options.out, gradients=gradients, detail=options.detail, fold=fold)
    notice(f"Wrote {options.out}")


def _add_flow(commands: Any) -> None:
    command = commands.add_parser(
        "flow",
        help="where the gradient fades, cells side by side",
        description="Train an RNN, an LSTM and a GRU on a text for a few updates, then plot how much of the last "
        "loss's gradient arrives at every step and gate. With --cell, only that one.",
    )
    add_net_options(command, default_cell="all three")
    _add_out(command, "flow.svg", PLOT_SUFFIXES)
    command.set_defaults(run=_flow)


def _flow(options: argparse.Namespace) -> None:
    plot_suffix(options.out)
    require_writable_file(options.out)
    corpus = read_corpus(options.text, options.encoding)
    names = [options.cell] if options.cell else list(CELLS)
    graphs = {
        name.upper(): findings(corpus, replace(settings(options), cell=name), progress(options)).graph for name in names
    }
    flow(graphs, options.out)
    notice(f"Wrote {options.out}")


def _add_diagnose(commands: Any) -> None:
    command = commands.add_parser(
        "diagnose",
        help="what the numbers mean, in sentences or as JSON",
        description="Train a recurrent net on a text for a few updates, or read the weights of one, and diagnose its "
        "gradients over time.",
    )
    add_net_options(command)
    add_weight_options(command)
    command.add_argument("--json", action="store_true", help="numbers for other programs")
    command.set_defaults(run=_diagnose)


def _diagnose(options: argparse.Namespace) -> None:
    require_no_training(options)
    if options.weights is not None:
        asked = settings(options)
        found = weight_findings(
            options.weights, text_of(options), asked.steps, asked.seed, options.prefix, options.encoding
        )
        _say_diagnosis(found, options.json)
        return
    trained = findings(read_corpus(text_of(options), options.encoding), settings(options), progress(options))
    diagnosis = diagnose_numbers(trained.lags, trained.graph, trained.explained.bound, trained.explained.refusal)
    _say_diagnosis(diagnosis, options.json)


def _say_diagnosis(found: Any, json: bool) -> None:
    if json:
        say_json(found.json())
    else:
        say("\n".join(found.sentences()))
