"""Batch normalisation, over the batch of all processes when several train together."""

from typing import Any

import torch
from torch import Tensor, distributed, nn

from hangtag.training.process_group import is_distributed


class Norm(nn.BatchNorm2d):
    """Batch normalisation of (B, C, H, W) or (B, C) with the defaults of PyTorch.

    PyTorch's own way to share the statistics of a batch among processes needs a GPU; this one
    works on any device, and gives in N processes what one process gives.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    decay = 0.9

    def __init__(self, channels: int, *, epsilon: float = 1e-5) -> None:
        super().__init__(channels, eps=epsilon, momentum=1 - self.decay)

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x` with mean 0 and variance 1 a channel, scaled and shifted as learned."""
        if not self.training:
            return super().forward(x)
        return self._normalise_together(x) if is_distributed() else self._normalise(x)

    def _normalise(self, x: Tensor) -> Tensor:
        y: Tensor = super().forward(x)
        return y

    def _normalise_together(self, x: Tensor) -> Tensor:
        dims = [d for d in range(x.ndim) if d != 1]
        shape = [1, -1, *[1] * (x.ndim - 2)]
        values = x.float()
        count = _all_reduce(torch.tensor(float(x.numel() // x.shape[1]), device=x.device))
        mean = _all_reduce(values.sum(dims)) / count
        centred = values - mean.view(shape)
        variance = _all_reduce(centred.square().sum(dims)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, 1 - self.decay)
            self.running_var.lerp_(variance * self._correction(count), 1 - self.decay)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(shape) + self.bias.view(shape)).to(x.dtype)

    def _correction(self, count: Tensor) -> Tensor:
        """Returns the factor from the variance of a batch to the one remembered."""
        return count / (count - 1)

    def _check_input_dim(self, x: Tensor) -> None:
        """Takes any number of dimensions."""


class KerasNorm(Norm):
    """Batch normalisation of (B, C, H, W) or (B, C) with the defaults of Keras.

    Keras keeps a moving mean of the biased variance of each batch, PyTorch of the unbiased one,
    which is larger by n / (n - 1), where n counts the values of a channel: by 1.3 % after the
    dense layers at a batch size of 80. In evaluation the two differ by that.
    """

    decay = 0.99

    def __init__(self, channels: int) -> None:
        super().__init__(channels, epsilon=1e-3)

    def _normalise(self, x: Tensor) -> Tensor:
        unbiased = self.running_var.clone()
        y = nn.functional.batch_norm(
            x, self.running_mean, unbiased, self.weight, self.bias, True, 1 - self.decay, self.eps
        )
        values = x.numel() // x.shape[1]
        self.running_var.mul_(self.decay).lerp_(unbiased, 1 - 1 / values)
        return y

    def _correction(self, count: Tensor) -> Tensor:
        return torch.ones_like(count)


class _Sum(torch.autograd.Function):
    """The sum of a tensor over the processes, through which the gradient flows."""

    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        return _Sum.forward(_ctx, gradients[0])


def _all_reduce(values: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return total
