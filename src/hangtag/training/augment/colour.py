"""Changes brightness, contrast, saturation and hue."""

import torch
from torch import Generator, Tensor

from hangtag.training.augment.draws import check_between, check_images, draw_uniform

_TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
"""Red, green and blue to luma and two axes of colour (the NTSC standard of 1953)."""


def random_colour(
    images: Tensor,
    *,
    brightness: float,
    contrast: float,
    saturation: float,
    hue: float,
    generator: Generator,
) -> Tensor:
    """Changes brightness, contrast, saturation and hue of each image at random.

    Args:
        images: (B, 3, H, W) float32 in [0, 1].
        brightness: Largest relative change, in [0, 1).
        contrast: Largest relative change about the image's mean luma, in [0, 1).
        saturation: Largest relative change, in [0, 1].
        hue: Largest turn in degrees, in [0, 180].
        generator: Source of the random numbers, on the CPU.

    Returns:
        (B, 3, H, W) in [0, 1].

    Raises:
        ValueError: An argument is out of range.
    """
    for name, value in (("brightness", brightness), ("contrast", contrast)):
        check_between(name, value, 0, 1)
    check_between("saturation", saturation, 0, 1)
    check_between("hue", hue, 0, 180)
    count = len(images)
    return change_colour(
        images,
        brightness=draw_uniform(count, 1 - brightness, 1 + brightness, generator=generator),
        contrast=draw_uniform(count, 1 - contrast, 1 + contrast, generator=generator),
        saturation=draw_uniform(count, 1 - saturation, 1 + saturation, generator=generator),
        hue=draw_uniform(count, -hue, hue, generator=generator),
    )


def change_colour(
    images: Tensor, *, brightness: Tensor, contrast: Tensor, saturation: Tensor, hue: Tensor
) -> Tensor:
    """Changes each image by numbers given; all at once, as one matrix and one shift an image.

    Args:
        images: (B, 3, H, W) float32 in [0, 1].
        brightness: Factor of all values, (B,).
        contrast: Factor of the differences from the image's mean luma, (B,).
        saturation: Factor of the differences from each pixel's luma, (B,); 0 is grey.
        hue: Turn of the colours about luma, degrees, (B,).

    Returns:
        (B, 3, H, W), cut off to [0, 1].

    Raises:
        ValueError: `images` is not as said.
    """
    check_images(images)
    if images.shape[1] != 3:
        raise ValueError(f"images must have three channels, received {images.shape[1]}")
    vectors = (brightness, contrast, saturation, hue)
    brightness, contrast, saturation, hue = (vector.to(images.device) for vector in vectors)
    to_yiq = _TO_YIQ.to(images.device)
    luma = torch.einsum("c,bchw->b", to_yiq[0], images) / images[0, 0].numel()
    turned = _turn(saturation, hue)
    matrices = torch.linalg.inv(to_yiq) @ turned @ to_yiq  # (B, 3, 3)
    factor = (brightness * contrast)[:, None, None]
    shift = (brightness * (1 - contrast) * luma)[:, None, None]
    changed = torch.baddbmm(shift, factor * matrices, images.flatten(2))
    return changed.clamp(0, 1).view(images.shape)


def _turn(saturation: Tensor, hue: Tensor) -> Tensor:
    """Returns matrices (B, 3, 3) on luma and colour axes: luma stays, the others turn and scale."""
    angle = hue.deg2rad()
    cosine, sine = saturation * angle.cos(), saturation * angle.sin()
    zero, one = torch.zeros_like(cosine), torch.ones_like(cosine)
    rows = ((one, zero, zero), (zero, cosine, -sine), (zero, sine, cosine))
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
