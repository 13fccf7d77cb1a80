"""The version, in a place of its own: whoever records it need not import the package's public names."""

__all__ = ["__version__"]

__version__ = "1.1.0"
