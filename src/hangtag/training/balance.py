"""What a recipe does about classes of few images: drawing, weighing, adjusting logits."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hangtag.training.recipes.schema import Balance


def find_class_prior(settings: Balance, counts: Sequence[int]) -> list[float]:
    """Returns the class frequencies that a model assumes, (K,), summing to 1.

    Args:
        settings: The recipe's. Drawing and weighing change what the network sees, the shift what it
            is asked for: each takes its part of the logarithm of a class's count away.
        counts: Images of each class in the train split, (K,).
    """
    power = 1 - settings.sampling - settings.loss - settings.logit_adjustment
    weights = [max(count, 1) ** power for count in counts]
    return [weight / sum(weights) for weight in weights]


@dataclass(frozen=True, slots=True)
class Balancing:
    """A recipe's `Balance`, worked out for the labels of a train split.

    Attributes:
        rates: How often each image is drawn in proportion, (N,) float64; None draws each once.
        weights: Weight of each class in the loss, (K,) float32, of mean 1 over the images; None
            where all weigh alike.
        shifts: Added to the logits in training, (K,) float32; None where nothing is.
    """

    rates: Tensor | None = None
    weights: Tensor | None = None
    shifts: Tensor | None = None

    @classmethod
    def of(cls, settings: Balance, labels: Tensor, *, classes: int) -> "Balancing":
        """Works out `settings` for labels (N,) in 0..K-1.

        With n images in a class, an image is drawn and weighs in proportion to n to the power of
        minus the setting, so that at 1 the classes count alike. The shift is the setting times
        log(n / N) (Menon et al. 2021, "Long-tail learning via logit adjustment"): a class of few
        images must win by more in training, and so wins more often without the shift.
        """
        counts = torch.bincount(labels, minlength=classes).double().clamp(min=1)
        rates = weights = shifts = None
        if settings.sampling:
            rates = (counts**-settings.sampling)[labels].cpu()
        if settings.loss:
            weights = counts**-settings.loss
            weights = (weights / weights[labels].mean()).float()
        if settings.logit_adjustment:
            shifts = (settings.logit_adjustment * (counts / len(labels)).log()).float()
        return cls(rates, weights, shifts)

    def weigh(self, losses: Tensor, targets: Tensor) -> Tensor:
        """Returns losses (B,) times the weights of the classes in targets (B, K)."""
        return losses if self.weights is None else losses * (targets @ self.weights)

    def shift(self, logits: Tensor) -> Tensor:
        """Returns logits (B, K) as the training sees them."""
        return logits if self.shifts is None else logits + self.shifts
