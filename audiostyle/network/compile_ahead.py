"""The first start compiles forty small functions: here side by side, and their headers once.

Theano compiles one module after the other, and more than half of each g++ goes into the same headers of Python,
numpy and C++.  Where its cache is empty, the headers are compiled first, and then the modules of each function
all at once.  The machine code is the same: objdump sees no difference.
"""

import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

__all__ = ["compile_side_by_side"]

# What Theano's modules begin with, in their order (gof/cc.py, tensor/type.py).
_HEADERS = """\
#include <Python.h>
#include <iostream>
#include "theano_mod_helper.h"
#include <math.h>
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>
#include <vector>
#include <algorithm>
"""
# Without what a debugger needs: in a module it is left out too.
_NO_DEBUGGER = "-g0"


def compile_side_by_side(threads: int) -> None:
    """From now on compile the modules of each function that Theano links side by side, before it asks for them.

    Parameters
    ----------
    threads : int
        Compilers that may run at once.
    """
    import theano
    from theano.gof.cc import CLinker
    from theano.gof.cmodule import GCC_compiler
    from theano.gof.fg import FunctionGraph
    from theano.gof.vm import VM_Linker

    number = theano.tensor.fvector()
    # Asked for here: the first time Theano finds out the processor's flags, and a second thread would see half of them.
    flags = CLinker().accept(FunctionGraph([number], [-number])).compile_args()
    ahead = _Ahead(ThreadPoolExecutor(threads), flags, GCC_compiler.compile_str)
    make_all = VM_Linker.make_all

    def make_all_ahead(linker: Any, *args: Any, **kwargs: Any) -> Any:
        with ahead.compiling(linker.fgraph):
            return make_all(linker, *args, **kwargs)

    GCC_compiler.compile_str = staticmethod(ahead.compile_str)
    VM_Linker.make_all = make_all_ahead


def _compile_headers(folder: str, flags: list[str]) -> list[str]:
    """Compile the headers as the modules will be compiled; return the flags for these, none where that fails."""
    import theano
    from theano.gof.cmodule import std_include_dirs

    header = Path(folder, "headers.h")
    header.write_text(_HEADERS)
    folders = [f"-I{name}" for name in std_include_dirs()]
    command = [theano.config.cxx, "-g", *flags, _NO_DEBUGGER, *folders, "-fvisibility=hidden", "-x", "c++-header"]
    done = subprocess.run([*command, str(header), "-o", f"{header}.gch"], capture_output=True, check=False)
    return [_NO_DEBUGGER, "-include", str(header)] if done.returncode == 0 else []


class _Ahead:
    """Modules that are being compiled before they are asked for.

    Parameters
    ----------
    pool : ThreadPoolExecutor
    flags : list of str
        Those of most modules.
    compile_str : callable
        Theano's own.
    """

    def __init__(self, pool: ThreadPoolExecutor, flags: list[str], compile_str: Any) -> None:
        self._pool, self._flags, self._compile = pool, flags, compile_str
        self._made: dict[tuple[str, ...], Future[str]] = {}
        # 42 MB, for this process alone.
        folder = tempfile.TemporaryDirectory()
        atexit.register(folder.cleanup)
        self._headers = pool.submit(_compile_headers, folder.name, flags)

    @contextlib.contextmanager
    def compiling(self, fgraph: Any) -> Iterator[None]:
        """Compile what the nodes of a graph need, and forget it when the graph is linked."""
        with tempfile.TemporaryDirectory() as folder:
            for number, node in enumerate(fgraph.toposort()):
                # An Op without C code, or which needs more than its node to write it, is left to Theano.
                with contextlib.suppress(Exception):
                    self._begin(node, os.path.join(folder, str(number)))
            try:
                yield
            finally:
                for future in self._made.values():
                    if not future.cancel():
                        future.exception()
                self._made.clear()

    def _begin(self, node: Any, folder: str) -> None:
        from theano.gof.cc import CLinker
        from theano.gof.fg import FunctionGraph

        linker = CLinker().accept(FunctionGraph(node.inputs, node.outputs), no_recycling=[])
        module = linker.get_dynamic_module()
        source, flags = module.code(), linker.compile_args()
        if (source, *flags) in self._made:
            return
        folders = {"include_dirs": linker.header_dirs(), "lib_dirs": linker.lib_dirs(), "libs": linker.libraries()}

        def work() -> str:
            os.mkdir(folder)
            preargs = self._with_headers(flags)
            self._compile(module.code_hash, source, folder, **folders, preargs=preargs, py_module=False)
            return folder

        self._made[source, *flags] = self._pool.submit(work)

    def compile_str(
        self, module_name: str, src_code: str, location: str, *args: Any, preargs: Any = None, **kwargs: Any
    ) -> Any:
        """Take a module that is compiled already, or compile it: what ``GCC_compiler.compile_str`` does."""
        from theano.gof.cmodule import dlimport, get_lib_extension

        made = self._made.get((src_code, *(preargs or ())))
        if made is not None and made.exception() is None:
            shutil.copytree(made.result(), location, dirs_exist_ok=True)
            Path(location, "__init__.py").touch()
            return dlimport(os.path.join(location, f"{module_name}.{get_lib_extension()}"))
        # What Theano needs while it rewrites a graph, to fold constants.
        return self._compile(module_name, src_code, location, *args, preargs=self._with_headers(preargs), **kwargs)

    def _with_headers(self, flags: Any) -> Any:
        return [*flags, *self._headers.result()] if flags == self._flags else flags
