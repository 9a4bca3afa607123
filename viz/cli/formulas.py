"""The commands about formulas: derive, check and claims.

A cell is named and switched as the papers do: ``minigrad derive lstm --peephole``.
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from cells import GRU, LSTM, RNN, Attention, Readout, claims
from cells.analysis.texts import LARGEST, decoded, read_text
from cells.attention import SCORES
from cells.cell import ACTIVATIONS
from cells.lstm import VARIANTS
from minigrad.symbolic import FormulaError, check_derivation, derive

from ..errors import ReportInputError
from .options import add_encoding
from .parser import did_you_mean
from .terminal import complain, say

__all__ = ["add_formula_commands"]

#: Formulas hold for all sizes; these only have to differ.
SIZES = (2, 3)

#: Said of a text without lines.
NOTHING = "there is no line to check; write one such as `dh/dh_prev = diag(1 - h**2) @ W`"

#: Each switch with the cell that it belongs to.
SWITCHES = {
    "activation": "rnn",
    "peephole": "lstm",
    "coupled": "lstm",
    "variant": "lstm",
    "reset": "gru",
    "update": "gru",
    "score": "attention",
}

#: How a cell is made of its switches.
MAKERS: dict[str, Callable[..., Any]] = {
    "rnn": lambda **switches: RNN(*SIZES, **switches),
    "lstm": lambda variant=None, **switches: (
        LSTM(*SIZES, **switches) if variant is None else LSTM.variant(variant, *SIZES, **switches)
    ),
    "gru": lambda **switches: GRU(*SIZES, **switches),
    "attention": lambda **switches: Attention(SIZES[1], **switches),
}


def add_formula_commands(commands: Any) -> None:
    """Put derive, check and claims among the commands."""
    _add_derive(commands)
    _add_check(commands)
    _add_claims(commands)


def _add_cell(command: argparse.ArgumentParser, cells: tuple[str, ...]) -> None:
    """CELL and the switches of each cell."""
    add = command.add_argument
    add("cell", choices=cells, metavar="CELL", help=", ".join(cells))
    add("--activation", choices=ACTIVATIONS, help="of the rnn (default: tanh)")
    add("--peephole", action="store_const", const=True, help="of the lstm: the gates see the cell")
    add("--coupled", action="store_const", const=True, help="of the lstm: i = 1 - f")
    add("--variant", choices=VARIANTS, help="of the lstm, by its name in Greff et al.")
    add("--reset", choices=("before", "after"), help="of the gru: r acts before or after the product")
    add("--update", choices=("keep", "write"), help="of the gru: z keeps the old state or writes the new one")
    if "attention" in cells:
        add("--score", choices=SCORES, help="of attention (default: additive)")


def _cell(options: argparse.Namespace) -> Any:
    """The cell that was asked for.

    Raises
    ------
    ReportInputError
        If a switch belongs to another cell.
    """
    given = {name: value for name in SWITCHES if (value := getattr(options, name, None)) is not None}
    for name in given:
        if SWITCHES[name] != options.cell:
            raise ReportInputError(f"--{name} is a switch of {SWITCHES[name]}; {options.cell} has none of that name")
    return MAKERS[options.cell](**given)


def _add_derive(commands: Any) -> None:
    command = commands.add_parser(
        "derive",
        help="a cell's Jacobians, adjoints and gradients in closed form, and a proved bound",
        description="Derive a cell's gradients from the lines that compute it, and prove a bound of its Jacobian over "
        "time.",
    )
    _add_cell(command, tuple(MAKERS))
    command.add_argument("--any-loss", action="store_true", help="epsilon for the loss, no softmax readout")
    command.add_argument("--latex", action="store_true", help="LaTeX instead of text")
    command.set_defaults(run=_derive)


def _derive(options: argparse.Namespace) -> None:
    steps = options.cell != "attention"
    readout = Readout(SIZES[1], SIZES[1] + 1) if steps and not options.any_loss else None
    derivation = derive(_cell(options), readout)
    parts = [derivation, *([derivation.product(), *_bound(derivation)] if steps else [])]
    say("\n\n".join(part.latex() if options.latex else part.text() for part in parts), options.latex)


def _bound(derivation: Any) -> list[Any]:
    """The proved bound, if there is one."""
    try:
        return [derivation.bound()]
    except FormulaError:
        return []


def _add_check(commands: Any) -> None:
    command = commands.add_parser(
        "check",
        help="judge a derivation line by line",
        description="Read lines such as `dh/dh_prev = diag(1 - h**2) @ W` and say of each if it is proved, refuted "
        "(with a counterexample), undecided, or cannot be read. What `derive` prints may be written too. Exit code 1 "
        "if a line is refuted, 2 if one cannot be read.",
    )
    _add_cell(command, tuple(MAKERS))
    command.add_argument(
        "lines", metavar="FILE", help="a text file with one line of the derivation a line; - for standard input"
    )
    add_encoding(command)
    command.add_argument("--latex", action="store_true", help="the engine's own formulas as LaTeX")
    command.add_argument("--strict", action="store_true", help="exit code 1 for undecided lines too")
    command.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    cell = _cell(options)
    lines = _standard_input(options.encoding) if options.lines == "-" else read_text(options.lines, options.encoding)
    if not lines.strip():
        raise ReportInputError(NOTHING)
    verdicts = check_derivation(cell, lines)
    if not verdicts:
        raise ReportInputError(NOTHING)
    say("\n".join(one.latex() if options.latex else str(one) for one in verdicts), options.latex)
    if any(verdict.status == "unread" for verdict in verdicts):
        return 2
    failing = {"refuted", "undecided"} if options.strict else {"refuted"}
    return int(any(verdict.status in failing for verdict in verdicts))


def _standard_input(encoding: str | None) -> str:
    """The text of standard input, in UTF-8 or in the encoding that Python expects there.

    Raises
    ------
    ReportInputError
        If it is closed, too large, or not text.
    """
    if sys.stdin is None:
        raise ReportInputError("standard input is closed; pass a file")
    if not hasattr(sys.stdin, "buffer"):  # a program that runs this command has put a text there
        return sys.stdin.read(LARGEST)
    content = sys.stdin.buffer.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ReportInputError(f"standard input has more than {LARGEST:,} bytes; pass at most that")
    try:
        return decoded(content, "standard input", encoding)
    except ReportInputError:
        if encoding is not None or sys.stdin.encoding.lower() == "utf-8":
            raise
        return decoded(content, "standard input", sys.stdin.encoding)


def _add_claims(commands: Any) -> None:
    command = commands.add_parser(
        "claims",
        help="claims of textbooks about recurrent nets: proved, refuted, or true under conditions",
        description="Examine the claims of textbooks about recurrent nets. Every step is done again and every "
        "counterexample recomputed; exit code 1 if one does not hold.",
    )
    command.add_argument("name", nargs="*", metavar="NAME", help="only these (default: all)")
    command.add_argument("--latex", action="store_true", help="LaTeX instead of text")
    command.add_argument("--list", action="store_true", help="only names, verdicts and statements")
    command.set_defaults(run=_claims)


def _claims(options: argparse.Namespace) -> int:
    found = {claim.name: claim for claim in claims.examine()}
    unknown = [name for name in options.name if name not in found]
    if unknown:
        raise ReportInputError(
            f"there is no claim {unknown[0]!r}{did_you_mean(unknown[0], found)}; there are {', '.join(found)}"
        )
    chosen = [found[name] for name in options.name or found]
    if options.list:
        say("\n".join(f"{one.name:24} {one.verdict:10} {one.statement.text}" for one in chosen))
        return 0
    failed = [one.name for one in chosen if not one.holds]
    say(
        "\n\n".join(one.latex() if options.latex else one.text() for one in chosen if one.name not in failed),
        options.latex,
    )
    if failed:
        complain(f"minigrad claims: these do not hold any more: {', '.join(failed)}")
    return int(bool(failed))
