"""Processes that train one network together, as ``torchrun`` starts them.

    torchrun --nproc-per-node 2 -m hangtag train fashion-mnist --out runs/together

Each process takes its share of every batch, so the steps are those of one process.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from hangtag.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Team:
    """Who trains together.

    Attributes:
        rank: Which of the processes this one is, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """Returns this process's part of a batch (B, ...)."""
        return batch[self.rank :: self.size]

    def add_up(self, values: Tensor) -> Tensor:
        """Returns the sum of `values` over the processes, in all of them."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values


def is_team() -> bool:
    """Whether several processes train together now."""
    return distributed.is_available() and distributed.is_initialized()


def is_first_process() -> bool:
    """Whether torchrun started this process as the first, or did not start it."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def join_team(device: torch.device) -> Iterator[Team]:
    """Meets the other processes that torchrun started; a team of one without torchrun.

    Raises:
        TrainingError: The environment is not that of torchrun, or the others are not reached.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or is_team():
        yield Team()
        return
    try:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (ValueError, RuntimeError) as error:
        raise TrainingError(
            f"cannot meet the other {size - 1} processes: {error}; start with torchrun"
        ) from error
    try:
        yield Team(distributed.get_rank(), size)
        distributed.barrier()  # nobody leaves while the first still packages the model
    finally:
        distributed.destroy_process_group()
