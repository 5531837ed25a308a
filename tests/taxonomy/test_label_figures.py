"""Labels of real retailers: what the documentation promises holds, each source held out in turn."""

import os
from pathlib import Path

import pytest

import benchmarks
from benchmarks.labels import (
    Answer,
    calibration_error,
    judge,
    judge_unseen,
    main,
    read_rows,
)
from hangtag.errors import DataError

FOLDER = Path(os.environ.get("HANGTAG_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILE = FOLDER / "taxonomy" / "brand_labels_dev.csv"
TOP_1, TOP_3, TOLD = 0.90, 0.97, 0.85


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    """The labelled labels of eleven sources, answered."""
    if not FILE.exists():
        pytest.skip(f"{FILE.name} is not here; HANGTAG_TEST_DATA names the folder with taxonomy/")
    return judge(read_rows(FILE))


def test_apparel_is_found(answers: list[Answer]) -> None:
    check(answers, least=600)


def check(answers: list[Answer], *, least: int) -> None:
    sure = [answer for answer in answers if answer.row.is_sure and answer.row.gold != "none"]
    assert len(sure) > least
    assert sum(answer.ids[:1] == (answer.row.gold,) for answer in sure) / len(sure) >= TOP_1
    assert sum(answer.row.gold in answer.ids for answer in sure) / len(sure) >= TOP_3


def test_every_source_is_found(answers: list[Answer]) -> None:
    for source in {answer.row.source for answer in answers}:
        sure = [
            answer
            for answer in answers
            if answer.row.source == source and answer.row.is_sure and answer.row.gold != "none"
        ]
        assert sum(answer.ids[:1] == (answer.row.gold,) for answer in sure) / len(sure) >= 0.85, (
            source
        )


def test_no_apparel_is_told(answers: list[Answer]) -> None:
    outside = [answer for answer in answers if answer.row.is_sure and answer.row.gold == "none"]
    assert sum(answer.best == "none" for answer in outside) / len(outside) >= TOLD


def test_labels_of_other_shops_are_found() -> None:
    rows = read_rows(Path(benchmarks.__file__).parent / "data" / "unseen_labels.csv")
    answers = judge_unseen(rows, [])
    check(answers, least=300)
    known = [row for row in rows if row.source != "puc_de"]
    assert {answer.row.source for answer in judge_unseen(rows, known)} == {"puc_de"}


def test_scores_are_probabilities(answers: list[Answer]) -> None:
    assert calibration_error(answers) < 0.05


def made_up(folder: Path) -> Path:
    path = folder / "labels.csv"
    path.write_text(
        "source,brand_label,canonical_id,confidence\n"
        "a,Robes,aa-1-4,sure\na,Jupes,aa-1-15,sure\na,Parfum,none,sure\na,Sacs,aa-5-4,debatable\n"
        "b,Boots,aa-8-3,sure\nb,Shirts,aa-8-3,sure\n",
        encoding="utf-8",
    )
    return path


def test_the_measuring_counts_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = judge(read_rows(made_up(tmp_path)))
    assert [answer.best == answer.row.gold for answer in found] == [
        True,
        True,
        True,
        True,
        True,
        False,
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["labels", str(made_up(tmp_path))])
        main()
    out = capsys.readouterr().out
    assert "| a | fr | 2 | 1.000 | 1.000 | 1 | 1.000 | 1 | 1.000 | 1.000 |" in out
    assert "| b | en | 2 | 0.500 | 0.500 | 0 | - | 0 | - | - |" in out


def test_the_measuring_refuses_unknown_categories(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("source,brand_label,canonical_id\na,Robes,aa-99\n", encoding="utf-8")
    with pytest.raises(DataError, match="there are no categories aa-99"):
        read_rows(path)
    path.write_text("source,label\na,Robes\n", encoding="utf-8")
    with pytest.raises(DataError, match="are needed"):
        read_rows(path)
