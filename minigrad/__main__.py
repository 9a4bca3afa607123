"""``python -m minigrad`` is the command ``minigrad``."""

import sys


def _main() -> int:
    """Run the command; imported here since the engine itself must not depend on pictures."""
    from viz.cli.main import main  # noqa: PLC0415

    return main()


if __name__ == "__main__":
    sys.exit(_main())
