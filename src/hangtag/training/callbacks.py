"""Callbacks of a training: epochs, progress, TensorBoard, and a profile of the steps."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch

from hangtag.environment import require_extra
from hangtag.progress import OnProgress
from hangtag.tables.csv_cells import write_csv_rows


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Functions that a training calls; all are silent by default.

    Attributes:
        say: Called with each message for people, a line.
        on_start: Called with the run folder once there is a run to resume.
        on_step: Called with the steps done and the steps of the epoch.
    """

    say: Callable[[str], None] = lambda line: None
    on_start: Callable[[Path], None] = lambda folder: None
    on_step: OnProgress = lambda done, total: None


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch.

    Attributes:
        epoch: Counted from 1.
        seconds: Wall time, with validation.
        lr: Learning rate of its last step.
        loss: Mean over its training images while the weights moved, with the penalty.
        accuracy: Likewise, 0-1.
        val_loss: On the validation split after it, with the penalty.
        val_accuracy: Likewise, 0-1.
    """

    epoch: int
    seconds: float
    lr: float
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


def write_history(path: Path, history: Sequence[Epoch]) -> None:
    """Writes ``results.csv``, a row an epoch, its columns the fields of `Epoch`.

    Raises:
        OutputError: The file cannot be written.
    """
    rows = ({**asdict(epoch), "seconds": f"{epoch.seconds:.3f}"}.values() for epoch in history)
    write_csv_rows(path, [field.name for field in fields(Epoch)], rows)


def describe_epoch(epoch: Epoch, *, epochs: int, steps: int) -> str:
    """Describes an epoch in a line, as Keras does: steps, seconds, ms a step, the four figures."""
    width = len(str(epochs))
    return (
        f"Epoch {epoch.epoch:>{width}}/{epochs}  {steps}/{steps} - {epoch.seconds:.0f}s "
        f"{1000 * epoch.seconds / steps:.0f}ms/step - loss: {epoch.loss:.4f} - accuracy: "
        f"{epoch.accuracy:.4f} - val_loss: {epoch.val_loss:.4f} - val_accuracy: "
        f"{epoch.val_accuracy:.4f}"
    )


class TensorBoardLog:
    """Writes the figures of each epoch for ``tensorboard --logdir RUN/tensorboard``."""

    def __init__(self, folder: Path, *, done: int = 0) -> None:
        """Opens the log in `folder`; the epochs after `done` are written anew.

        Raises:
            MissingExtraError: TensorBoard is not installed.
        """
        require_extra("tensorboard", "--tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self._writer: SummaryWriter = SummaryWriter(str(folder), purge_step=done + 1)

    def add(self, epoch: Epoch) -> None:
        """Adds the figures of an epoch."""
        for name, value in asdict(epoch).items():
            if name != "epoch":
                self._writer.add_scalar(name, value, epoch.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()


class Profiler:
    """Adds up the seconds of each part of a training step.

    Attributes:
        seconds: By part, in the order of the step.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device

    @contextmanager
    def record(self, part: str) -> Iterator[None]:
        """Adds the time that the block takes to `part`."""
        started = self._now()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + self._now() - started

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)  # a GPU works on while the program goes ahead
        return time.perf_counter()
