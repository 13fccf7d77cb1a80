"""Lets Theano 1.0.5 and Lasagne 0.1 run unaltered on Python 3.11 to 3.14, numpy 1.23 to 2.5 and scipy 1.10 to 1.18.

One file for each concern, none of which needs the rest of the package:

- :mod:`numpy_names`: Python names that numpy dropped; before ``import theano``.
- :mod:`c_names`: flags for g++, where numpy's headers and scipy's BLAS have changed; in ``gcc.cxxflags``.
- :mod:`lasagne_names`: what Lasagne misses of an older Theano and an older Python; after ``import theano``.

A name is put back only where it is missing, so with the oldest of these versions nothing is changed.  Left out,
because no network here uses them: ``theano.scan``, complex numbers in compiled code, the gradient of indexing
with arrays of integers, and GPUs on Python 3.12 or newer.
"""
