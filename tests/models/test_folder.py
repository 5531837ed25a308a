"""A model folder proves itself: every kind of damage is refused."""

import json
import shutil
from pathlib import Path

import pytest

from hangtag.errors import ModelError
from hangtag.models.classifier import Classifier
from hangtag.models.folder import (
    CARD,
    README,
    SHARES,
    WEIGHTS,
    find_model_folder,
    read_card,
    write_model_folder,
)
from hangtag.models.folder import ONNX as GRAPH

FILES = (GRAPH, WEIGHTS, CARD, README)


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    """A copy of a trained model to damage."""
    return Path(shutil.copytree(trained / "model", tmp_path / "model"))


def test_an_untouched_folder_loads(model: Path) -> None:
    classifier = Classifier.load(model)
    assert classifier.classes == ("wide", "tall", "square")
    assert {path.name for path in model.iterdir()} == set(FILES)


def test_the_card_says_what_the_classes_are_taken_for(model: Path) -> None:
    card = read_card(model)
    assert card.shares == pytest.approx([1 / 3] * 3, abs=0.02)
    old = {name: fact for name, fact in card.data.items() if name != SHARES}
    assert card.model_copy(update={"data": old}).shares.tolist() == [1 / 3] * 3
    assert read_card(find_model_folder("clothing-photos")).shares.max() == pytest.approx(
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


def _rewrite(model: Path, **changes: object) -> None:
    """Writes the folder anew with a changed card, every hash made right again."""
    card = read_card(model).model_copy(update=changes)
    write_model_folder(
        model,
        card,
        onnx=(model / GRAPH).read_bytes(),
        weights=(model / WEIGHTS).read_bytes(),
        readme=(model / README).read_text(),
    )


def test_a_swapped_class_is_refused_even_with_a_right_hash(model: Path) -> None:
    first, second, *rest = read_card(model).classes
    _rewrite(model, classes=(second, first, *rest))
    with pytest.raises(ModelError, match=r"the classes in card\.json are not those inside"):
        Classifier.load(model)


def test_another_network_is_refused_by_the_golden_images(model: Path) -> None:
    golden = read_card(model).golden
    moved = tuple(tuple(value + 0.01 for value in row) for row in golden.logits)
    _rewrite(model, golden=golden.model_copy(update={"logits": moved}))
    with pytest.raises(ModelError, match="golden images"):
        Classifier.load(model)


def test_a_graph_that_cannot_run_is_refused(model: Path) -> None:
    card = read_card(model)
    readme = (model / README).read_text()
    write_model_folder(model, card, onnx=b"nonsense", weights=b"", readme=readme)
    with pytest.raises(ModelError, match="cannot be run"):
        Classifier.load(model)


def test_a_model_that_cannot_be_checked_is_refused(model: Path) -> None:
    card = read_card(model)
    _rewrite(model, golden=card.golden.model_copy(update={"pixels": "", "logits": ()}))
    with pytest.raises(ModelError, match="no golden images"):
        Classifier.load(model)
    _rewrite(model, golden=card.golden.model_copy(update={"pixels": "AAAA"}))
    with pytest.raises(ModelError, match=r"golden images of .* are damaged"):
        Classifier.load(model)


def test_a_temperature_of_zero_is_refused(model: Path) -> None:
    calibration = read_card(model).calibration.model_copy(update={"temperature": 0.0})
    _rewrite(model, calibration=calibration)
    with pytest.raises(ModelError, match="is damaged"):
        read_card(model)


def test_another_format_version_is_refused(model: Path) -> None:
    fields = json.loads((model / CARD).read_text())
    (model / CARD).write_text(json.dumps({**fields, "format_version": 99}))
    with pytest.raises(ModelError, match="expected format version 2, received 99"):
        read_card(model)


@pytest.mark.parametrize("content", ["[]", "[" * 100_000, "null", "{", "", '{"format_version": 2}'])
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
