"""``python -m audiostyle``."""

import sys

from audiostyle.command.main import main

if __name__ == "__main__":
    sys.exit(main())
