"""Distributed training under ``torchrun``.

    torchrun --nproc-per-node 2 -m hangtag train fashion-mnist --out runs/together

Each process computes its part of every batch, so the steps are those of one process.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from hangtag.errors import TrainingError


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The processes that train together.

    Attributes:
        rank: Number of this process, from 0.
        world_size: Number of processes.
    """

    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def scatter(self, batch: Tensor) -> Tensor:
        """Returns this process's part of a batch (B, ...)."""
        return batch[self.rank :: self.world_size]

    def all_reduce(self, values: Tensor) -> Tensor:
        """Returns the sum of `values` over the processes, in all of them."""
        if self.world_size > 1:
            distributed.all_reduce(values)
        return values


def is_distributed() -> bool:
    """Whether several processes train together now."""
    return distributed.is_available() and distributed.is_initialized()


def is_main_process() -> bool:
    """Whether torchrun started this process as rank 0, or did not start it."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def join_process_group(device: torch.device) -> Iterator[ProcessGroup]:
    """Joins the process group of torchrun; a group of one process without torchrun.

    Raises:
        TrainingError: The environment is not that of torchrun, or the others are not reached.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1 or is_distributed():
        yield ProcessGroup()
        return
    try:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (ValueError, RuntimeError) as error:
        raise TrainingError(
            f"cannot reach the other {world_size - 1} processes: {error}; start with torchrun"
        ) from error
    try:
        yield ProcessGroup(distributed.get_rank(), world_size)
        distributed.barrier()  # no process leaves while rank 0 still packages the model
    finally:
        distributed.destroy_process_group()
