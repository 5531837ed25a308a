"""What is written of each epoch: results.csv, and the log of TensorBoard."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from hangtag.datasets import Dataset
from hangtag.environment import EXTRAS
from hangtag.errors import MissingExtraError
from hangtag.training.callbacks import Epoch, TensorBoardLog, write_history
from hangtag.training.plan import TrainingRequest, plan_training
from hangtag.training.run_folder import RunFolder
from hangtag.training.train import fit
from tests.tiny import tiny_recipe


def test_a_row_an_epoch_reads_back_exactly(tmp_path: Path) -> None:
    write_history(tmp_path / "results.csv", [Epoch(1, 1.23456, 1e-5, 0.1 + 0.2, 0.5, 1 / 3, 1.0)])
    header, row = (tmp_path / "results.csv").read_text().splitlines()
    assert header == "epoch,seconds,lr,loss,accuracy,val_loss,val_accuracy"
    assert row == "1,1.235,1e-05,0.30000000000000004,0.5,0.3333333333333333,1.0"


def read_scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Reads step and value of every scalar in the event files of a folder."""
    log = EventAccumulator(str(folder))
    log.Reload()
    names = log.Tags()["scalars"]
    return {name: [(event.step, event.value) for event in log.Scalars(name)] for name in names}


def test_tensorboard_shows_the_figures_of_each_epoch(shapes: Dataset, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    recipe = tiny_recipe("epochs=2")
    plan = plan_training(TrainingRequest(shapes, recipe=recipe, out=run.path, tensorboard=True))
    history = fit(plan, run).history
    scalars = read_scalars(run.tensorboard)
    assert set(scalars) == {"seconds", "lr", "loss", "accuracy", "val_loss", "val_accuracy"}
    for name, values in scalars.items():
        expected = [(epoch.epoch, getattr(epoch, name)) for epoch in history]
        assert [step for step, _ in values] == [1, 2]
        assert [value for _, value in values] == pytest.approx([value for _, value in expected])


def test_an_epoch_that_is_run_again_replaces_what_was_logged(tmp_path: Path) -> None:
    for done, loss in ((0, 1.0), (0, 0.5), (1, 0.25)):
        log = TensorBoardLog(tmp_path, done=done)
        log.add(Epoch(done + 1, 1.0, 0.1, loss, 0.5, loss, 0.5))
        log.close()
    assert read_scalars(tmp_path)["loss"] == [(1, 0.5), (2, 0.25)]


def test_without_tensorboard_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRAS, "tensorboard", ("no_such_module",))
    with pytest.raises(MissingExtraError, match=r"pip install 'hangtag\[tensorboard\]'"):
        TensorBoardLog(tmp_path)
