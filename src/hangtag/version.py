"""The version of Hangtag."""

__version__ = "0.1.0"
