"""How many images go through a network at a time where nothing is learned."""

MOST = 500
_PIXELS = 8 * MOST * 28 * 28
"""Pixels of one channel whose activations fit well into memory, in a network for photos too."""


def evaluation_batch(height: int, width: int) -> int:
    """Returns the images of a batch: 500 small ones, 62 of 224x224."""
    return max(1, min(MOST, _PIXELS // (height * width)))


def sample_size(height: int, width: int, *, most: int) -> int:
    """Returns how many images hold as many pixels as `most` of 28x28 do, at least two."""
    return max(2, min(most, most * 28 * 28 // (height * width)))
