"""What lies in a run folder is read back, or refused in one clear line."""

from pathlib import Path

import pytest

from hangtag.errors import OutputError, RecipeError, TrainingError
from hangtag.models.card import Lineage, SplitFacts, TrainingData
from hangtag.training.run_folder import RunFacts, RunFolder, next_run_folder


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"lineage": {"seed": "0"}, "data": {"name": "shapes", "splits": {}}}',
        b'{"lineage": {"seed": 0}, "data": []}',
        b'{"lineage": {"seed": 0}, "data": {"name": "shapes"}}',
    ],
    ids=lambda content: repr(content[:20]),
)
def test_damaged_facts_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(TrainingError, match=r"run\.json is missing or damaged: ") as caught:
        RunFolder(tmp_path).read_facts()
    assert "\n" not in str(caught.value)


def test_facts_come_back_as_written(tmp_path: Path) -> None:
    facts = RunFacts(
        data=TrainingData(
            name="shapes",
            resized=False,
            splits={"train": SplitFacts(n=2, sha256="0" * 64)},
            validation_fraction=0.1,
            held_out="",
            class_prior=(0.5, 0.5),
        ),
        lineage=Lineage(recipe="express", description="", settings={"epochs": 3}, seed=3),
        device="cpu",
        processes=1,
        processor="any",
        versions={},
        started="2026-11-30T20:00:00+00:00",
    )
    run = RunFolder(tmp_path)
    run.write_facts(facts)
    assert run.read_facts() == facts


def test_a_recipe_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(b"name: \xff")
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*recipe\.yaml"):
        RunFolder(tmp_path).read_recipe()


@pytest.mark.parametrize("name", ["gone", "long" * 2000, "a\0b"])
def test_a_folder_without_a_run_cannot_be_resumed(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrainingError, match="holds no run to resume"):
        RunFolder(tmp_path / name).read_recipe()


def test_each_caller_gets_a_run_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "runs" / "train-2").mkdir(parents=True)
    names = [next_run_folder(tmp_path / "runs").name for _ in range(3)]
    assert names == ["train-1", "train-3", "train-4"]


def test_run_folders_that_cannot_be_made_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot make the folder"):
        next_run_folder(tmp_path / "file")
    with pytest.raises(OutputError, match="cannot make the folder"):
        next_run_folder(tmp_path / ("long" * 1000))
