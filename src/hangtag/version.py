"""The version of Hangtag: written here, read by the build and by whoever records it."""

__version__ = "0.1.0"
