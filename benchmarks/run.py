"""Run all benchmarks that take minutes and write their sections of benchmarks/README.md.

``python benchmarks/run.py``, or ``--only passes growth``. Libraries to compare with are optional, and left out where
they are missing: ``pip install numba scipy torch "jax[cpu]" autograd micrograd torchviz``. `memory_tasks.py`,
which trains nets, takes longer and is run by itself.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from time import perf_counter

#: Every script, and how long it takes about, in minutes on two processors of 2021.
SCRIPTS = {
    "tape": "one operation at a time, long chains, import: 1 minute",
    "training_step": "a training step beside all libraries and the limit: 6 minutes, with --large 12",
    "passes": "what each pass is worth: 3 minutes",
    "profiles": "where the time of a plan goes: 1 minute",
    "growth": "100 to 10,000 steps: 6 minutes",
    "drawing": "drawing time beside torchviz: 4 minutes",
    "derivations": "formulas beside sympy.diff: 1 minute",
}


def main() -> None:
    """Run each script in an interpreter of its own, one after another, so that none disturbs the next."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=list(SCRIPTS), help="some of the scripts")
    parser.add_argument("--large", action="store_true", help="training steps of the large size too")
    options = parser.parse_args()
    for name in options.only:
        print(f"== {name}: {SCRIPTS[name]}", flush=True)
        start = perf_counter()
        extra = ["--large"] if options.large and name == "training_step" else []
        subprocess.run([sys.executable, Path(__file__).with_name(f"{name}.py"), "--write", *extra], check=True)
        print(f"== {name}: done in {(perf_counter() - start) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
