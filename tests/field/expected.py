"""What is right for a command on an input from the field, and short ways to write it."""

import shlex
from dataclasses import dataclass

from tests.tiny import Outcome

BROKEN_ADVICE = "convert it to one of these"
"""Advice for images of another format; for a web page it is none."""

PHOTO_MODEL = "clothing-photos"
GREY_MODEL = "fashion-mnist-tiny"

GREY_CASES = ("40", "41", "42", "43", "44", "45")
"""The cases of grey images of 28x28 pixels, which `explore` looks at without a model."""

TINY_TRAINING = (
    *("--set", "batch_size=8", "--set", "precision=float32"),
    *("--epochs", "2", "--recipe", "photo"),
    *("--set", "network.pretrained=false", "--set", "network.width=0.25"),
    *("--set", "network.depth=0.3", "--set", "images.size=32"),
    *("--set", "linear_probing.epochs=1", "--set", "linear_probing.backbone_factor=1.0"),
)
"""The recipe photo, as small as it gets."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is right for one command.

    Attributes:
        command: The subcommand.
        data: The input, relative to the folder of all cases.
        options: Further arguments.
        codes: The exit codes that are right.
        rows: How many rows `predict` writes, how many images `explore`, `train` and `evaluate`
            count, how many items `audit` counts. None: not looked at.
        at_least: The rows are at least so many.
        errors: How many rows of `predict` are errors.
        classes: The classes that `explore` finds, in any order.
        splits: The images of each split that `explore` finds.
        like: A file: the first row of `predict` has its category, and nearly its confidence.
        says: Patterns that stderr or the column `error` must match, whatever their case.
        never: Patterns that no output may match.
        or_says: In place of all else the command may exit with 2 if it says all of these.
        stdin: A file that is given on stdin.
        without: Packages that are not installed for this one.
    """

    command: str
    data: str
    options: tuple[str, ...] = ()
    codes: tuple[int, ...] = (0,)
    rows: int | None = None
    at_least: bool = False
    errors: int | None = None
    classes: tuple[str, ...] | None = None
    splits: tuple[tuple[str, int], ...] | None = None
    like: str = ""
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    or_says: tuple[str, ...] = ()
    stdin: str = ""
    without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the test: the command as it is typed, without what only makes it fast."""
        data = self.data if not self.stdin else f"- < {self.stdin}"
        extra = f" (without {', '.join(self.without)})" if self.without else ""
        model = f"{self.options[0]} " if self.command == "evaluate" else ""
        return f"{self.command} {model}{data}{extra}"


@dataclass(frozen=True)
class Found:
    """What a command did: its outcome, and what its result holds."""

    outcome: Outcome
    rows: int | None = None
    errors: int | None = None
    classes: tuple[str, ...] = ()
    splits: tuple[tuple[str, int], ...] = ()
    category: str = ""
    confidence: float = 0.0
    messages: str = ""


def reads(data: str, rows: int, *, like: str = "", says: str = "", never: str = "") -> Expected:
    """Expects `predict` to read all of `data`."""
    return Expected(
        command="predict",
        data=data,
        rows=rows,
        errors=0,
        like=like,
        says=_some(says),
        never=_some(never),
    )


def names_fault(data: str, *says: str, without: str = "") -> Expected:
    """Expects `predict` to end a single file as one error row that says what the file is."""
    return Expected(
        command="predict",
        data=data,
        codes=(2,),
        rows=1,
        errors=1,
        says=says,
        never=(BROKEN_ADVICE,),
        without=_some(without),
    )


def lists(stdin: str, rows: int, errors: int = 0) -> Expected:
    """Expects `predict -` to read a list of paths."""
    codes = (0,) if errors < rows else (2,)
    return Expected(command="predict", data="-", stdin=stdin, codes=codes, rows=rows, errors=errors)


def explores(
    data: str,
    rows: int | None = None,
    *,
    classes: str = "",
    says: str = "",
    never: str = "",
    or_says: str = "",
    **splits: int,
) -> Expected:
    """Expects `explore` to read `data`: images, classes and splits."""
    return Expected(
        command="explore",
        data=data,
        options=() if data[:2] in GREY_CASES else ("--model", "none"),
        rows=sum(splits.values()) if splits else rows,
        classes=tuple(shlex.split(classes)) or None,
        splits=tuple(sorted(splits.items())) or None,
        says=_some(says),
        never=_some(never),
        or_says=_some(or_says),
    )


def refuses(command: str, data: str, *says: str, never: str = "", options: str = "") -> Expected:
    """Expects a command to exit with 2 and to say all of `says` in one line."""
    return Expected(
        command=command,
        data=data,
        options=tuple(options.split()),
        codes=(2,),
        says=says,
        never=_some(never),
    )


def trains(data: str, rows: int | None = None, *, says: str = "", or_says: str = "") -> Expected:
    """Expects `train` to train on all images of `data`."""
    return Expected(
        command="train",
        data=data,
        options=TINY_TRAINING,
        rows=rows,
        says=_some(says),
        or_says=_some(or_says),
    )


def evaluates(
    data: str,
    rows: int | None = None,
    *,
    model: str = GREY_MODEL,
    says: str = "",
    never: str = "",
    or_says: str = "",
) -> Expected:
    """Expects `evaluate` to measure a model on `rows` images of `data`."""
    return Expected(
        command="evaluate",
        data=data,
        options=(model,),
        rows=rows,
        says=_some(says),
        never=_some(never),
        or_says=_some(or_says),
    )


def audits(
    data: str, rows: int, *, errors: int | None = None, says: str = "", or_says: str = ""
) -> Expected:
    """Expects `audit` to count `rows` items."""
    return Expected(
        command="audit",
        data=data,
        codes=(0, 1),
        rows=rows,
        errors=errors,
        says=_some(says),
        or_says=_some(or_says),
    )


def same_for_all(data: str, rows: int, *, classes: str = "Dress Hat Pants") -> list[Expected]:
    """Expects `predict`, `explore` and `audit` to read the same rows of a table."""
    return [reads(data, rows), explores(data, rows, classes=classes), audits(data, rows)]


def refused_by_all(data: str, *says: str, never: str = "") -> list[Expected]:
    """Expects `predict`, `explore`, `train` and `audit` to refuse, and to say why alike."""
    commands = ("predict", "explore", "train", "audit")
    return [refuses(command, data, *says, never=never) for command in commands]


def _some(pattern: str) -> tuple[str, ...]:
    return (pattern,) if pattern else ()
