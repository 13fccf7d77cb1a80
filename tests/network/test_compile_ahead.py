"""A first start compiles side by side what Theano would compile one after the other, and nothing twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys
from pathlib import Path
from audiostyle.network import compile_ahead
from audiostyle.network.start import start_theano

if sys.argv[1] == "broken headers":
    compile_ahead._HEADERS = "#error no such header"
backend = start_theano(threads=2)
import numpy as np, theano, theano.tensor as T
from theano.gof.cmodule import GCC_compiler

theirs = []
if hasattr(GCC_compiler.compile_str, "__self__"):
    ahead = GCC_compiler.compile_str.__self__
    alone = ahead._compile
    def counted(*args, **kwargs):
        if args[0] != "cutils_ext":  # of Theano itself
            theirs.append(kwargs.get("py_module", True))
        return alone(*args, **kwargs)
    ahead._compile = counted
x = T.fmatrix()
value = np.linspace(-1, 2, 12, dtype="float32").reshape(3, 4)
found = theano.function([x], [T.exp(x) + x, T.sqr(x).sum(), x[1:, :2]])(value)
modules = len(list(Path(backend.compile_cache).glob("tmp*/*.so")))
print(json.dumps({"alone": theirs.count(True), "ahead": theirs.count(False), "modules": modules,
                  "bits": [np.asarray(each).tobytes().hex() for each in found]}))
"""


@pytest.fixture
def run(tmp_path):
    def start(kind=""):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)}
        environment.pop("THEANO_FLAGS", None)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, kind], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return start


def test_all_modules_of_a_function_are_compiled_ahead_and_kept(run):
    first = run()
    assert first["alone"] == 0
    assert first["ahead"] == first["modules"] > 2
    again = run()
    assert again["alone"] == again["ahead"] == 0
    assert again["bits"] == first["bits"]
    assert again["modules"] == first["modules"]


def test_headers_that_do_not_compile_are_read_as_they_are(run):
    found = run("broken headers")
    assert found["alone"] == 0
    assert found["ahead"] == found["modules"] > 2
