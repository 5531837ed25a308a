"""The machine is described without PyTorch's help, but for GPUs."""

from hangtag.environment import cores, gpus, memory, processor, versions


def test_what_every_machine_has() -> None:
    assert cores() >= 1
    assert memory() > 100_000_000
    assert processor().endswith(f", {cores()} cores")
    assert {"python", "hangtag", "numpy", "torch"} <= set(versions())


def test_gpus_are_those_of_pytorch() -> None:
    import torch

    assert len(gpus()) == torch.cuda.device_count()
