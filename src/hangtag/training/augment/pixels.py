"""Standardises each image by its own statistics, and erases boxes."""

import torch
from torch import Generator, Tensor

from hangtag.training.augment.draws import (
    check_between,
    check_images,
    check_range,
    draw_offsets,
    draw_sides,
    draw_uniform,
    take_first,
)


def standardise_each(images: Tensor, *, centre: bool = False) -> Tensor:
    """Divides each image by its own standard deviation, over all its channels and pixels.

    Keras' ImageDataGenerator with `samplewise_std_normalization` also subtracts the image's own
    mean, even when `samplewise_center` is off; `centre` does that. Unlike the other functions
    here, this leaves [0, 1].

    Args:
        images: (B, C, H, W) float32.
        centre: Whether to subtract each image's mean first.

    Returns:
        (B, C, H, W), with a standard deviation of 1, or 0 for an image of one colour.

    Raises:
        ValueError: `images` is not as said.
    """
    check_images(images)
    centred = images - images.mean((1, 2, 3), keepdim=True)
    # Keras adds 1e-6 to the population's deviation, so that one colour does not divide by zero.
    deviations = centred.square().mean((1, 2, 3), keepdim=True).sqrt() + 1e-6
    return (centred if centre else images) / deviations


def random_erasing(
    images: Tensor,
    *,
    p: float,
    scale: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
    generator: Generator,
) -> Tensor:
    """Paints a random box of each image black (Zhong et al. 2017, https://arxiv.org/abs/1708.04896).

    The box is the first of ten that fits, as in torchvision's RandomErasing; an image that none
    fits stays as it is. `scale=(a, a), ratio=(1, 1)` paints a square of a fixed size.

    Args:
        images: (B, C, H, W) float32.
        p: Probability that an image gets a box, in [0, 1].
        scale: Smallest and largest part of the area, in (0, 1]; drawn uniformly.
        ratio: Smallest and largest height / width; drawn log-uniformly.
        generator: Source of the random numbers, on the CPU.

    Returns:
        (B, C, H, W).

    Raises:
        ValueError: An argument is out of range.
    """
    check_images(images)
    check_between("p", p, 0, 1)
    check_range("scale", scale, 1)
    check_range("ratio", ratio)
    count, _, full_height, full_width = images.shape
    chosen = draw_uniform(count, 0, 1, generator=generator) < p
    heights, widths = draw_sides(
        count, area=full_height * full_width, scale=scale, ratio=ratio, generator=generator
    )
    fits = (heights < full_height) & (widths < full_width)
    height, width = take_first(heights, fits), take_first(widths, fits)
    top = draw_offsets(full_height - height, generator=generator)
    left = draw_offsets(full_width - width, generator=generator)
    rows = _mark_span(top, height, length=full_height) & (chosen & fits.any(1))[:, None]
    columns = _mark_span(left, width, length=full_width)
    box = rows[:, None, :, None] & columns[:, None, None, :]
    return images.masked_fill(box.to(images.device), 0.0)


def _mark_span(start: Tensor, extent: Tensor, *, length: int) -> Tensor:
    """Returns (B, length), true from `start` (B,) for `extent` (B,) pixels."""
    positions = torch.arange(length)
    return (positions >= start[:, None]) & (positions < (start + extent)[:, None])
