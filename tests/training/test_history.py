"""What is written of each epoch."""

from pathlib import Path

from hangtag.training.callbacks import Epoch, write_history


def test_a_row_an_epoch_reads_back_exactly(tmp_path: Path) -> None:
    write_history(tmp_path / "results.csv", [Epoch(1, 1.23456, 1e-5, 0.1 + 0.2, 0.5, 1 / 3, 1.0)])
    header, row = (tmp_path / "results.csv").read_text().splitlines()
    assert header == "epoch,seconds,lr,loss,accuracy,val_loss,val_accuracy"
    assert row == "1,1.235,1e-05,0.30000000000000004,0.5,0.3333333333333333,1.0"
