"""A model folder proves itself: every kind of damage is refused."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hangtag.errors import ModelError
from hangtag.models.classifier import Classifier
from hangtag.models.folder import (
    CARD,
    GOLDEN,
    README,
    WEIGHTS,
    Golden,
    find_model_folder,
    read_card,
    read_model_files,
    write_model_folder,
)
from hangtag.models.folder import ONNX as GRAPH

FILES = (GRAPH, WEIGHTS, GOLDEN, CARD, README)


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    """A copy of a trained model to damage."""
    return Path(shutil.copytree(trained / "model", tmp_path / "model"))


def test_an_untouched_folder_loads(model: Path) -> None:
    classifier = Classifier.load(model)
    assert classifier.classes == ("wide", "tall", "square")
    assert {path.name for path in model.iterdir()} == set(FILES)


def test_the_card_holds_the_class_prior(model: Path) -> None:
    card = read_card(model)
    assert card.class_prior == pytest.approx([1 / 3] * 3, abs=0.02)
    assert read_card(find_model_folder("clothing-photos")).class_prior.max() == pytest.approx(
        585 / 2780, abs=1e-5
    )


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("position", [0, 0.5, 1], ids=["first", "middle", "last"])
def test_a_changed_byte_is_refused(model: Path, name: str, position: float) -> None:
    content = bytearray((model / name).read_bytes())
    content[int(position * (len(content) - 1))] ^= 0x01
    (model / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        Classifier.load(model)


@pytest.mark.parametrize("name", FILES)
def test_an_added_byte_is_refused(model: Path, name: str) -> None:
    with (model / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ModelError, match=name):
        Classifier.load(model)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(ModelError, match=name):
        Classifier.load(model)


@pytest.mark.parametrize("name", FILES)
def test_an_empty_file_is_refused(model: Path, name: str) -> None:
    (model / name).write_bytes(b"")
    with pytest.raises(ModelError, match=name):
        Classifier.load(model)


def _rewrite(model: Path, *, golden: Golden | None = None, **changes: object) -> None:
    """Writes the folder anew with a changed card or golden images, every hash made right again."""
    card = read_card(model)
    files = read_model_files(model, card)
    files = replace(files, golden=golden or files.golden)
    write_model_folder(model, card.model_copy(update=changes), files)


def test_a_swapped_class_is_refused_even_with_a_right_hash(model: Path) -> None:
    first, second, *rest = read_card(model).classes
    policy = read_card(model).policy
    level = policy.levels[0]
    names = (second.name, first.name, *(entry.name for entry in rest))
    swapped = level.model_copy(update={"categories": names})
    policy = policy.model_copy(update={"levels": (swapped, *policy.levels[1:])})
    _rewrite(model, classes=(second, first, *rest), policy=policy)
    with pytest.raises(ModelError, match=r"the classes in card\.json are not those inside"):
        Classifier.load(model)


def test_another_network_is_refused_by_the_golden_images(model: Path) -> None:
    golden = read_model_files(model, read_card(model)).golden
    _rewrite(model, golden=replace(golden, logits=golden.logits + np.float32(0.01)))
    with pytest.raises(ModelError, match="golden images"):
        Classifier.load(model)


def test_a_graph_that_cannot_run_is_refused(model: Path) -> None:
    card = read_card(model)
    write_model_folder(model, card, replace(read_model_files(model, card), onnx=b"nonsense"))
    with pytest.raises(ModelError, match="is refused: it is no ONNX file"):
        Classifier.load(model)


@pytest.mark.parametrize(
    ("pixels", "logits"),
    [
        (np.zeros((0, 28, 28, 1), np.uint8), np.zeros((0, 3), np.float32)),
        (np.zeros((2, 28, 27, 1), np.uint8), np.zeros((2, 3), np.float32)),
        (np.zeros((2, 28, 28, 1), np.uint8), np.zeros((3, 3), np.float32)),
        (np.zeros((2, 28, 28, 1), np.float32), np.zeros((2, 3), np.float32)),
        (np.zeros((2, 28, 28, 1), np.uint8), np.full((2, 3), np.nan, np.float32)),
        (np.zeros((2, 28, 28, 1), np.uint8), np.array([[None] * 3] * 2)),
        (np.zeros((30_000, 28, 28, 1), np.uint8), np.zeros((30_000, 3), np.float32)),
    ],
    ids=["none", "size", "count", "floats", "nan", "objects", "too many"],
)
def test_golden_images_of_another_shape_are_refused(
    model: Path, pixels: np.ndarray, logits: np.ndarray
) -> None:
    _rewrite(model, golden=Golden(pixels, logits))
    with pytest.raises(ModelError, match=GOLDEN):
        Classifier.load(model)


def test_a_temperature_of_zero_is_refused(model: Path) -> None:
    calibration = read_card(model).calibration.model_copy(update={"temperature": 0.0})
    _rewrite(model, calibration=calibration)
    with pytest.raises(ModelError, match="is damaged"):
        read_card(model)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"accuracy": 1.5}, r"metrics\.test"),
        ({"loss": float("nan")}, "NaN is no number"),
        ({"n": -1}, r"metrics\.test"),
    ],
    ids=str,
)
def test_impossible_metrics_are_refused(
    model: Path, change: dict[str, object], reason: str
) -> None:
    metrics = read_card(model).metrics
    _rewrite(model, metrics={**metrics, "test": metrics["test"].model_copy(update=change)})
    with pytest.raises(ModelError, match=rf"card\.json is damaged: {reason}"):
        read_card(model)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_setting_that_is_no_number_is_refused(model: Path, number: float) -> None:
    lineage = read_card(model).lineage
    settings = {**lineage.settings, "mixup": number}
    _rewrite(model, lineage=lineage.model_copy(update={"settings": settings}))
    with pytest.raises(ModelError, match=r"card\.json is damaged: .*is no number"):
        read_card(model)


def _put_link(path: Path) -> None:
    kept = path.rename(path.parent.parent / f"kept-{path.name}")
    path.symlink_to(kept)


def _put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _put_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("put", [_put_link, _put_pipe, _put_device])
def test_a_special_file_is_refused(model: Path, name: str, put: Callable[[Path], None]) -> None:
    put(model / name)
    with pytest.raises(ModelError, match=rf"{name} (is a link|is missing)|{name}.* missing"):
        Classifier.load(model)


def test_a_prior_of_other_classes_is_refused(model: Path) -> None:
    data = read_card(model).data.model_copy(update={"class_prior": (0.5, 0.5)})
    _rewrite(model, data=data)
    with pytest.raises(ModelError, match="the class prior does not fit the classes"):
        read_card(model)


def test_another_format_version_is_refused(model: Path) -> None:
    fields = json.loads((model / CARD).read_text())
    (model / CARD).write_text(json.dumps({**fields, "format_version": 99}))
    with pytest.raises(
        ModelError, match="expected format version 3, received 99; train the model again"
    ):
        read_card(model)


@pytest.mark.parametrize("content", ["[]", "[" * 100_000, "null", "{", "", '{"format_version": 3}'])
def test_a_card_of_another_shape_is_refused(model: Path, content: str) -> None:
    (model / CARD).write_text(content)
    with pytest.raises(ModelError):
        read_card(model)


def test_a_run_folder_stands_for_its_model(trained: Path) -> None:
    assert find_model_folder(trained) == trained / "model"


def test_an_unknown_model_names_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="shipped models"):
        find_model_folder("fashion-minst")
    with pytest.raises(ModelError, match="holds no model"):
        find_model_folder(tmp_path)
