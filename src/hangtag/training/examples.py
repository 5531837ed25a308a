"""Images with labels, as a training takes them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hangtag.datasets.dataset import Split
from hangtag.training.preprocessing import one_hot, scale_pixels, with_channels


@dataclass(frozen=True, slots=True)
class Examples:
    """Images with labels on the training's device.

    Attributes:
        pixels: (N, H, W, C) uint8; those mapped from a file stay on the CPU.
        labels: (N,) int64.
        targets: (N, K) float32, one-hot.
    """

    pixels: Tensor
    labels: Tensor
    targets: Tensor

    @classmethod
    def of(cls, split: Split, *, classes: int, device: torch.device) -> "Examples":
        """Moves the images and labels of `split` to `device`."""
        pixels = torch.from_numpy(with_channels(split.images))
        if not isinstance(split.images, np.memmap):
            pixels = pixels.to(device)
        labels = torch.from_numpy(split.labels).to(device)
        return cls(pixels, labels, one_hot(labels, classes=classes))

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: Tensor | slice) -> Tensor:
        """Returns the images at `chosen` (B,) in 0-1, (B, C, H, W), on the training's device."""
        where = chosen.to(self.pixels.device) if isinstance(chosen, Tensor) else chosen
        return scale_pixels(self.pixels[where].to(self.labels.device))
