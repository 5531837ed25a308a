"""The augmentation that a recipe describes, as one function on batches."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hangtag.datasets import Dataset
from hangtag.errors import DataError
from hangtag.reports import AugmentedCopies
from hangtag.training.augment.affine import random_affine, random_rotation
from hangtag.training.augment.colour import random_colour
from hangtag.training.augment.framing import (
    random_horizontal_flip,
    random_resized_crop,
    random_shift,
)
from hangtag.training.augment.pixels import random_erasing, standardise_each
from hangtag.training.preprocessing import scale_pixels, with_channels
from hangtag.training.recipes.schema import Augmentation, Recipe

_EXAMPLES, _COPIES = 10, 8
"""Images on the page of a data set, and augmented copies of each."""


def augment_batch(images: Tensor, recipe: Recipe, *, generator: torch.Generator) -> Tensor:
    """Applies the steps of `recipe`, in order, to images (B, C, H, W) float32 in 0-1."""
    for step in recipe.augment:
        images = _apply(step, images, generator)
    return images


def draw_augmented(
    images: NDArray[np.uint8], recipe: Recipe, *, copies: int, seed: int
) -> NDArray[np.uint8]:
    """Draws `copies` augmented copies of each of the images (M, H, W), in colour (M, H, W, 3).

    Returns:
        Pixels (M, copies, H, W), in colour (M, copies, H, W, 3), clipped to 0-255.
    """
    generator = torch.Generator().manual_seed(seed)
    repeated = torch.from_numpy(with_channels(images)).repeat_interleave(copies, dim=0)
    augmented = augment_batch(scale_pixels(repeated), recipe, generator=generator)
    pixels = (augmented.permute(0, 2, 3, 1) * 255).round().clamp(0, 255).to(torch.uint8)
    return pixels.reshape(len(images), copies, *images.shape[1:]).numpy()


def augment_examples(dataset: Dataset, recipe: Recipe) -> AugmentedCopies:
    """Augments the first image of each of up to ten classes.

    Raises:
        DataError: The images of the dataset and of the recipe differ in size.
    """
    split = dataset.first
    if split.images.shape[1:] != recipe.images.spec.shape:
        raise DataError(
            f"--augment {recipe.name}: its images are of another size than those of "
            f"{dataset.source}; choose another recipe"
        )
    labels, first = np.unique(split.labels, return_index=True)
    originals = split.images[first[:_EXAMPLES]]
    return AugmentedCopies(
        recipe=recipe.name,
        names=tuple(dataset.classes[label] for label in labels[:_EXAMPLES]),
        originals=originals,
        copies=draw_augmented(originals, recipe, copies=_COPIES, seed=0),
    )


def _apply(step: Augmentation, images: Tensor, generator: torch.Generator) -> Tensor:
    options = step.model_dump(exclude={"kind"})
    match step.kind:
        case "affine":
            return random_affine(images, **options, generator=generator)
        case "shift":
            return random_shift(images, **options, generator=generator)
        case "flip":
            return random_horizontal_flip(images, **options, generator=generator)
        case "rotation":
            return random_rotation(images, **options, generator=generator)
        case "resized_crop":
            size = (images.shape[2], images.shape[3])
            return random_resized_crop(images, size=size, **options, generator=generator)
        case "erasing":
            return random_erasing(images, **options, generator=generator)
        case "colour":
            return random_colour(images, **options, generator=generator)
        case "standardise_each":
            return standardise_each(images, **options)
