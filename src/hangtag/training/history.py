"""What happened in each epoch: the rows of ``results.csv`` and the lines on the screen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from hangtag.tables.csv_cells import write_csv_rows


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
    rows = ({**asdict(one), "seconds": f"{one.seconds:.3f}"}.values() for one in history)
    write_csv_rows(path, [field.name for field in fields(Epoch)], rows)


def epoch_line(epoch: Epoch, *, epochs: int, steps: int) -> str:
    """Writes one epoch as the seed's Keras did: steps, seconds, ms a step, the four figures."""
    width = len(str(epochs))
    return (
        f"Epoch {epoch.epoch:>{width}}/{epochs}  {steps}/{steps} - {epoch.seconds:.0f}s "
        f"{1000 * epoch.seconds / steps:.0f}ms/step - loss: {epoch.loss:.4f} - accuracy: "
        f"{epoch.accuracy:.4f} - val_loss: {epoch.val_loss:.4f} - val_accuracy: "
        f"{epoch.val_accuracy:.4f}"
    )
