"""Writes docs/faults.md: what was tried, and what happens, from the tests' own sentences.

python tests/adversity/faults_page.py
"""

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PAGE", "page"]

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "faults.md"

PREFACE = """\
# Load and faults

What was tried on purpose, and what happens. Each line is the sentence of a test that runs it; a test of that name
in `tests/adversity/` or `tests/fuzzing/` is the proof. Made by `python tests/adversity/faults_page.py`.
"""

#: What fuzzing is, below the table.
FUZZING = """\
## Fuzzing

The promises in `tests/fuzzing/fuzz_targets.py` are tried with random, damaged and made-up bytes by Hypothesis in
every run of the suite, and for longer by libFuzzer, which looks for bytes that reach new lines:

```sh
pip install "atheris==3.0.0"
python tests/fuzzing/fuzz.py formula --seconds 300
```

Targets: formula, verdict, text, weights, header, command. An input that breaks a promise is left in a file;
`--replay FILE` runs it again.

## What was found this way, and mended

- A `.safetensors` file with bfloat16 or float8 numbers, and a damaged one given to `from_torch`, raised errors of
  other libraries; on the command line that was a traceback. Both are a `StateDictError` now.
- What the commands print to a full disk ended in a traceback, and to a reader who had left in a complaint of Python's
  at the end. Now it is one line, or silence, and exit code 2.
- Two programs that made the same new directory at the same moment: the second failed. Now it replaces the files.
- Ctrl-C while a picture was being written left a hidden temporary file.
"""

#: What stays as it is, and why.
LIMITS = """\
## What is left as it is

- Ctrl-C in the first moment, while Python still imports, ends with Python's own traceback; nothing is written.
- Ctrl-C between the two lines that open a scope, or while one is being closed, a matter of a microsecond in each step,
  leaves that scope open, so that names of later nodes stand in it; so it is with the other things that hold for the
  time of a call. Python lets a signal in there, and a context manager written in Python cannot help it.
  `contextvars.copy_context().run(f)` keeps it from what comes after.
- Two programs that replace the files of one report at the same time leave the page of one of them, but perhaps
  pictures beside it of the other. The page needs no other file.
- A shell script in the place of `dot` is ended at the time limit; what the script itself started may go on.
"""


def _tests(path: Path) -> Iterator[tuple[str, bool, str]]:
    """Name, whether slow, and sentence of every test in a file."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            slow = any(ast.unparse(mark) == "pytest.mark.nightly" for mark in node.decorator_list)
            yield node.name, slow, " ".join((ast.get_docstring(node) or "").split())


def page() -> str:
    """The whole page."""
    lines = [PREFACE]
    for path in (*sorted(HERE.glob("test_*.py")), *sorted((HERE.parent / "fuzzing").glob("test_*.py"))):
        if path.name == "test_faults_page.py":
            continue
        title = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        lines += [f"## {title.splitlines()[0]}\n", "| what was tried, and what happens | test |", "|---|---|"]
        for name, slow, sentence in _tests(path):
            lines.append(f"| {sentence.replace('|', chr(92) + '|')} | `{name}`{' (nightly)' if slow else ''} |")
        lines.append("")
    return "\n".join([*lines, FUZZING, LIMITS])


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
