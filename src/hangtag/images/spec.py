"""`ImageSpec`: height, width and channels of an image."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """Height, width and channels of an image, in pixels.

    Attributes:
        height: Pixels.
        width: Pixels.
        channels: 1 for grey, 3 for colour.
    """

    height: int
    width: int
    channels: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image's array: (H, W), in colour (H, W, 3)."""
        return self.size if self.channels == 1 else (*self.size, self.channels)

    @property
    def batch_shape(self) -> tuple[int, int, int]:
        """Shape of one image inside a model's batch: (H, W, C), also where it is grey."""
        return self.height, self.width, self.channels

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


FASHION_MNIST_SPEC = ImageSpec(28, 28)
"""The images of Fashion-MNIST."""

PHOTO_SPEC = ImageSpec(224, 224, 3)
"""How photos are resized where no model asks for something else."""
