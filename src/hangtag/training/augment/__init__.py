"""Augmentation as functions of a whole batch: images in, changed images out.

Images are float32 (B, C, H, W) in [0, 1], on any device and in any memory format; each function
returns a new tensor on the same device. What is random is drawn image by image from the
`generator` that the caller passes. It must live on the CPU, so that every device sees the same
numbers, and how many it gives depends on B alone, so that a resumed training repeats exactly.
The modules beside this one also hold the certain half of each random function (`affine`,
`rotate`, `resized_crop`, `change_colour`), which takes the numbers instead of drawing them.
"""

from hangtag.training.augment.affine import affine, random_affine, random_rotation, rotate
from hangtag.training.augment.colour import change_colour, random_colour
from hangtag.training.augment.framing import (
    center_crop,
    random_horizontal_flip,
    random_resized_crop,
    random_shift,
    resize,
    resized_crop,
)
from hangtag.training.augment.pixels import random_erasing, standardise_each
from hangtag.training.augment.recipe_steps import (
    augment_batch,
    augment_examples,
    draw_augmented,
)

__all__ = [
    "affine",
    "augment_batch",
    "augment_examples",
    "center_crop",
    "change_colour",
    "draw_augmented",
    "random_affine",
    "random_colour",
    "random_erasing",
    "random_horizontal_flip",
    "random_resized_crop",
    "random_rotation",
    "random_shift",
    "resize",
    "resized_crop",
    "rotate",
    "standardise_each",
]
