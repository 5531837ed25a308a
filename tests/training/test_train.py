"""A training as a whole: run folder, resume, refusals."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hangtag.datasets import Dataset, ExportFormat, export_dataset
from hangtag.errors import DataError, TrainingError
from hangtag.models.classifier import Classifier
from hangtag.training.callbacks import Callbacks
from hangtag.training.loop import Trainer
from hangtag.training.plan import TrainingRequest, plan_training
from hangtag.training.recipes import Recipe, load_recipe, parse_settings
from hangtag.training.run_folder import RunFolder
from hangtag.training.train import fit, train
from tests.tiny import Run, make_split, tiny_recipe


def seed_recipe(*changes: str) -> Recipe:
    """The seed's recipe on small batches: dropout, Adam, early stopping, affine augmentation."""
    return load_recipe("seed", settings=parse_settings(["epochs=3", "batch_size=64", *changes]))


def results(folder: Path) -> list[dict[str, str]]:
    """The rows of results.csv without the time they took."""
    rows = csv.DictReader((folder / "results.csv").read_text().splitlines())
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def assert_same_run(one: Path, other: Path) -> None:
    assert results(one) == results(other)
    for name in ("last", "best"):
        first, second = (
            load_file(run / "checkpoints" / f"{name}.safetensors") for run in (one, other)
        )
        assert first.keys() == second.keys()
        different = [key for key in first if not first[key].equal(second[key])]
        assert different == []


def fit_run(
    dataset: Dataset,
    recipe: Recipe,
    out: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    callbacks: Callbacks | None = None,
) -> Trainer:
    """Runs the epochs of a training, without the export and the report after them."""
    request = TrainingRequest(
        dataset, recipe=recipe, out=out, seed=seed, device="cpu", resume=resume
    )
    plan, run = plan_training(request), RunFolder(out)
    with run.lock():
        return fit(plan, run, callbacks=callbacks)


class Interrupt:
    """Presses Ctrl-C at the given call of `step`."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self, done: int, total: int | None) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_a_training_learns_and_leaves_everything(trained: Path) -> None:
    names = {path.relative_to(trained).as_posix() for path in trained.rglob("*") if path.is_file()}
    expected = {
        "recipe.yaml",
        "run.json",
        "results.csv",
        "metrics.json",
        "report.html",
        "curves.png",
        "confusion_matrix.png",
        "correct.png",
        "incorrect.png",
        "checkpoints/last.safetensors",
        "checkpoints/best.safetensors",
        "model/model.onnx",
        "model/weights.safetensors",
        "model/card.json",
        "model/README.md",
    }
    assert expected <= names
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["test"]["n"] == 60
    assert metrics["test"]["accuracy"] > 0.9
    header = (trained / "results.csv").read_text().splitlines()[0]
    assert header == "epoch,seconds,lr,loss,accuracy,val_loss,val_accuracy"


def test_a_network_prepares_itself_unless_it_continues(shapes: Dataset, tmp_path: Path) -> None:
    """The stem of compact whitens patches: its filters come in pairs of opposite sign."""
    changes = ("epochs=1", "optimiser.learning_rate=1e-9", "optimiser.weight_decay=0")
    trainer = fit_run(shapes, tiny_recipe(*changes), tmp_path / "run")
    first, opposite = trainer.network.get_parameter("stem.weight")[:8].detach().chunk(2)
    torch.testing.assert_close(first, -opposite, atol=1e-5, rtol=1e-5)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    shapes: Dataset, trained: Path, tmp_path: Path
) -> None:
    fit_run(shapes, tiny_recipe(), tmp_path / "again")
    assert_same_run(trained, tmp_path / "again")
    fit_run(shapes, tiny_recipe(), tmp_path / "other", seed=1)
    assert results(trained) != results(tmp_path / "other")


@pytest.fixture(scope="module", params=[tiny_recipe(), seed_recipe()], ids=["sgd", "adam"])
def uninterrupted(
    request: pytest.FixtureRequest, shapes: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recipe, Path]:
    """A recipe and its run that nothing interrupted."""
    whole = tmp_path_factory.mktemp("whole") / "run"
    fit_run(shapes, request.param, whole)
    return request.param, whole


@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_an_interrupted_run_resumes_to_the_same_bits(
    shapes: Dataset, uninterrupted: tuple[Recipe, Path], tmp_path: Path, at: int
) -> None:
    (recipe, whole), cut = uninterrupted, tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        fit_run(shapes, recipe, cut, callbacks=Callbacks(on_step=Interrupt(at).step))
    fit_run(shapes, recipe, cut, resume=True)
    assert_same_run(whole, cut)


def test_a_run_extends_to_more_epochs_as_if_it_had_asked_for_them(
    shapes: Dataset, tmp_path: Path
) -> None:
    fit_run(shapes, seed_recipe("epochs=1"), tmp_path / "longer")
    fit_run(shapes, seed_recipe("epochs=2"), tmp_path / "longer", resume=True)
    fit_run(shapes, seed_recipe("epochs=2"), tmp_path / "whole")
    assert_same_run(tmp_path / "whole", tmp_path / "longer")


def test_resuming_a_finished_run_changes_nothing(
    shapes: Dataset, trained: Path, tmp_path: Path
) -> None:
    fit_run(shapes, tiny_recipe(), tmp_path / "run")
    fit_run(shapes, tiny_recipe(), tmp_path / "run", resume=True)
    assert_same_run(trained, tmp_path / "run")


def test_the_caller_keeps_its_random_numbers(shapes: Dataset, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(shapes, recipe=tiny_recipe("epochs=1"), out=tmp_path / "run")
    assert torch.rand(3).equal(expected)


@pytest.mark.parametrize(
    ("recipe", "seed", "message"),
    [
        (tiny_recipe("batch_size=32"), 0, "recipe: batch_size differs from"),
        (tiny_recipe("epochs=9"), 0, "recipe: epochs differs from"),
        (
            tiny_recipe("optimiser.learning_rate=0.1", "augment.1.pixels=2"),
            0,
            r"recipe: augment\.1\.pixels, optimiser\.learning_rate differ from",
        ),
        (
            tiny_recipe("optimiser={kind: sgd, learning_rate: 0.1}", "augment=[]"),
            0,
            "recipe: augment, optimiser differ from",
        ),
        (tiny_recipe(), 3, "--seed 0, not 3"),
    ],
)
def test_resume_refuses_another_training(
    shapes: Dataset, trained: Path, recipe: Recipe, seed: int, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        train(shapes, recipe=recipe, out=trained, seed=seed, resume=True)


def test_resume_refuses_other_data(shapes: Dataset, trained: Path) -> None:
    flipped = shapes.splits["train"].images[:, ::-1].copy()
    split = type(shapes.splits["train"])(
        flipped, shapes.splits["train"].labels, shapes.splits["train"].ids
    )
    other = Dataset("other", "made", shapes.classes, {**shapes.splits, "train": split})
    with pytest.raises(TrainingError, match="other data"):
        train(other, recipe=tiny_recipe(), out=trained, resume=True)


def test_resume_refuses_an_empty_folder_and_a_damaged_checkpoint(
    shapes: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="no run to resume"):
        train(shapes, recipe=tiny_recipe(), out=tmp_path / "nothing", resume=True)
    assert not (tmp_path / "nothing").exists()
    fit_run(shapes, tiny_recipe("epochs=1"), tmp_path / "run")
    last = tmp_path / "run" / "checkpoints" / "last.safetensors"
    last.write_bytes(last.read_bytes()[:500])
    with pytest.raises(TrainingError, match="is damaged"):
        train(shapes, recipe=tiny_recipe("epochs=1"), out=tmp_path / "run", resume=True)


def test_resume_refuses_fewer_epochs_than_are_done_and_writes_nothing(
    shapes: Dataset, tmp_path: Path
) -> None:
    fit_run(shapes, seed_recipe("epochs=2"), tmp_path / "run")
    before = (tmp_path / "run" / "recipe.yaml").read_bytes()
    with pytest.raises(TrainingError, match="2 epochs are done, more than the 1 asked for"):
        fit_run(shapes, seed_recipe("epochs=1"), tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "recipe.yaml").read_bytes() == before


def test_resume_writes_the_row_that_a_kill_before_results_csv_lost(
    shapes: Dataset, tmp_path: Path
) -> None:
    fit_run(shapes, tiny_recipe("epochs=2"), tmp_path / "run")
    file = tmp_path / "run" / "results.csv"
    whole = file.read_text()
    file.unlink()
    fit_run(shapes, tiny_recipe("epochs=2"), tmp_path / "run", resume=True)
    assert file.read_text() == whole


def test_resume_without_the_best_weights_says_so_before_training_on(
    shapes: Dataset, tmp_path: Path
) -> None:
    fit_run(shapes, seed_recipe("epochs=1"), tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "best.safetensors").unlink()
    with pytest.raises(TrainingError, match=r"best\.safetensors is missing; .* another --out"):
        fit_run(shapes, seed_recipe("epochs=2"), tmp_path / "run", resume=True)
    assert len(results(tmp_path / "run")) == 1


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_an_impossible_seed_is_refused(shapes: Dataset, tmp_path: Path, seed: int) -> None:
    with pytest.raises(TrainingError, match=f"--seed: expected .* received {seed}"):
        train(shapes, recipe=tiny_recipe(), out=tmp_path / "run", seed=seed)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("classes", [("dress",), ("dress", "coat", "shirt")])
def test_a_single_class_cannot_be_learnt(tmp_path: Path, classes: tuple[str, ...]) -> None:
    splits = {"train": make_split(40, classes=1, seed=1)}
    with pytest.raises(DataError, match=r"at least two classes .* received 34 of dress;"):
        train(Dataset("one", "made", classes, splits), recipe=tiny_recipe(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_data_without_a_train_split_is_refused(shapes: Dataset, tmp_path: Path) -> None:
    splits = {"validation": shapes.splits["test"]}
    with pytest.raises(DataError, match="no split 'train'"):
        train(
            Dataset("one", "made", shapes.classes, splits),
            recipe=tiny_recipe(),
            out=tmp_path / "run",
        )


def test_a_device_that_is_not_there_leaves_no_folder(
    shapes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(TrainingError, match="sees no CUDA GPU"):
        train(shapes, recipe=tiny_recipe(), out=tmp_path / "run", device="cuda")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_content_is_not_overwritten(shapes: Dataset, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(TrainingError, match="is not empty"):
        train(shapes, recipe=tiny_recipe(), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == ["thesis.txt"]


@pytest.mark.parametrize("left", [[], ["recipe.yaml"], ["recipe.yaml", "run.json"]])
def test_a_training_killed_at_its_very_start_can_start_again(
    shapes: Dataset, trained: Path, tmp_path: Path, left: list[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".run.json.1234.part.json").write_text("{")
    for name in left:
        (tmp_path / "run" / name).write_bytes((trained / name).read_bytes())
    fit_run(shapes, tiny_recipe(), tmp_path / "run")
    assert_same_run(trained, tmp_path / "run")


def test_two_trainings_do_not_share_a_folder(shapes: Dataset, tmp_path: Path) -> None:
    def try_another(done: int, total: int | None) -> None:
        with pytest.raises(TrainingError, match="another process is training"):
            train(shapes, recipe=tiny_recipe(), out=tmp_path / "run", resume=True)

    fit_run(
        shapes, tiny_recipe("epochs=1"), tmp_path / "run", callbacks=Callbacks(on_step=try_another)
    )


def test_a_loss_that_is_not_finite_names_epoch_and_step(shapes: Dataset, tmp_path: Path) -> None:
    wild = tiny_recipe("optimiser={kind: sgd, learning_rate: 1.0e+30}")
    with pytest.raises(TrainingError, match=r"not a finite number in epoch \d, step \d+"):
        train(shapes, recipe=wild, out=tmp_path / "run")
    assert not (tmp_path / "run" / "model").exists()


def test_early_stopping_exports_the_best_epoch(shapes: Dataset, tmp_path: Path) -> None:
    # A learning rate far too high after a good start: the loss soon rises.
    recipe = seed_recipe("epochs=12", "patience=1", "optimiser.learning_rate=0.02", "augment=[]")
    trainer = fit_run(shapes, recipe, tmp_path / "run")
    losses = [epoch.val_loss for epoch in trainer.history]
    assert len(losses) < 12
    best = load_file(tmp_path / "run" / "checkpoints" / "best.safetensors")
    kept = trainer.network.state_dict()
    assert all(best[name].equal(kept[name]) for name in best)
    assert math.isclose(min(losses), losses[-2])


def test_ctrl_c_leaves_a_run_to_resume_and_exit_code_130(
    shapes: Dataset, tmp_path: Path, hangtag: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_dataset(shapes, tmp_path / "data", format=ExportFormat.folders)
    calls = iter(range(1000))

    def press(images: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        if next(calls) == 20:
            raise KeyboardInterrupt
        return images

    monkeypatch.setattr("hangtag.training.loop.augment_batch", press)
    options = ["--set", "network.widths=[8, 16]", "--set", "batch_size=16", "--epochs", 3]
    outcome = hangtag("train", tmp_path / "data", "--out", tmp_path / "run", *options)
    assert outcome.code == 130
    assert "resume with: hangtag train" in outcome.err
    assert "Traceback" not in outcome.err
    outcome = hangtag("train", tmp_path / "data", "--out", tmp_path / "run", "--resume")
    assert outcome.code == 0
    assert len(results(tmp_path / "run")) == 3
    assert outcome.out.splitlines()[-1] == str(tmp_path / "run" / "report.html")


@pytest.mark.slow
def test_killed_again_and_again_it_still_ends_the_same(shapes: Dataset, tmp_path: Path) -> None:
    export_dataset(shapes, tmp_path / "data", format=ExportFormat.folders)
    changes = ["--set", "network.widths=[8, 16]", "--set", "batch_size=16", "--epochs", "40"]
    command = [sys.executable, "-m", "hangtag", "train", str(tmp_path / "data"), *changes]

    def run(out: Path, *options: str, seconds: float | None = None) -> int:
        process = subprocess.Popen(
            [*command, "--out", str(out), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return process.wait()

    assert run(tmp_path / "whole") == 0
    code = run(tmp_path / "killed", seconds=4.0)
    for attempt in range(20):
        if code == 0:
            break
        begun = (tmp_path / "killed" / "run.json").exists()
        code = run(tmp_path / "killed", *(["--resume"] if begun else []), seconds=4 + attempt)
    assert code == 0
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


def test_the_report_tells_the_test_figures(trained: Path) -> None:
    page = (trained / "report.html").read_text()
    accuracy = json.loads((trained / "metrics.json").read_text())["test"]["accuracy"]
    assert f"{100 * accuracy:.2f}" in page
    assert Classifier.load(trained).card.name in page


@pytest.mark.parametrize(
    ("step", "said"), [("fit", "nothing was written"), ("Trainer", "resume with: hangtag train")]
)
def test_an_interruption_says_what_there_is_to_go_on_with(
    hangtag: Run,
    shapes: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    said: str,
) -> None:
    """The pixels are read and hashed before the run folder holds anything."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    export_dataset(shapes, tmp_path / "data", format=ExportFormat.folders)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules["hangtag.training.train"], step, interrupt)
    outcome = hangtag("train", "data")
    assert outcome.code == 130
    assert said in outcome.err
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["train-1"] * (step != "fit")
