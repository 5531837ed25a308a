"""Every input from the field gives what is right for it, or is refused in one clear line.

The inputs are built by make_cases.py, which lies beside the project with the photos it cuts; the
tests are skipped where it is absent. What is right stands in `images`, `layouts`, `tables` and
`fashion`.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from hangtag.datasets import cache_home
from tests.field.expected import Expected, Found, reads
from tests.field.fashion import FASHION
from tests.field.images import IMAGES
from tests.field.layouts import LAYOUTS
from tests.field.running import (
    describe,
    find_problems,
    give_stdin,
    run_expected,
    take_away,
)
from tests.field.tables import TABLES
from tests.tiny import Run

DATA = Path(os.environ.get("HANGTAG_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
MAKER = DATA.parent / "cases" / "make_cases.py"

ALL = [*IMAGES, *LAYOUTS, *TABLES, *FASHION]


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all cases, built once a session."""
    if not MAKER.is_file():
        pytest.skip(f"{MAKER} is not here; HANGTAG_TEST_DATA names the folder beside it")
    if not (cache_home() / "fashion-mnist").is_dir():
        pytest.skip("Fashion-MNIST is not here; fetch it by: hangtag data fetch fashion-mnist")
    folder = tmp_path_factory.mktemp("field")
    environment = {**os.environ, "HANGTAG_HOME": str(cache_home())}
    subprocess.run(
        [sys.executable, MAKER, folder], check=True, stdout=subprocess.DEVNULL, env=environment
    )
    return folder / "cases"


@pytest.mark.slow
@pytest.mark.parametrize("expected", ALL, ids=[expected.name for expected in ALL])
def test_what_people_have_gives_what_is_right(
    expected: Expected,
    hangtag: Run,
    cases: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.chdir(cases)
    monkeypatch.setenv("HANGTAG_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    take_away(monkeypatch, expected.without)
    if expected.stdin:
        give_stdin(monkeypatch, cases / expected.stdin)
    found = run_expected(expected, hangtag, tmp_path)

    @cache
    def like() -> Found:
        (tmp_path / "like").mkdir()
        return run_expected(reads(expected.like, 1), hangtag, tmp_path / "like")

    problems = find_problems(expected, found, like)
    assert not problems, f"{'; '.join(problems)}\n{describe(found)}"


def test_no_expectation_stands_twice() -> None:
    names = [expected.name for expected in ALL]
    assert len(set(names)) == len(names)
