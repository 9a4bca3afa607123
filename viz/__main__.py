"""``python -m viz`` is the command ``minigrad``."""

import sys

from .cli import main

sys.exit(main())
