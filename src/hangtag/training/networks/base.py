"""What every network is.

Shapes: B batch, C channels, H height, W width, E early channels, D embedding, K classes.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Network(nn.Module, ABC):
    """A classifier in two parts: images (B, C, H, W) -> embedding (B, D) -> logits (B, K).

    Attributes:
        head: The last layer.
    """

    head: nn.Linear

    @abstractmethod
    def observe(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Looks at normalised images (B, C, H, W).

        Returns:
            The embedding (B, D), and what the first layers found, (B, E, h, w) of fewer pixels
            than the images. The last layers forget what tells no class from another; the first
            still see that something is no garment.
        """

    @abstractmethod
    def classify(self, embeddings: Tensor) -> Tensor:
        """Returns the logits (B, K) of embeddings (B, D)."""

    def embed(self, images: Tensor) -> Tensor:
        """Returns the embedding (B, D) of normalised images (B, C, H, W)."""
        return self.observe(images)[0]

    def forward(self, images: Tensor) -> Tensor:
        """Returns the logits (B, K) of normalised images (B, C, H, W)."""
        return self.classify(self.embed(images))

    def penalty(self) -> Tensor | None:
        """Returns what the network adds to the loss for its weights, a scalar, or None."""
        return None

    def prepare(self, images: Tensor) -> None:
        """Looks at some normalised training images (B, C, H, W) before the first step."""
