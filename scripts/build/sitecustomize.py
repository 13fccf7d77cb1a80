"""Lets Theano 1.0.5's setup.py run on Python 3.12 or newer: put this folder on PYTHONPATH while pip or uv builds it.

Its versioneer.py (342-344) reads setup.cfg by a class and a method that Python 3.12 dropped.
"""

import configparser

if not hasattr(configparser, "SafeConfigParser"):

    class _SafeConfigParser(configparser.ConfigParser):
        def readfp(self, file: object) -> None:
            self.read_file(file)  # type: ignore[arg-type]

    configparser.SafeConfigParser = _SafeConfigParser  # type: ignore[attr-defined]
