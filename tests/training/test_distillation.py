import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hangtag.datasets import Dataset
from hangtag.errors import TrainingError
from hangtag.models.classifier import Classifier
from hangtag.training.recipes.schema import Distillation
from hangtag.training.run_folder import RunFolder
from hangtag.training.targets import mix_targets, one_hot
from hangtag.training.train import train
from tests.tiny import Run, tiny_recipe
from tests.training.test_fine_tuning import rewrite
from tests.training.test_train import fit_run


def student(teacher: Path, *changes: str) -> list[str]:
    return [f"distillation={{teacher: {teacher}, weight: 0.5}}", *changes]


def test_targets_are_between_the_labels_and_the_teacher() -> None:
    targets = one_hot(torch.tensor([0, 2]), classes=3)
    logits = np.array([[2.0, 0.0, 0.0], [5.0, 0.0, 0.0]], dtype=np.float32)
    soft = torch.softmax(torch.tensor([[1.0, 0.0, 0.0], [2.5, 0.0, 0.0]]), dim=1)
    mixed = mix_targets(targets, logits, Distillation(teacher="t", weight=0.25, temperature=2))
    torch.testing.assert_close(mixed, 0.75 * targets + 0.25 * soft)
    torch.testing.assert_close(mixed.sum(dim=1), torch.ones(2))
    only = mix_targets(targets, logits, Distillation(teacher="t", weight=1, temperature=2))
    torch.testing.assert_close(only, soft)


def test_a_student_learns_what_its_teacher_says_and_names_it(
    shapes: Dataset, trained: Path, tmp_path: Path
) -> None:
    taught = train(shapes, recipe=tiny_recipe(*student(trained)), out=tmp_path / "run")
    assert taught is not None
    assert taught.evaluations["test"].accuracy > 0.9
    teacher = Classifier.load(trained).card.sha256
    assert Classifier.load(tmp_path / "run").card.lineage.teacher == teacher
    assert RunFolder(tmp_path / "run").read_facts().lineage.teacher == teacher


def test_from_a_teacher_without_an_opinion_nothing_is_learned(
    shapes: Dataset, trained: Path, tmp_path: Path
) -> None:
    vague = student(trained, "distillation.weight=1", "distillation.temperature=1e6", "epochs=3")
    taught = fit_run(shapes, tiny_recipe(*vague), tmp_path / "run")
    assert min(epoch.loss for epoch in taught.history) > math.log(3) - 1e-3


def test_a_teacher_of_another_train_split_is_refused(
    shapes: Dataset, trained: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"may know the validation images.*--seed 0") as refused:
        train(shapes, recipe=tiny_recipe(*student(trained)), out=tmp_path / "run", seed=1)
    assert "validation_fraction 0.15" in str(refused.value)


def test_a_teacher_of_other_classes_is_refused(
    shapes: Dataset, trained: Path, tmp_path: Path
) -> None:
    renamed = Dataset("shapes", "made", ("a", "b", "c"), shapes.splits)
    with pytest.raises(TrainingError, match=r"wide tall square.*--set distillation=null"):
        train(renamed, recipe=tiny_recipe(*student(trained)), out=tmp_path / "run")


def test_a_teacher_that_is_not_there_is_one_clear_line(hangtag: Run, tmp_path: Path) -> None:
    outcome = hangtag(
        *("train", "fashion-mnist", "--set", "distillation={teacher: nobody}"),
        *("--out", tmp_path / "run"),
    )
    assert outcome.code == 2
    assert "no model 'nobody'" in outcome.err


def test_a_run_does_not_go_on_with_another_teacher(
    shapes: Dataset, trained: Path, tmp_path: Path
) -> None:
    teacher = tmp_path / "teacher"
    shutil.copytree(trained / "model", teacher / "model")
    recipe = tiny_recipe(*student(teacher), "epochs=2")
    fit_run(shapes, recipe, tmp_path / "run")
    other = rewrite(
        teacher / "model", lambda card: card.model_copy(update={"name": "another teacher"})
    )
    shutil.rmtree(teacher / "model")
    other.rename(teacher / "model")
    with pytest.raises(TrainingError, match="was trained with another teacher"):
        train(shapes, recipe=recipe, out=tmp_path / "run", resume=True)
