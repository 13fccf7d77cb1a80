"""Artistic style transfer for music data, as Coleman, Penco and Porisky (2017) released it."""

__version__ = "1.0.0"
