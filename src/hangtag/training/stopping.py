"""Early stopping."""

import math
from dataclasses import dataclass


@dataclass
class EarlyStopping:
    """Watches the validation loss, as Keras' callback does with its defaults.

    Attributes:
        patience: Epochs without a lower loss before stopping; None never stops.
        best_loss: The lowest loss so far.
        best_epoch: Its epoch, counted from 1; 0 before the first.
        waited: Epochs since then.
    """

    patience: int | None
    best_loss: float = math.inf
    best_epoch: int = 0
    waited: int = 0

    def observe(self, loss: float, *, epoch: int) -> bool:
        """Notes the loss of an epoch; returns whether it is the lowest so far."""
        if loss < self.best_loss:
            self.best_loss, self.best_epoch, self.waited = loss, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def should_stop(self) -> bool:
        """Whether the patience is used up."""
        return self.patience is not None and self.waited >= self.patience
