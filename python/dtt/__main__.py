"""``python -m dtt`` is the command ``dtt``."""

import sys

from dtt.cli import main

sys.exit(main())
