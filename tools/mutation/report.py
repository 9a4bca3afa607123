"""The document: the score of each module, and every survivor with a reason."""

import tomllib
from collections import Counter
from pathlib import Path

from .groups import GROUPS
from .results import Outcome, Survivor

__all__ = ["REASONS", "read_reasons", "render"]

#: The kinds of reasons for which a mutant may live, and what they mean.
REASONS = {
    "equivalent": "no program can tell the mutant from the original",
    "speed": "the same results, reached more slowly or with more memory",
    "words": "only the words of an error or of a warning differ; that it is raised is tested",
    "rounding": "the results differ by rounding alone",
    "unreachable": "the line is a guard for what cannot come there today",
    "looks": "only names, scopes or tooltips in a picture or a text differ",
    "elsewhere": "a test that is not run for this group notices it, as was tried by hand",
    "open": "a test could be written, and is not yet",
}
Key = tuple[str, str, str, str]

_INTRODUCTION = """\
# Mutation testing

Would the tests notice if a line of the code that must be right were wrong? `python -m tools.mutation` changes it, one
small change at a time (mutmut: other operators, numbers, arguments, constants, conditions, assignments), and runs the
tests that reach the line. A mutant is *killed* if a test fails; it *survives* if all of them pass.

The score is killed / tried, where what ran out of time does not count as tried. Survivors whose
only change is in the words of an error count as survivors.

What mutmut does not reach: statements outside of functions, decorated functions (properties, mostly) and the lambdas in
which a primitive's value is registered. The faults planted in `tests/faults` reach the registered rules: there every
rule of every primitive, in both modes, is replaced by a wrong one.

This page is written by the command; the reasons are kept in `tools/mutation/reasons.toml`.
"""


def read_reasons(path: Path) -> dict[Key, tuple[str, str]]:
    """For each survivor that has been looked at: the kind of reason, and a note.

    Raises
    ------
    ValueError
        If a kind is none of `REASONS`.
    """
    if not path.exists():
        return {}
    found: dict[Key, tuple[str, str]] = {}
    for entry in tomllib.loads(path.read_text("utf-8")).get("survivor", ()):
        if entry["reason"] not in REASONS:
            raise ValueError(f"{path.name} has the reason {entry['reason']!r}; use one of {', '.join(REASONS)}")
        key = (entry["file"], entry["function"], entry["removed"], entry["added"])
        found[key] = (entry["reason"], entry.get("note", ""))
    return found


def render(outcomes: dict[str, Outcome], reasons: dict[Key, tuple[str, str]]) -> str:
    """The whole document."""
    parts = [_INTRODUCTION, _summary(outcomes)]
    for name in GROUPS:
        if name in outcomes:
            parts.append(_group(name, outcomes[name], reasons))
    return "\n".join(parts)


def _counts(outcome: Outcome) -> Counter[str]:
    total: Counter[str] = Counter()
    for statuses in outcome.modules.values():
        total.update(statuses)
    return total


def _score(counts: Counter[str]) -> str:
    tried = _tried(counts)
    return f"{100 * counts['killed'] / tried:.1f} %" if tried else "–"


def _tried(counts: Counter[str]) -> int:
    return counts["killed"] + counts["survived"] + counts["no tests"]


def _row(name: str, counts: Counter[str]) -> str:
    survived, made = counts["survived"] + counts["no tests"], sum(counts.values())
    return f"| {name} | {made} | {_tried(counts)} | {counts['killed']} | {survived} | {_score(counts)} |"


_HEAD = "| | made | tried | killed | survived | score |\n|---|---:|---:|---:|---:|---:|"


def _summary(outcomes: dict[str, Outcome]) -> str:
    rows = [_row(name, _counts(outcomes[name])) for name in GROUPS if name in outcomes]
    missing = [name for name in GROUPS if name not in outcomes]
    note = [f"Not run yet: {', '.join(missing)}.", ""] if missing else []
    return "\n".join(["## Score by group", "", _HEAD, *rows, "", *note])


def _group(name: str, outcome: Outcome, reasons: dict[Key, tuple[str, str]]) -> str:
    lines = [f"## {name}", ""]
    if outcome.sample is not None:
        drawn = min(outcome.sample, sum(_counts(outcome).values()))
        lines += [f"A random sample of {drawn} mutants (`--sample {outcome.sample} --seed {outcome.seed}`).", ""]
    lines += [_HEAD, *(_row(f"`{file}`", Counter(counts)) for file, counts in outcome.modules.items()), ""]
    counts = _counts(outcome)
    late, never = counts["out of time"], counts["not tried"] + counts["error"]
    if late or never:
        lines += [
            f"Without a verdict: {late} that ran out of time, {never} that were not tried yet (`--again` goes on).",
            "",
        ]
    if not outcome.survivors:
        return "\n".join([*lines, "No survivors.", ""])
    by_reason: dict[str, list[tuple[Survivor, str]]] = {}
    for survivor in outcome.survivors:
        kind, note = reasons.get(survivor.key, ("words", "") if survivor.in_error else ("without a reason", ""))
        by_reason.setdefault(kind, []).append((survivor, note))
    for kind in (*REASONS, "without a reason"):
        if kind in by_reason:
            found = by_reason[kind]
            lines += [f"### {name}: {kind} ({len(found)})", "", f"{REASONS.get(kind, 'to be looked at')}.", ""]
            lines += [_item(survivor, note) for survivor, note in found] + [""]
    return "\n".join(lines)


def _item(survivor: Survivor, note: str) -> str:
    unreached = " (no test reaches it)" if survivor.status == "no tests" else ""
    text = f"- `{survivor.file}`, {survivor.function}{unreached}: {_code(survivor.removed)} → {_code(survivor.added)}"
    return f"{text}. {note}" if note else text


def _code(text: str) -> str:
    short = text if len(text) <= 160 else f"{text[:157]}…"
    return f"`` {short} ``" if "`" in short else f"`{short}`" if short else "nothing"
