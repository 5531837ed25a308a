"""Mixup: pairs of images laid over each other, and their targets with them."""

import torch
from scipy.special import betaincinv
from torch import Generator, Tensor


def mix(
    images: Tensor, targets: Tensor, *, alpha: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Mixes each image of a batch with another of it (Zhang, Cisse, Dauphin and Lopez-Paz 2018).

    The share of the image itself is drawn from the distribution Beta(alpha, alpha), of which the
    upper half counts, so that it stays the one that is seen most.

    Args:
        images: (B, C, H, W) float32.
        targets: (B, K) float32.
        alpha: Above 0; at 0.2 most pairs are hardly mixed, at 1 any share is as likely.
        generator: Source of the random numbers, on the CPU.

    Returns:
        Images (B, C, H, W) and targets (B, K).
    """
    count = len(images)
    draws = torch.rand(count, generator=generator, dtype=torch.float64)
    shares = torch.from_numpy(betaincinv(alpha, alpha, draws.numpy())).float()
    shares = torch.maximum(shares, 1 - shares).to(images.device)
    others = torch.randperm(count, generator=generator).to(images.device)
    mixed = torch.lerp(images[others], images, shares[:, None, None, None])
    return mixed, torch.lerp(targets[others], targets, shares[:, None])
