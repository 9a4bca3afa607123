"""``python -m viz`` is the command ``minigrad``."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
