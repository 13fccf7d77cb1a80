"""Transfer the style of one clip to another: the same as ``python -m audiostyle transfer``."""

import sys

from audiostyle.command.main import main

if __name__ == "__main__":
    sys.exit(main(["transfer", *sys.argv[1:]]))
