"""Fuzz a target with libFuzzer, guided by which lines of minigrad the bytes reach.

    pip install "atheris==3.0.0"
    python tests/fuzzing/fuzz.py weights --seconds 300

Exit code 0 if nothing was found; otherwise the bytes that broke the promise are left in a file beside
the corpus, and `--replay FILE` runs them again. Atheris is for Linux and macOS and is no dependency.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["minigrad", "cells", "viz", "safetensors"]):
    from fuzz_targets import SEEDS, TARGETS

#: Bytes; every promise is about small inputs as much as about large ones.
LONGEST = 2000
#: Seconds that one input may take, on a busy machine too.
PATIENCE = 120


def main() -> None:
    """Run libFuzzer on one target for a bounded time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: %(default)s)")
    parser.add_argument("--corpus", type=Path, help="a directory to keep interesting inputs in (default: temporary)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run this input alone")
    options = parser.parse_args()
    if options.replay is not None:
        TARGETS[options.target](options.replay.read_bytes())
        return
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix=f"fuzz-{options.target}-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[options.target]):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = [f"-max_total_time={options.seconds}", f"-max_len={LONGEST}", f"-timeout={PATIENCE}"]
    atheris.Setup([sys.argv[0], str(corpus), f"-artifact_prefix={corpus}-", *limits], TARGETS[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
