"""Preprocessing inside the graph: from stored pixels to the input of the network.

The same functions run in training and, inside the exported graph, in every prediction.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hangtag.datasets.dataset import Split
from hangtag.training.recipes.schema import Recipe
from hangtag.training.targets import one_hot

MAX_INFERENCE_BATCH = 500
_BATCH_PIXELS = 8 * MAX_INFERENCE_BATCH * 28 * 28
"""Pixels per channel whose activations fit well into memory, in a network for photos too."""

_BLOCK = 1 << 20
"""Pixels that are counted at a time, in whole images."""


def scale_pixels(pixels: Tensor) -> Tensor:
    """Turns pixels (B, H, W, C) uint8 0-255 into images (B, C, H, W) float32 0-1."""
    return pixels.permute(0, 3, 1, 2).to(torch.float32) / 255


def with_channels(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns images (N, H, W) or (N, H, W, C) as contiguous (N, H, W, C)."""
    return np.ascontiguousarray(images if images.ndim == 4 else images[..., None])


def inference_batch_size(height: int, width: int) -> int:
    """Returns how many images to run through a network at once: 500 small ones, 62 of 224x224."""
    return max(1, min(MAX_INFERENCE_BATCH, _BATCH_PIXELS // (height * width)))


def limit_images(height: int, width: int, *, most: int) -> int:
    """Returns how many images have as many pixels as `most` images of 28x28, at least two."""
    return max(2, min(most, most * 28 * 28 // (height * width)))


def pixel_statistics(images: NDArray[np.uint8]) -> tuple[float, float]:
    """Returns mean and standard deviation of pixel / 255 over images of any shape.

    Counts the 256 values first, so that the result is exact and no float copy is made.
    """
    counts = np.zeros(256)
    step = max(1, _BLOCK // max(1, math.prod(images.shape[1:])))
    for start in range(0, len(images), step):  # NumPy counts in integers of eight bytes
        counts += np.bincount(images[start : start + step].reshape(-1), minlength=256)
    values = np.arange(256) / 255
    mean = float((counts * values).sum() / counts.sum())
    variance = float((counts * (values - mean) ** 2).sum() / counts.sum())
    return mean, variance**0.5


def standardise(images: Tensor, *, mean: float, deviation: float) -> Tensor:
    """Subtracts `mean` from images of any shape and divides them by `deviation`."""
    return (images - mean) / deviation


class Normalisation(nn.Module):
    """Standardises images in 0-1 by fixed numbers; (0, 1) leaves them as they are."""

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean = mean
        self.deviation = deviation

    @classmethod
    def of(cls, recipe: Recipe, images: NDArray[np.uint8]) -> "Normalisation":
        """Returns the normalisation of `recipe`, measured on the training images."""
        if recipe.normalise == "scale":
            return cls(0.0, 1.0)
        if recipe.normalise == "symmetric":
            return cls(127 / 255, 128 / 255)
        mean, deviation = pixel_statistics(images)
        return cls(mean, deviation or 1.0)

    def forward(self, images: Tensor) -> Tensor:
        """Normalises images (B, C, H, W) in 0-1."""
        return standardise(images, mean=self.mean, deviation=self.deviation)


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

    @property
    def classes(self) -> int:
        """K."""
        return self.targets.shape[1]

    def get_images(self, chosen: Tensor | slice) -> Tensor:
        """Returns the images at `chosen` (B,) in 0-1, (B, C, H, W), on the training's device."""
        where = chosen.to(self.pixels.device) if isinstance(chosen, Tensor) else chosen
        return scale_pixels(self.pixels[where].to(self.labels.device))
