"""Rotates, zooms and shifts images by resampling, as Keras and torchvision define it."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import grid_sample

from hangtag.training.augment.draws import check_between, check_images, draw_uniform


def random_affine(
    images: Tensor,
    *,
    rotation: float,
    zoom: float,
    width_shift: float,
    height_shift: float,
    generator: Generator,
) -> Tensor:
    """Rotates, zooms and shifts each image at random as Keras' ImageDataGenerator documents it.

    `width_shift` moves along the columns, as that documentation says. Keras 3 itself moves along
    the rows by mistake (https://github.com/keras-team/keras/issues/17398).

    Args:
        images: (B, C, H, W) float32.
        rotation: Largest angle in degrees; drawn from [-rotation, rotation].
        zoom: Largest change of scale, in [0, 1); drawn from [1 - zoom, 1 + zoom] for rows and
            columns apart.
        width_shift: Largest shift along the columns, as a part of the width when below 1, in
            pixels from 1 on.
        height_shift: Largest shift along the rows, likewise.
        generator: Source of the random numbers, on the CPU.

    Returns:
        (B, C, H, W), bilinear, what lies outside filled with the nearest pixel.

    Raises:
        ValueError: An argument is out of range.
    """
    check_images(images)
    check_between("rotation", rotation, 0)
    check_between("zoom", zoom, 0, 1)
    if zoom == 1:
        raise ValueError("zoom must be below 1, or an image could vanish; received 1")
    check_between("width_shift", width_shift, 0)
    check_between("height_shift", height_shift, 0)
    count, _, height, width = images.shape
    rows = height_shift * height if height_shift < 1 else height_shift
    columns = width_shift * width if width_shift < 1 else width_shift
    return affine(
        images,
        theta=draw_uniform(count, -rotation, rotation, generator=generator),
        zoom_rows=draw_uniform(count, 1 - zoom, 1 + zoom, generator=generator),
        zoom_columns=draw_uniform(count, 1 - zoom, 1 + zoom, generator=generator),
        shift_rows=draw_uniform(count, -rows, rows, generator=generator),
        shift_columns=draw_uniform(count, -columns, columns, generator=generator),
    )


def affine(
    images: Tensor,
    *,
    theta: Tensor,
    zoom_rows: Tensor,
    zoom_columns: Tensor,
    shift_rows: Tensor,
    shift_columns: Tensor,
) -> Tensor:
    """Rotates, zooms and shifts each image by numbers given, about its centre.

    A pixel of the result at the offset (r, c) from the centre shows the source at
    R(theta) @ (zoom_rows * r + shift_rows, zoom_columns * c + shift_columns), the order in which
    Keras' `apply_affine_transform` composes its matrices. So a zoom above 1 shrinks, and a shift
    above 0 moves the picture up or to the left.

    Args:
        images: (B, C, H, W) float32.
        theta: Degrees counter-clockwise, (B,).
        zoom_rows: Factor of the rows, (B,).
        zoom_columns: Factor of the columns, (B,).
        shift_rows: Pixels along the rows, (B,).
        shift_columns: Pixels along the columns, (B,).

    Returns:
        (B, C, H, W), bilinear, what lies outside filled with the nearest pixel.

    Raises:
        ValueError: `images` or a vector has another shape.
    """
    check_images(images)
    vectors = {
        "theta": theta,
        "zoom_rows": zoom_rows,
        "zoom_columns": zoom_columns,
        "shift_rows": shift_rows,
        "shift_columns": shift_columns,
    }
    for name, vector in vectors.items():
        _check_vector(name, vector, images)
    matrices = _compose_matrices(*vectors.values())
    return grid_sample(
        images,
        _make_grid(matrices, images),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )


def random_rotation(images: Tensor, *, degrees: float, generator: Generator) -> Tensor:
    """Rotates each image by an angle drawn from [-degrees, degrees], as torchvision does.

    Args:
        images: (B, C, H, W) float32.
        degrees: Largest angle in degrees, either way.
        generator: Source of the random numbers, on the CPU.

    Returns:
        (B, C, H, W), nearest pixel, zeros outside: torchvision's defaults.

    Raises:
        ValueError: An argument is out of range.
    """
    check_images(images)
    check_between("degrees", degrees, 0)
    angles = draw_uniform(len(images), -degrees, degrees, generator=generator)
    return rotate(images, degrees=angles)


def rotate(images: Tensor, *, degrees: Tensor) -> Tensor:
    """Rotates each image counter-clockwise about its centre by `degrees` (B,).

    Returns:
        (B, C, H, W), nearest pixel, zeros outside.

    Raises:
        ValueError: `images` or `degrees` has another shape.
    """
    check_images(images)
    _check_vector("degrees", degrees, images)
    one, zero = torch.ones_like(degrees), torch.zeros_like(degrees)
    matrices = _compose_matrices(degrees, one, one, zero, zero)
    return grid_sample(
        images,
        _make_grid(matrices, images),
        mode="nearest",
        padding_mode="zeros",
        align_corners=False,
    )


def _check_vector(name: str, vector: Tensor, images: Tensor) -> None:
    if vector.shape != images.shape[:1]:
        raise ValueError(
            f"{name} must hold one number an image, ({len(images)},), "
            f"received shape {tuple(vector.shape)}"
        )


def _compose_matrices(
    theta: Tensor,
    zoom_rows: Tensor,
    zoom_columns: Tensor,
    shift_rows: Tensor,
    shift_columns: Tensor,
) -> Tensor:
    """Returns (B, 2, 3): from (row, column, 1) of the result to (column, row) of the source.

    Both are offsets from the centre, in pixels.
    """
    cosine, sine = theta.deg2rad().cos(), theta.deg2rad().sin()
    column = torch.stack(
        (
            -sine * zoom_rows,
            cosine * zoom_columns,
            cosine * shift_columns - sine * shift_rows,
        ),
        dim=1,
    )
    row = torch.stack(
        (
            cosine * zoom_rows,
            sine * zoom_columns,
            sine * shift_columns + cosine * shift_rows,
        ),
        dim=1,
    )
    return torch.stack((column, row), dim=1)


def _make_grid(matrices: Tensor, images: Tensor) -> Tensor:
    """Returns where each pixel of the result lies in the source, (B, H, W, 2) for grid_sample.

    Built by one broadcast sum, which is several times faster than `affine_grid` on a CPU.
    """
    _, _, height, width = images.shape
    # grid_sample measures from the centre too, in halves of the width and of the height.
    halves = torch.tensor([[width / 2], [height / 2]], device=matrices.device)
    by_row, by_column, shift = (
        (matrices / halves).to(images.device, images.dtype)[:, None, None].unbind(-1)
    )
    rows = torch.arange(height, device=images.device) - (height - 1) / 2
    columns = torch.arange(width, device=images.device) - (width - 1) / 2
    return rows[:, None, None] * by_row + (columns[:, None] * by_column + shift)
