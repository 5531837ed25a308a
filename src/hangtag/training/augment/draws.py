"""Checks the input of augmentations and draws their random numbers, on the CPU."""

import math

import torch
from torch import Generator, Tensor

_TRIES = 10
"""Boxes drawn for an image before giving up on one that fits, as torchvision does."""


def check_images(images: Tensor) -> None:
    """Raises ValueError unless `images` is float32 (B, C, H, W) with at least one pixel."""
    if images.dtype != torch.float32 or images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            "images must be a float32 tensor of shape (B, C, H, W) without an empty dimension, "
            f"received {str(images.dtype).removeprefix('torch.')} of shape {tuple(images.shape)}"
        )


def check_between(name: str, value: float, low: float, high: float = math.inf) -> None:
    """Raises ValueError naming `name` unless `value` is finite and in [low, high]."""
    if not (math.isfinite(value) and low <= value <= high):
        limit = f"at least {low}" if math.isinf(high) else f"between {low} and {high}"
        raise ValueError(f"{name} must be {limit}, received {value}")


def check_range(name: str, pair: tuple[float, float], high: float = math.inf) -> None:
    """Raises ValueError naming `name` unless `pair` is ordered, above 0 and up to `high`."""
    if not (0 < pair[0] <= pair[1] <= high and math.isfinite(pair[1])):
        limit = "" if math.isinf(high) else f" up to {high}"
        raise ValueError(f"{name} must be an ordered pair above 0{limit}, received {pair}")


def check_size(size: int | tuple[int, int]) -> None:
    """Raises ValueError unless `size` is one or two positive whole numbers."""
    sides = size if isinstance(size, tuple) else (size,)
    if len(sides) > 2 or not all(isinstance(side, int) and side >= 1 for side in sides):
        raise ValueError(
            f"size must be a whole number from 1 or a pair (height, width) of them, received {size}"
        )


def draw_uniform(count: int, low: float, high: float, *, generator: Generator) -> Tensor:
    """Draws (count,) float32 numbers from [low, high] on the CPU.

    Raises:
        ValueError: `generator` does not live on the CPU.
    """
    if generator.device.type != "cpu":
        raise ValueError(
            "generator must live on the CPU so that every device augments alike, "
            f"received one on {generator.device}"
        )
    return torch.rand(count, generator=generator) * (high - low) + low


def draw_offsets(room: Tensor, *, generator: Generator) -> Tensor:
    """Draws a whole number from 0 to `room` (B,) inclusive for each image, (B,) int64."""
    return (draw_uniform(len(room), 0, 1, generator=generator) * (room + 1)).long()


def draw_sides(
    count: int,
    *,
    area: float,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    generator: Generator,
) -> tuple[Tensor, Tensor]:
    """Draws the sides of boxes, several tries for each of `count` images.

    A box covers a part of `area` (pixels) drawn uniformly from `scale`, and its first side
    divided by its second is drawn log-uniformly from `ratio`.

    Returns:
        First and second sides in whole pixels, each (count, tries) int64.
    """
    draws = count * _TRIES
    areas = area * draw_uniform(draws, *scale, generator=generator)
    aspects = draw_uniform(draws, math.log(ratio[0]), math.log(ratio[1]), generator=generator).exp()
    first = (areas * aspects).sqrt().round().long()
    second = (areas / aspects).sqrt().round().long()
    return first.view(count, _TRIES), second.view(count, _TRIES)


def take_first(tries: Tensor, fits: Tensor) -> Tensor:
    """Returns the first value in each row of `tries` (B, tries) that fits, else the first, (B,)."""
    return tries.gather(1, fits.int().argmax(1, keepdim=True)).squeeze(1)
