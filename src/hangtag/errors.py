"""The one exception tree of Hangtag.

    HangtagError
      DataError        a data set, image or table cannot be read as what it claims to be
        ImageError     one image cannot be read; carries its `ErrorKind`
      FetchError       a data set cannot be obtained from any source
      ModelError       a model folder is missing, damaged or does not fit the data
      RecipeError      a recipe has an unknown field or an impossible value
      TrainingError    a training cannot start, continue or be trusted
      OutputError      a result cannot be written where it was asked for
      MissingExtraError  an optional dependency is not installed

Every message is one line that says what was expected, what was received and what to do. The
command line prints it after ``error:`` and exits with code 2.
"""

from enum import StrEnum


class ErrorKind(StrEnum):
    """What can be wrong with one image; results count their errors by it."""

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


class HangtagError(Exception):
    """Base of every error that Hangtag raises on purpose."""


class DataError(HangtagError):
    """A data set, image or table cannot be read as what it claims to be."""


class ImageError(DataError):
    """One image cannot be read.

    Args:
        message: What, where and what to do, in one line.
        error_kind: What is wrong with it.
    """

    def __init__(self, message: str, *, error_kind: ErrorKind) -> None:
        super().__init__(message)
        self.error_kind = error_kind


class FetchError(HangtagError):
    """A data set cannot be obtained from any source."""


class ModelError(HangtagError):
    """A model folder is missing, damaged or does not fit the data."""


class RecipeError(HangtagError):
    """A recipe has an unknown field or an impossible value."""


class TrainingError(HangtagError):
    """A training cannot start, continue or be trusted."""


class OutputError(HangtagError):
    """A result cannot be written where it was asked for."""


class MissingExtraError(HangtagError):
    """An optional dependency is not installed.

    Args:
        extra: The name of the extra that holds it, such as ``train``.
        what: What the user wanted to do, as the start of a sentence.
    """

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(
            f"{what} needs the extra '{extra}', which is not installed; "
            f"run: pip install 'hangtag[{extra}]'"
        )
