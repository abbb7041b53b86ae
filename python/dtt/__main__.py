"""``python -m dtt`` is the command ``dtt``."""

import sys

from dtt.cli import main

if __name__ == "__main__":
    sys.exit(main())
