"""``python -m viz`` is the command ``minigrad``."""

import sys

from .cli.main import main

sys.exit(main())
