"""Samples the images of an epoch, and weights the classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from hangtag.training.recipes.schema import Balance, DataPruning


class Sampler:
    """Chooses the images of each epoch; remembers the loss of each image to choose by it.

    Args:
        pruning: Which easy images are left out; None leaves out none.
        items: N.
        rates: How often each image is drawn in proportion, (N,); None takes each once.

    Attributes:
        losses: (N,) float32, of each image when it was last trained on; infinite before.
    """

    def __init__(
        self, pruning: DataPruning | None, *, items: int, rates: Tensor | None = None
    ) -> None:
        self._pruning = pruning
        self._rates = rates
        self.losses = torch.full((items,), torch.inf)

    def choose(self, *, done: float, generator: Generator) -> tuple[Tensor, Tensor]:
        """Chooses the images of an epoch, in random order.

        An image is easy when its last loss was below the mean. With pruning, a fraction of the easy
        images is left out, anew each time, and the remaining easy ones weigh more, so that the
        expected gradient stays the same (InfoBatch, Qin et al. 2024,
        https://arxiv.org/abs/2303.04947).

        Args:
            done: Fraction of the training that is done, 0-1.
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
        if self._pruning is None or done >= 1 - self._pruning.anneal:
            return order, torch.ones(len(order))
        easy = self.losses < self.losses.mean()
        draws = torch.rand(len(order), generator=generator)
        order = order[~(easy & (draws < self._pruning.ratio))[order]]
        return order, torch.where(easy[order], 1 / (1 - self._pruning.ratio), 1.0)


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """A recipe's `Balance`, computed for the labels of a train split.

    Attributes:
        rates: How often each image is drawn in proportion, (N,) float64; None draws each once.
        weights: Weight of each class in the loss, (K,) float32, of mean 1 over the images; None
            where all weigh alike.
        adjustment: Added to the logits in training, (K,) float32; None where nothing is.
    """

    rates: Tensor | None = None
    weights: Tensor | None = None
    adjustment: Tensor | None = None

    @classmethod
    def of(cls, settings: Balance, labels: Tensor, *, classes: int) -> "ClassBalance":
        """Computes the balance for labels (N,) in 0..K-1.

        With n images in a class, an image is drawn and weighs in proportion to n to the power of
        minus the setting, so that at 1 the classes count alike. The logit adjustment is the setting
        times log(n / N) (Menon et al. 2021, "Long-tail learning via logit adjustment"): a rare
        class must win by more in training, and so wins more often without the adjustment.
        """
        counts = torch.bincount(labels, minlength=classes).double().clamp(min=1)
        rates = weights = adjustment = None
        if settings.sampling:
            rates = (counts**-settings.sampling)[labels].cpu()
        if settings.loss:
            weights = counts**-settings.loss
            weights = (weights / weights[labels].mean()).float()
        if settings.logit_adjustment:
            adjustment = (settings.logit_adjustment * (counts / len(labels)).log()).float()
        return cls(rates, weights, adjustment)

    def weigh(self, losses: Tensor, targets: Tensor) -> Tensor:
        """Returns losses (B,) times the weights of the classes in targets (B, K)."""
        return losses if self.weights is None else losses * (targets @ self.weights)

    def adjust(self, logits: Tensor) -> Tensor:
        """Returns logits (B, K) with the adjustment of the training loss."""
        return logits if self.adjustment is None else logits + self.adjustment


def compute_class_prior(settings: Balance, counts: Sequence[int]) -> list[float]:
    """Returns the class prior that a model learns, (K,), summing to 1.

    Args:
        settings: The recipe's. Sampling and loss weights change what the network sees, the logit
            adjustment what it is asked for: each takes its part of the log count of a class away.
        counts: Images of each class in the train split, (K,).
    """
    power = 1 - settings.sampling - settings.loss - settings.logit_adjustment
    weights = [max(count, 1) ** power for count in counts]
    return [weight / sum(weights) for weight in weights]
