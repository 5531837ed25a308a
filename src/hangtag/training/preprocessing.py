"""From stored pixels to what the network sees, and from labels to targets.

The same functions feed training and, inside the exported graph, everything after it.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hangtag.training.recipes.schema import Recipe

_BLOCK = 1 << 20
"""Pixels that are counted at a time, in whole images."""


def scale_pixels(pixels: Tensor) -> Tensor:
    """Turns pixels (B, H, W, C) uint8 0-255 into images (B, C, H, W) float32 0-1."""
    return pixels.permute(0, 3, 1, 2).to(torch.float32) / 255


def with_channels(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns images (N, H, W) or (N, H, W, C) as (N, H, W, C), in one piece."""
    return np.ascontiguousarray(images if images.ndim == 4 else images[..., None])


def pixel_statistics(images: NDArray[np.uint8]) -> tuple[float, float]:
    """Returns mean and standard deviation of pixel / 255 over images of any shape.

    Counts the 256 values first, so that the result is exact and takes no copy in float.
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
    """Takes `mean` from images of any shape and divides them by `deviation`."""
    return (images - mean) / deviation


def one_hot(labels: Tensor, *, classes: int) -> Tensor:
    """Turns labels (N,) int64 in 0..K-1 into targets (N, K) float32; label 3 of 10 is 0001000000.

    Raises:
        ValueError: A label is not in 0..K-1.
    """
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        received = f"{int(labels.min())}..{int(labels.max())}"
        raise ValueError(f"labels: expected 0..{classes - 1}, received {received}")
    targets = torch.zeros(len(labels), classes, dtype=torch.float32, device=labels.device)
    return targets.scatter_(1, labels[:, None], 1.0)


class Normalisation(nn.Module):
    """Standardises images in 0-1 by fixed numbers; (0, 1) leaves them as they are."""

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean = mean
        self.deviation = deviation

    @classmethod
    def of(cls, recipe: Recipe, images: NDArray[np.uint8]) -> "Normalisation":
        """Returns the normalisation `recipe` asks for, measured on the training images."""
        if recipe.normalise == "scale":
            return cls(0.0, 1.0)
        if recipe.normalise == "symmetric":
            return cls(127 / 255, 128 / 255)
        mean, deviation = pixel_statistics(images)
        return cls(mean, deviation or 1.0)

    def forward(self, images: Tensor) -> Tensor:
        """Normalises images (B, C, H, W) in 0-1."""
        return standardise(images, mean=self.mean, deviation=self.deviation)
