"""The outcome of each mutant, read from mutmut's records."""

import ast
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

__all__ = ["TIMEOUTS", "Outcome", "Survivor", "load", "outcome_of", "save"]

#: mutmut's exit codes. A process that was ended because its time was over may hold a loop without an end, or may have
#: had too little of a busy machine: it is no verdict.
STATUS = {0: "survived", 1: "killed", 2: "killed", 3: "killed", 5: "no tests", 33: "no tests", 34: "left out"}
TIMEOUTS = (-24, 24, 36, 152)


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test noticed. It is known by what was changed, not by a line or a number, which shift.

    Attributes
    ----------
    file, function : str
    removed, added : str
        The lines that were changed, without their indentation.
    status : {"survived", "no tests"}
    in_error : bool
        Only the words of an error, or of a warning, are different.
    """

    file: str
    function: str
    removed: str
    added: str
    status: str
    in_error: bool = False

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The key that a reason is kept under."""
        return (self.file, self.function, self.removed, self.added)


@dataclass(frozen=True)
class Outcome:
    """The outcome of the mutants of one group.

    Attributes
    ----------
    modules : dict
        For each file, how many mutants have which status.
    survivors : list of Survivor
    sample, seed : int or None
        How many were drawn, and how.
    """

    modules: dict[str, dict[str, int]]
    survivors: list[Survivor]
    sample: int | None
    seed: int


def outcome_of(mutants: Path, sample: int | None, seed: int) -> Outcome:
    """Read the records that mutmut left in its folder."""
    modules: dict[str, dict[str, int]] = {}
    survivors = []
    for path in sorted(mutants.rglob("*.py.meta")):
        file = path.relative_to(mutants).as_posix().removesuffix(".meta")
        codes: dict[str, int | None] = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
        if not codes:
            continue
        statuses = {name: _status(code) for name, code in codes.items()}
        modules[file] = dict(Counter(statuses.values()))
        left = [name for name, status in statuses.items() if status in ("survived", "no tests")]
        survivors += [_survivor(mutants / file, file, name, statuses[name]) for name in left]
    return Outcome(modules, survivors, sample, seed)


def _status(code: int | None) -> str:
    return "out of time" if code in TIMEOUTS else "not tried" if code is None else STATUS.get(code, "error")


def _survivor(path: Path, file: str, mutant: str, status: str) -> Survivor:
    """The change of a mutant: the mutated file holds the function as it was and as it became."""
    name = mutant.rpartition(".")[2]
    original = name.partition("__mutmut_")[0] + "__mutmut_orig"
    spans = json.loads(Path(f"{path}.spans").read_text("utf-8"))["spans"]
    lines = path.read_text("utf-8").splitlines()
    before, after = (_source(lines, spans[key]).replace(key, "f") for key in (original, name))
    removed, added = _changed(before.splitlines(), after.splitlines())
    function = original.removesuffix("__mutmut_orig").removeprefix("x").strip("ǁ").removeprefix("_").replace("ǁ", ".")
    return Survivor(file, function, removed, added, status, _blank(before) == _blank(after))


def _source(lines: list[str], span: list[int]) -> str:
    chosen = lines[span[0] - 1 : span[1]]
    while chosen and not chosen[0].strip():
        chosen = chosen[1:]
    margin = len(chosen[0]) - len(chosen[0].lstrip())
    return "\n".join(line[margin:] for line in chosen)


def _changed(before: list[str], after: list[str]) -> tuple[str, str]:
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    removed = [line.strip() for tag, a, b, _, _ in blocks if tag != "equal" for line in before[a:b]]
    added = [line.strip() for tag, _, _, a, b in blocks if tag != "equal" for line in after[a:b]]
    return " ".join(removed), " ".join(added)


class _WithoutWords(ast.NodeTransformer):
    """Takes away what an error or a warning says, and leaves that it is raised."""

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """`raise Error(words) from cause` becomes `raise Error`."""
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.Raise(exc=error, cause=None)


def _blank(source: str) -> str:
    return ast.dump(_WithoutWords().visit(ast.parse(source)))


def load(path: Path) -> dict[str, Outcome]:
    """Outcomes by group, as `save` wrote them."""
    if not path.exists():
        return {}
    read: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return {name: Outcome(**{**g, "survivors": [Survivor(**s) for s in g["survivors"]]}) for name, g in read.items()}


def save(path: Path, outcomes: dict[str, Outcome], order: Iterable[str]) -> None:
    """Write outcomes by group, in a fixed order."""
    text = json.dumps(
        {name: asdict(outcomes[name]) for name in order if name in outcomes}, indent=1, ensure_ascii=False
    )
    path.write_text(text + "\n", "utf-8")
