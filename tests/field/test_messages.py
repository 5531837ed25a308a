"""What is printed: bounded, printable, names what is meant, and JSON where JSON was asked for."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.contract import LONGEST_LINE, find_breaches
from tests.field.running import take_away
from tests.tiny import Run

GREY = ("--model", "fashion-mnist-tiny", "--workers", 0)

REFUSED: dict[str, tuple[object, ...]] = {
    "predict": ("predict", "gone.npy"),
    "explore": ("explore", "gone", "--out", "out"),
    "train": ("train", "gone", "--out", "out"),
    "evaluate": ("evaluate", "fashion-mnist-tiny", "gone"),
    "audit": ("audit", "gone.csv", "--out", "out"),
    "recipes": ("recipes", "gone"),
    "taxonomy": ("taxonomy", "show", "gone"),
    "data export": ("data", "export", "gone", "out", "--format", "png"),
    "an option": ("predict", "gone.npy", "--workers", "many"),
}


@pytest.mark.parametrize("command", REFUSED)
def test_json_prints_errors_as_json(
    hangtag: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = hangtag(*REFUSED[command], "--json")
    assert outcome.code == 2
    content = json.loads(outcome.out)
    assert content["code"] == 2
    assert content["error"]
    assert not find_breaches(outcome)


ESCAPE = "\x1b[31m"


def write_odd_names(folder: Path) -> Path:
    """Writes class folders and files whose names hold escapes and markup."""
    for label in (f"{ESCAPE}red", "jeans [women]", "[bold]", "a\nb"):
        (folder / label).mkdir(parents=True)
        for number in range(6):
            name = f"{ESCAPE}{number}.png" if number == 3 else f"{number}.png"
            Image.new("L", (28, 28), 30 * number).save(folder / label / name)
    (folder / "[bold]" / f"{ESCAPE}broken.png").write_bytes(b"no image")
    return folder


def test_names_are_shown_and_not_obeyed(hangtag: Run, tmp_path: Path) -> None:
    folder = write_odd_names(tmp_path / "odd")
    for command in (
        ("explore", folder, "--out", tmp_path / "explore"),
        ("predict", folder, *GREY, "--out", tmp_path / "rows.csv"),
        ("evaluate", "fashion-mnist-tiny", folder),
        ("predict", tmp_path / f"{ESCAPE}gone.png", *GREY),
    ):
        outcome = hangtag(*command)
        assert not find_breaches(outcome), command
        assert "\x1b" not in outcome.out + outcome.err, command
    assert "jeans [women]" in hangtag("explore", folder, "--out", tmp_path / "again").out


def test_lists_in_messages_are_short(hangtag: Run, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    names = [f"gone-{number:04d}-of-a-long-name-{'x' * 60}.png" for number in range(500)]
    rows = "".join(f"{name},Class {number % 99}\n" for number, name in enumerate(names))
    (tmp_path / "feed.csv").write_text(f"image,label\na.png,A\n{rows}")
    many = tmp_path / "many"
    many.mkdir()
    for number in range(400):
        (many / f"x.kind{number}").touch()
    for command in (
        ("explore", tmp_path / "feed.csv", "--out", tmp_path / "out"),
        ("train", tmp_path / "feed.csv", "--out", tmp_path / "run"),
        ("audit", tmp_path / "feed.csv", "--out", tmp_path / "audit", "--workers", 0),
        ("predict", tmp_path / "feed.csv", *GREY, "--out", tmp_path / "rows.csv"),
        ("predict", many, *GREY),
        ("explore", many, "--out", tmp_path / "out"),
        ("evaluate", "fashion-mnist-tiny", tmp_path / "feed.csv"),
        ("predict", "x" * 3000, *GREY),
        ("recipes", "x" * 3000),
        ("train", tmp_path / "feed.csv", "--set", f"{'x' * 3000}=1"),
    ):
        outcome = hangtag(*command)
        assert not find_breaches(outcome), (command[:2], len(outcome.err))
        assert max(map(len, outcome.err.splitlines()), default=0) < LONGEST_LINE


def test_a_wrong_setting_names_the_recipe_and_what_is_near(hangtag: Run, tmp_path: Path) -> None:
    outcome = hangtag("train", "fashion-mnist", "--recipe", "photo", "--set", "epoch=3")
    assert outcome.code == 2
    assert "photo" in outcome.err
    assert "epochs" in outcome.err
    (tmp_path / "mine.yaml").write_text("base: express\nbatch_sise: 8\n")
    outcome = hangtag("train", "fashion-mnist", "--recipe", tmp_path / "mine.yaml")
    assert outcome.code == 2
    assert "mine.yaml" in outcome.err


def test_a_folder_with_a_quarter_of_heic_says_so(
    hangtag: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_away(monkeypatch, ["pillow_heif"])
    monkeypatch.setattr("hangtag.images.decoder_pool.cores", lambda: 0)  # decode where it is away
    heic = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)
    for label in ("Dress", "Hat", "Pants"):
        (tmp_path / "in" / label).mkdir(parents=True)
        for number in range(12):
            path = tmp_path / "in" / label / f"{number}.jpg"
            if number < 4:
                path.with_suffix(".HEIC").write_bytes(heic)
            else:
                Image.new("RGB", (64, 64), (20 * number, 40, 90)).save(path)
    for command in ("explore", "train"):
        outcome = hangtag(command, tmp_path / "in", "--out", tmp_path / command)
        assert outcome.code == 2
        assert "HEIC" in outcome.err
        assert "pillow-heif" in outcome.err
        assert not find_breaches(outcome)
