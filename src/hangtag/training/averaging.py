"""A running mean of a network's weights, to judge and to export."""

import copy

import torch
from torch import Tensor

from hangtag.training.networks import Network

WARM_UP = 10
"""In step t the mean keeps at most (1 + t) / (WARM_UP + t) of itself: it forgets its beginning."""


class RunningMean:
    """An exponential moving average of weights.

    Attributes:
        network: The network with the mean weights.
        steps: Steps averaged so far.
    """

    def __init__(self, network: Network, *, decay: float) -> None:
        self.network = copy.deepcopy(network)
        self.steps = 0
        self._decay = decay

    @torch.no_grad()
    def update(self, network: Network) -> None:
        """Takes in the weights and the statistics after a step."""
        keep = min(self._decay, (1 + self.steps) / (WARM_UP + self.steps))
        self.steps += 1
        mean, fresh = _floats(self.network), _floats(network)
        torch._foreach_lerp_(mean, fresh, 1 - keep)


def _floats(network: Network) -> list[Tensor]:
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
