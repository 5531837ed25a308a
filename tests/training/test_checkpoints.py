"""Checkpoints come back as they were, or say what is wrong."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hangtag.errors import OutputError, TrainingError
from hangtag.training.checkpoints import load_checkpoint, save_checkpoint


def test_round_trip_is_exact(tmp_path: Path) -> None:
    tensors = {
        "weights": torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last),
        "scalar": torch.tensor(3.0),
        "state": torch.get_rng_state(),
    }
    facts = {"history": [{"epoch": 1, "loss": 0.1 + 0.2}], "best": "inf"}
    save_checkpoint(tmp_path / "a.safetensors", tensors, facts)
    loaded, same = load_checkpoint(tmp_path / "a.safetensors")
    assert same == facts
    assert all(loaded[name].equal(tensors[name]) for name in tensors)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"weights": torch.zeros(50)}, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TrainingError, match="is damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
def test_a_flipped_bit_is_refused(tmp_path: Path, fraction: float) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {"weights": torch.zeros(50), "half": torch.zeros(9, dtype=torch.bfloat16)}
    save_checkpoint(path, tensors, {"history": [{"epoch": 1, "loss": 0.25}]})
    content = bytearray(path.read_bytes())
    content[int(fraction * (len(content) - 1))] ^= 0x04
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="is damaged"):
        load_checkpoint(path)


def test_a_file_without_a_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"weights": torch.zeros(50)}, path, metadata={"facts": "{}"})
    with pytest.raises(TrainingError, match=r"is damaged: .*sha256"):
        load_checkpoint(path)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"gone\.safetensors is missing; .* another --out"):
        load_checkpoint(tmp_path / "gone.safetensors")


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save_checkpoint(tmp_path / "file" / "a.safetensors", {"w": torch.zeros(1)}, {})
