"""Which images an epoch trains on: all, or all but some easy ones, or a draw by class."""

import torch
from torch import Generator, Tensor

from hangtag.training.recipes.schema import DataPruning


class Selection:
    """Remembers the loss of each image and chooses by it.

    Args:
        settings: Which easy images are left out.
        items: N.
        rates: How often each image is drawn in proportion, (N,); None takes each once.

    Attributes:
        losses: (N,) float32, of each image when it was last trained on; infinite before.
    """

    def __init__(
        self, settings: DataPruning | None, *, items: int, rates: Tensor | None = None
    ) -> None:
        self._settings = settings
        self._rates = rates
        self.losses = torch.full((items,), torch.inf)

    def choose(self, *, done: float, generator: Generator) -> tuple[Tensor, Tensor]:
        """Chooses the images of an epoch, in random order.

        An image is easy when its loss lay below the mean. A share of the easy ones is left out,
        anew each time, and the others of them weigh more in turn, so that the mean gradient stays
        what it was (InfoBatch, Qin et al. 2024, https://arxiv.org/abs/2303.04947).

        Args:
            done: Share of the training that is done, 0-1.
            generator: Source of the random numbers, on the CPU.

        Returns:
            The images (M,) int64 and their weights (M,) float32.
        """
        if self._rates is not None:
            drawn = torch.multinomial(
                self._rates, len(self._rates), replacement=True, generator=generator
            )
            return drawn, torch.ones(len(drawn))
        order = torch.randperm(len(self.losses), generator=generator)
        if self._settings is None or done >= 1 - self._settings.anneal:
            return order, torch.ones(len(order))
        easy = self.losses < self.losses.mean()
        draws = torch.rand(len(order), generator=generator)
        order = order[~(easy & (draws < self._settings.ratio))[order]]
        return order, torch.where(easy[order], 1 / (1 - self._settings.ratio), 1.0)
