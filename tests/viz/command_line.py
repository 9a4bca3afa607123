"""What the tests of the command line share: a command in this process, and what a mistake looks like."""

import re

from viz.cli.main import main


def minigrad(*arguments):
    """The exit code of a command."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code


def assert_one_line(capsys, words):
    """All that was said is one line on stderr, an error with these words."""
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"minigrad( [a-z]+)?: error: [^\n]*\n", said.err)
    assert words in said.err
