"""What can be wrong with one image: the kinds under which `predict` counts its errors."""

from enum import StrEnum


class ErrorKind(StrEnum):
    """A kind of error_kind, as people read it."""

    MISSING = "missing"
    UNREADABLE = "not permitted or not readable"
    EMPTY = "empty"
    TOO_LARGE = "too large"
    NOT_AN_IMAGE = "not an image"
    OTHER_FORMAT = "in another image format"
    DAMAGED = "damaged"
    MISSHAPEN = "of another shape or type"
    TIMED_OUT = "timed out"
    CRASHED = "crashed the decoder"
