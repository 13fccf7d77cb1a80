"""Names put back for Theano where a newer numpy or scipy has dropped them, and only there."""

# ruff: noqa: NPY003, NPY201  those names are what is put back
import warnings

import numpy as np

from audiostyle.network.compat.c_names import blas_definitions, compiler_flags
from audiostyle.network.compat.numpy_names import put_back_numpy_names


def test_names_of_numpy_are_put_back(monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("product", "cast", "sctype2char"):
            monkeypatch.setattr(np, name, None, raising=False)  # so that it is as before when the test ends
            monkeypatch.delattr(np, name)
        put_back_numpy_names()
        assert np.product([2, 3]) == 6
        assert np.sctype2char("float32") == "f"
        cast = np.cast["float32"](2)
        import numpy.distutils.misc_util
    assert (cast.dtype, cast) == (np.float32, 2)
    assert numpy.distutils.misc_util.get_numpy_include_dirs() == [np.get_include()]


def test_names_that_are_there_stay(monkeypatch):
    monkeypatch.setattr(np, "product", "mine", raising=False)
    put_back_numpy_names()
    assert np.product == "mine"


def test_the_oldest_versions_need_no_flags(monkeypatch):
    monkeypatch.setattr(np, "__version__", "1.23.5")
    flags = compiler_flags("-L/lib -l:libopenblasp-r0-41284840.3.18.so").split()
    assert [flag for flag in flags if not flag.startswith("-Wl,-rpath,")] == []


def test_flags_for_numpy_2_and_the_blas_of_a_newer_scipy(monkeypatch):
    monkeypatch.setattr(np, "__version__", "2.2.6")
    flags = compiler_flags("-L/lib -l:libscipy_openblas-c128ec02.so").split()
    assert {"-DNPY_PY3K=1", "-DPyInt_AsLong=PyLong_AsLong", "-Dsgemm_=scipy_sgemm_"} <= set(flags)
    assert blas_definitions("-lopenblas") == []
