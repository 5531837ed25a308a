"""Embeddings computed once, from which the last layer learns while all before it stays."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hangtag.progress import OnProgress
from hangtag.training.augmentation import augment_batch
from hangtag.training.batches import evaluation_batch
from hangtag.training.devices import mixed_precision
from hangtag.training.networks import Network
from hangtag.training.preprocessing import Normalisation, scale_pixels
from hangtag.training.recipes.schema import Recipe


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What the network made of each training image.

    Attributes:
        copies: (copies, N, D) float32; the first of the images as they are, the others of them
            augmented.
    """

    copies: Tensor

    def draw(self, chosen: Tensor, *, generator: torch.Generator) -> Tensor:
        """Returns for each of the images at `chosen` (B,) one of its embeddings, (B, D)."""
        which = torch.randint(len(self.copies), (len(chosen),), generator=generator)
        return self.copies[which.to(self.copies.device), chosen]


def embed_copies(
    network: Network,
    normalisation: Normalisation,
    pixels: Tensor,
    *,
    recipe: Recipe,
    copies: int,
    seed: int,
    on_progress: OnProgress | None = None,
) -> Embeddings:
    """Embeds pixels (N, H, W, C) as they are and `copies` - 1 times augmented.

    The augmentation draws from a generator of its own, so that a training that is resumed finds
    the same embeddings again.
    """
    generator = torch.Generator().manual_seed(seed)
    device = next(network.parameters()).device
    step = evaluation_batch(*pixels.shape[1:3])
    made: list[Tensor] = []
    network.eval()
    for copy in range(copies):
        for start in range(0, len(pixels), step):
            images = scale_pixels(pixels[start : start + step].to(device))
            if copy:
                images = augment_batch(images, recipe, generator=generator)
            made.append(embed_batch(network, normalisation, images, recipe=recipe))
            if on_progress:
                on_progress(copy * len(pixels) + start + len(images), copies * len(pixels))
    return Embeddings(torch.cat(made).view(copies, len(pixels), -1))


@torch.no_grad()
def embed_batch(
    network: Network, normalisation: Normalisation, images: Tensor, *, recipe: Recipe
) -> Tensor:
    """Returns the embeddings (B, D) float32 of images (B, C, H, W) in 0-1."""
    normalised = normalisation(images).contiguous(memory_format=torch.channels_last)
    with mixed_precision(recipe, images.device):
        return network.embed(normalised).float()
