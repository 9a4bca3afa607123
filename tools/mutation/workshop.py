"""A copy of the repository in which mutmut works; the repository itself is never written into."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

from .groups import Group
from .results import TIMEOUTS

__all__ = ["ROOT", "Workshop"]

ROOT = Path(__file__).parents[2]
PACKAGES = ("minigrad", "cells", "viz")

#: mutmut's exit code for a mutant that was left out of the sample.
SKIPPED = 34
#: A test failed.
KILLED = 1
#: No test noticed, or no test reaches it.
UNNOTICED = (0, 33)
#: pytest itself could not run; mutmut would call that a timeout.
ERROR = 255
#: What is imported once, before a process is forked for each mutant. The mutated packages are not among it, so
#: that they are imported with the mutant in place: much of minigrad runs while it is imported.
PRELOADED = (
    "numpy",
    "sympy",
    "hypothesis.extra.numpy",
    "mpmath",
    "_pytest.doctest",
    "hypothesis.internal.conjecture.engine",
)

#: Without what costs time in each process and finds no mutant: doctests, caches, collecting garbage at the end.
_PYTEST = (
    *("-p", "mutation_plugin", "-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "no:threadexception"),
    *(
        "-o",
        "addopts=",
        "-m",
        "not parity and not slow and not nightly",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ),
)


class Workshop:
    """One group of modules, mutated in a folder of its own.

    Parameters
    ----------
    group : Group
    folder : Path
        Where the copy stands; results that are there already are kept.
    """

    def __init__(self, group: Group, folder: Path) -> None:
        self.group = group
        self.folder = folder / group.name
        self.mutants = self.folder / "mutants"

    def run(self, children: int, sample: int | None, seed: int, *, again: bool = False) -> None:
        """Copy, mutate, find out which test reaches what, and try the mutants; `again`: survivors once more."""
        earlier = self._killed()
        self._copy()
        self._mutmut("run", "no such mutant", check=False)  # makes the mutants and counts who reaches what
        if not self._statistics.exists():
            raise SystemExit(f"mutmut could not run the tests of {self.group.name}; see its output above")
        self._choose_tests()
        self._draw(sample, seed, again, earlier)
        # Named mutants: mutmut then tries the tests that were chosen for them, not all tests, without a mutant first.
        open_cases = [
            name for r in self._records().values() for name, code in r["exit_code_by_key"].items() if code is None
        ]
        if open_cases:
            self._mutmut("run", "--max-children", str(children), *open_cases)

    # -- the copy --------------------------------------------------------------------------------

    def _copy(self) -> None:
        """Every file that git knows, or would; only what has changed, so that old results hold."""
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        for name in listed:
            source, target = ROOT / name, self.folder / name
            if source.is_file() and (not target.exists() or source.read_bytes() != target.read_bytes()):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                if name.split("/")[0] in PACKAGES:  # mutmut copies a source file once
                    (self.mutants / name).unlink(missing_ok=True)
        shutil.copyfile(Path(__file__).with_name("plugin.py"), self.folder / "mutation_plugin.py")
        (self.folder / "preload.txt").write_text("\n".join(PRELOADED), "utf-8")
        (self.folder / "setup.cfg").write_text(self._settings(), "utf-8")

    def _settings(self) -> str:
        """Settings of mutmut, in the copy alone."""
        values: dict[str, tuple[str, ...]] = {
            "source_paths": PACKAGES,
            "only_mutate": self.group.modules,
            **({"do_not_mutate": self.group.spared} if self.group.spared else {}),
            "also_copy": ("mutation_plugin.py", "README.md", "docs", "benchmarks"),
            "pytest_add_cli_args": _PYTEST,
            "pytest_add_cli_args_test_selection": (
                *(name for name in self.group.tests if (ROOT / name).exists()),
                *(f"--deselect={name}" for name in self.group.never),
            ),
            "process_isolation": ("forkserver",),
            "forkserver_warmup": ("import",),
            "preload_modules_file": (str(self.folder / "preload.txt"),),
            "track_dependencies": ("false",),
            "use_git_change_detection": ("false",),
            "timeout_multiplier": ("4.0",),
            "timeout_constant": ("20.0",),
        }
        lines = ["[mutmut]"]
        for key, items in values.items():
            lines.append(f"{key} = {items[0]}" if len(items) == 1 else "\n    ".join([f"{key} =", *items]))
        return "\n".join(lines) + "\n"

    def _mutmut(self, *arguments: str, check: bool = True) -> None:
        environment = os.environ | {
            "HYPOTHESIS_PROFILE": "mutation",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "",
        }
        command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
        subprocess.run(command, cwd=self.folder, env=environment, check=check)

    # -- which tests, which mutants ------------------------------------------------------------------

    @property
    def _statistics(self) -> Path:
        return self.mutants / "mutmut-stats.json"

    def _choose_tests(self) -> None:
        """For each function: the nearest tests that reach it, and the quickest others within the budget."""
        full = self.folder / "stats-full.json"  # mutmut's own record holds the choice of the run before
        statistics = json.loads(self._statistics.read_text("utf-8"))
        reached: dict[str, list[str]] = json.loads(full.read_text("utf-8")) if full.exists() else {}
        for name, tests in statistics["tests_by_mangled_function_name"].items():
            reached[name] = sorted({*reached.get(name, ()), *tests})
        seconds = statistics["duration_by_test"]
        imported = self.mutants / "called-on-import.json"
        for name in json.loads(imported.read_text("utf-8")) if imported.exists() else ():
            reached[name] = list(seconds)
        full.write_text(json.dumps(reached), "utf-8")
        statistics["tests_by_mangled_function_name"] = {k: self._chosen(v, seconds) for k, v in reached.items()}
        self._statistics.write_text(json.dumps(statistics), "utf-8")
        (self.mutants / "durations.json").write_text(json.dumps(seconds), "utf-8")

    def _chosen(self, tests: list[str], seconds: dict[str, float]) -> list[str]:
        chosen = []
        left = self.group.budget
        for test in sorted(tests, key=lambda test: seconds.get(test, 0.0)):
            near = test.startswith(self.group.nearest)
            if near or seconds.get(test, 0.0) <= left:
                chosen.append(test)
                left -= 0.0 if near else seconds.get(test, 0.0)
        return chosen

    def _records(self) -> dict[Path, dict[str, Any]]:
        """mutmut's own records: by file, the verdict on each mutant and a hash of each function."""
        return {path: json.loads(path.read_text("utf-8")) for path in sorted(self.mutants.rglob("*.py.meta"))}

    def _killed(self) -> dict[str, str]:
        """Mutants that were ever killed, with the hash of their function: more tests cannot save them."""
        kept = self.folder / "killed.json"
        found: dict[str, str] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
        for record in self._records().values():
            hashes = record["hash_by_function_name"]
            for name, code in record["exit_code_by_key"].items():
                if code == KILLED:
                    found[name] = hashes.get(_function(name), "")
        if found:
            kept.write_text(json.dumps(found), "utf-8")
        return found

    def _draw(self, sample: int | None, seed: int, again: bool, earlier: dict[str, str]) -> None:
        """Leave all mutants out of the run but a random choice, the same for the same seed."""
        records = self._records()
        names = sorted(name for record in records.values() for name in record["exit_code_by_key"])
        chosen = set(names if sample is None or sample >= len(names) else Random(seed).sample(names, sample))
        for path, record in records.items():
            codes, hashes = record["exit_code_by_key"], record["hash_by_function_name"]
            for name, code in codes.items():
                if name in earlier and earlier[name] == hashes.get(_function(name), ""):
                    codes[name] = KILLED
                elif code in (SKIPPED, ERROR) or (again and code in (*UNNOTICED, *TIMEOUTS)):
                    codes[name] = None
                if name not in chosen:
                    codes[name] = SKIPPED
            path.write_text(json.dumps(record), "utf-8")


def _function(mutant: str) -> str:
    """The function that a mutant was made of, as mutmut writes it."""
    return mutant.rpartition("__mutmut_")[0].rpartition(".")[2]
