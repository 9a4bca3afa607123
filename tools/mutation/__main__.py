"""``python -m tools.mutation``: run mutmut and write ``build/mutation.md``; see ``--help``."""

import argparse
import os
import sys
from pathlib import Path
from tempfile import gettempdir

from .groups import GROUPS
from .report import read_reasons, render
from .results import load, outcome_of, save
from .workshop import ROOT, Workshop

#: An artefact of the command, not tracked; results and reasons are kept beside the tool.
DOCUMENT = ROOT / "build" / "mutation.md"
RESULTS = Path(__file__).with_name("results.json")
REASONS = Path(__file__).with_name("reasons.toml")


def main() -> None:
    """Run the groups that were asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; all by default")
    parser.add_argument(
        "--work", type=Path, default=Path(gettempdir()) / "minigrad-mutation", help="folder of the copies"
    )
    parser.add_argument("--children", type=int, default=2, help="processes at a time")
    parser.add_argument("--sample", type=int, help="try so many mutants of each group, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--again", action="store_true", help="try the survivors of an earlier run once more")
    parser.add_argument("--report-only", action="store_true", help="write the document from results that are there")
    options = parser.parse_args()
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"there is no group {', '.join(sorted(unknown))}; choose of {', '.join(GROUPS)}")
    os.nice(19)
    found = {}
    for name in options.groups or GROUPS:
        sample = options.sample if options.sample is not None else GROUPS[name].sample
        workshop = Workshop(GROUPS[name], options.work)
        if not options.report_only:
            workshop.run(options.children, sample, options.seed, again=options.again)
        if workshop.mutants.exists():
            found[name] = outcome_of(workshop.mutants, sample, options.seed)
    outcomes = load(RESULTS) | found  # only now: another run may have written meanwhile
    save(RESULTS, outcomes, GROUPS)
    reasons = read_reasons(REASONS)
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(render(outcomes, reasons), "utf-8")
    unexplained = [s for o in outcomes.values() for s in o.survivors if s.key not in reasons and not s.in_error]
    sys.stdout.write(f"wrote {DOCUMENT.name}; {len(unexplained)} survivors have no reason in {REASONS.name} yet\n")


if __name__ == "__main__":
    main()
