"""Crops, resizes, shifts and flips batches of images."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from hangtag.training.augment.draws import (
    check_between,
    check_images,
    check_range,
    check_size,
    draw_offsets,
    draw_sides,
    draw_uniform,
    take_first,
)


def random_resized_crop(
    images: Tensor,
    *,
    size: int | tuple[int, int],
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    generator: Generator,
) -> Tensor:
    """Cuts a random box out of each image and resizes it, as torchvision's RandomResizedCrop.

    The box is the first of ten that fits into the image, at a random place; where none fits, it
    is the largest one in the centre that `ratio` permits.

    Args:
        images: (B, C, H, W) float32.
        size: Height and width of the result in pixels; a number means a square.
        scale: Smallest and largest part of the area, in (0, 1]; drawn uniformly.
        ratio: Smallest and largest width / height; drawn log-uniformly.
        generator: Source of the random numbers, on the CPU.

    Returns:
        (B, C, *size), bilinear with antialiasing.

    Raises:
        ValueError: An argument is out of range.
    """
    check_images(images)
    check_range("scale", scale, 1)
    check_range("ratio", ratio)
    count, _, full_height, full_width = images.shape
    widths, heights = draw_sides(
        count, area=full_height * full_width, scale=scale, ratio=ratio, generator=generator
    )
    fits = (widths > 0) & (widths <= full_width) & (heights > 0) & (heights <= full_height)
    found = fits.any(1)
    fallback_height, fallback_width = _largest_box(full_height, full_width, ratio)
    height = take_first(heights, fits).where(found, torch.tensor(fallback_height))
    width = take_first(widths, fits).where(found, torch.tensor(fallback_width))
    room_above, room_left = full_height - height, full_width - width
    top = draw_offsets(room_above, generator=generator).where(found, room_above // 2)
    left = draw_offsets(room_left, generator=generator).where(found, room_left // 2)
    return resized_crop(images, top=top, left=left, height=height, width=width, size=size)


def resized_crop(
    images: Tensor,
    *,
    top: Tensor,
    left: Tensor,
    height: Tensor,
    width: Tensor,
    size: int | tuple[int, int],
) -> Tensor:
    """Cuts the given box out of each image and resizes it, all images at once.

    Args:
        images: (B, C, H, W) float32.
        top: First row of the box, (B,), or (1,) for all images alike, as the other three.
        left: First column of the box, (B,).
        height: Rows of the box, (B,); it must lie inside the image.
        width: Columns of the box, (B,); it must lie inside the image.
        size: Height and width of the result in pixels; a number means a square.

    Returns:
        (B, C, *size), bilinear with antialiasing.

    Raises:
        ValueError: `images` or `size` is not as said.
    """
    check_images(images)
    check_size(size)
    out_height, out_width = size if isinstance(size, tuple) else (size, size)
    rows = _weigh_pixels(top, height, length=images.shape[2], out_length=out_height)
    columns = _weigh_pixels(left, width, length=images.shape[3], out_length=out_width)
    return rows.to(images.device)[:, None] @ images @ columns.to(images.device)[:, None].mT


def resize(images: Tensor, *, size: int | tuple[int, int]) -> Tensor:
    """Resizes the images, bilinear with antialiasing.

    Args:
        images: (B, C, H, W) float32.
        size: Height and width of the result in pixels. A number is the length of the shorter
            side; the longer one keeps the proportion, rounded down.

    Returns:
        (B, C, *size).

    Raises:
        ValueError: `images` or `size` is not as said.
    """
    check_images(images)
    check_size(size)
    height, width = images.shape[2:]
    if isinstance(size, int):
        shorter = min(height, width)
        size = (size * height // shorter, size * width // shorter)
    # One box for all: its weights are made once and broadcast over the batch.
    top = left = torch.zeros(1)
    box = {"top": top, "left": left, "height": top + height, "width": left + width}
    return resized_crop(images, **box, size=size)


def center_crop(images: Tensor, *, size: int | tuple[int, int]) -> Tensor:
    """Cuts the centre out of the images; where they are smaller, pads them with zeros first.

    Args:
        images: (B, C, H, W) float32.
        size: Height and width of the result in pixels; a number means a square.

    Returns:
        (B, C, *size). Half pixels are rounded as torchvision rounds them: to the even number
        when cutting, to the right and the bottom when padding.

    Raises:
        ValueError: `images` or `size` is not as said.
    """
    check_images(images)
    check_size(size)
    height, width = size if isinstance(size, tuple) else (size, size)
    rows, columns = max(height - images.shape[2], 0), max(width - images.shape[3], 0)
    sides = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    padded = pad(images, sides)
    top, left = round((padded.shape[2] - height) / 2), round((padded.shape[3] - width) / 2)
    return padded[:, :, top : top + height, left : left + width].clone()


def random_shift(images: Tensor, *, pixels: int, generator: Generator) -> Tensor:
    """Moves each image by whole pixels: repeats its edge all round, cuts it at a random place.

    Args:
        images: (B, C, H, W) float32.
        pixels: Largest shift up, down, left and right.
        generator: Source of the random numbers, on the CPU.

    Returns:
        (B, C, H, W).

    Raises:
        ValueError: An argument is out of range.
    """
    check_images(images)
    check_between("pixels", pixels, 0)
    count, _, height, width = images.shape
    padded = pad(images, (pixels,) * 4, mode="replicate")
    room = torch.full((count,), 2 * pixels)
    top = draw_offsets(room, generator=generator).to(images.device)
    left = draw_offsets(room, generator=generator).to(images.device)
    # A view of every possible crop, (B, C, tops, lefts, H, W); indexing copies one of each image.
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)
    return crops[torch.arange(count, device=images.device), :, top, left]


def random_horizontal_flip(images: Tensor, *, p: float = 0.5, generator: Generator) -> Tensor:
    """Mirrors each image left to right with the probability `p`.

    Args:
        images: (B, C, H, W) float32.
        p: Probability, in [0, 1].
        generator: Source of the random numbers, on the CPU.

    Returns:
        (B, C, H, W).

    Raises:
        ValueError: An argument is out of range.
    """
    check_images(images)
    check_between("p", p, 0, 1)
    flipped = draw_uniform(len(images), 0, 1, generator=generator) < p
    return images.flip(3).where(flipped.to(images.device)[:, None, None, None], images)


def _largest_box(height: int, width: int, ratio: tuple[float, float]) -> tuple[int, int]:
    """Returns height and width of the largest box whose width / height `ratio` permits."""
    if width / height < ratio[0]:
        return round(width / ratio[0]), width
    if width / height > ratio[1]:
        return height, round(height * ratio[1])
    return height, width


def _weigh_pixels(start: Tensor, extent: Tensor, *, length: int, out_length: int) -> Tensor:
    """Returns how much each pixel of an axis gives to each pixel of the result, (B, out, length).

    The weights are a triangle about the middle of the result's pixel, as wide as the step between
    two of them where the box shrinks (antialiasing), else one pixel (plain bilinear), cut off at
    the sides of the box. Resampling is then a product of matrices, whatever box an image has.
    """
    start, extent = start.float()[:, None, None], extent.float()[:, None, None]
    step = extent / out_length
    middles = start + (torch.arange(out_length, device=start.device)[:, None] + 0.5) * step
    pixels = torch.arange(length, device=start.device) + 0.5
    weights = (1 - (pixels - middles).abs() / step.clamp(min=1)).clamp(min=0)
    weights = weights * ((pixels > start) & (pixels < start + extent))
    return weights / weights.sum(2, keepdim=True)
