import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hangtag.datasets.fetch import FASHION_MNIST_FILES
from hangtag.datasets.mirrors import DebianMirror, FolderMirror, OfficialMirror, run_command
from hangtag.errors import FetchError

NAMES = tuple(FASHION_MNIST_FILES)


def ignore(done: int, total: int | None) -> None:
    """Shows no progress."""


def test_folder_with_plain_and_compressed_files(tmp_path: Path) -> None:
    (tmp_path / NAMES[0]).touch()
    (tmp_path / f"{NAMES[1]}.gz").touch()
    source = FolderMirror(tmp_path, "system")

    assert source.obtain(NAMES[:2], tmp_path / "work", ignore) == tmp_path
    with pytest.raises(FetchError, match=f"has no {NAMES[2]}"):
        source.obtain(NAMES, tmp_path / "work", ignore)


class FakeDebian:
    """Stands for apt-get and dpkg-deb: remembers the commands and does what they would."""

    def __init__(self, **complaints: str) -> None:
        self.complaints = complaints
        self.commands: list[list[str]] = []

    def __call__(
        self, command: Sequence[str], folder: Path, on_wait: Callable[[], None]
    ) -> str | None:
        self.commands.append(list(command))
        action = next(word for word in ("update", "download", "-x") if word in command)
        if action in self.complaints:
            return self.complaints[action]
        if action == "download":
            (folder / "dataset-fashion-mnist_1_all.deb").write_bytes(bytes(500))
        if action == "-x":
            target = Path(command[-1]) / "usr/share/datasets/fashion-mnist"
            target.mkdir(parents=True)
            (target / "train-images-idx3-ubyte.gz").touch()
        on_wait()
        return None


def make_debian(run: FakeDebian) -> DebianMirror:
    return DebianMirror(run=run, find_program=lambda name: f"/usr/bin/{name}")


def test_debian_package_is_downloaded_and_unpacked_in_folders_of_its_own(tmp_path: Path) -> None:
    run = FakeDebian()
    ticks: list[tuple[int, int | None]] = []

    folder = make_debian(run).obtain(
        NAMES, tmp_path, lambda *on_progress: ticks.append(on_progress)
    )

    assert [path.name for path in folder.iterdir()] == ["train-images-idx3-ubyte.gz"]
    assert ticks[-1] == (500, None)
    update, fetch, unpack = run.commands
    for command in (update, fetch):
        assert command[0] == "apt-get"
        assert f"Dir::State={tmp_path / 'state'}" in command
        assert f"Dir::Cache={tmp_path / 'cache'}" in command
    assert fetch[-2:] == ["download", "dataset-fashion-mnist"]
    assert unpack[:3] == ["dpkg-deb", "-x", str(tmp_path / "dataset-fashion-mnist_1_all.deb")]


def test_debian_in_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("work").mkdir()
    run = FakeDebian()

    make_debian(run).obtain(NAMES, Path("work"), ignore)

    assert f"Dir::State={tmp_path / 'work' / 'state'}" in run.commands[0]


def test_debian_without_apt(tmp_path: Path) -> None:
    run = FakeDebian()
    source = DebianMirror(run=run, find_program=lambda name: None)

    with pytest.raises(FetchError, match="apt-get is not installed"):
        source.obtain(NAMES, tmp_path, ignore)
    assert run.commands == []


def test_debian_goes_on_when_only_the_update_complains(tmp_path: Path) -> None:
    run = FakeDebian(update="E: one archive is not signed")

    assert make_debian(run).obtain(NAMES, tmp_path, ignore).is_dir()


def test_debian_failure_gives_both_complaints(tmp_path: Path) -> None:
    run = FakeDebian(update="E: no network", download="E: Unable to locate package")

    with pytest.raises(FetchError, match=r"^E: Unable to locate package; E: no network$"):
        make_debian(run).obtain(NAMES, tmp_path, ignore)


def test_debian_package_that_cannot_be_unpacked(tmp_path: Path) -> None:
    run = FakeDebian(**{"-x": "dpkg-deb: error: not a Debian archive"})

    with pytest.raises(FetchError, match="not a Debian archive"):
        make_debian(run).obtain(NAMES, tmp_path, ignore)


def test_run_command_gives_the_last_complaint(tmp_path: Path) -> None:
    program = "import sys; print('E: first\\nE: last\\nW: only a warning', file=sys.stderr)"
    fails = [sys.executable, "-c", f"{program}; sys.exit(3)"]

    assert run_command(fails, tmp_path, lambda: None) == "E: last"
    assert run_command([sys.executable, "-c", program], tmp_path, lambda: None) is None
    assert run_command([sys.executable, "-c", "import sys; sys.exit(4)"], tmp_path, lambda: None)
    assert "cannot be started" in str(run_command(["./nothing"], tmp_path, lambda: None))


def test_run_command_runs_in_the_folder_and_calls_back(tmp_path: Path) -> None:
    calls: list[None] = []
    program = "import time; open('here', 'w').close(); time.sleep(0.3)"

    run_command([sys.executable, "-c", program], tmp_path, lambda: calls.append(None))

    assert (tmp_path / "here").exists()
    assert calls


def test_run_command_ends_the_process_when_interrupted(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    program = "import time; time.sleep(60); open('late', 'w').close()"
    with pytest.raises(KeyboardInterrupt):
        run_command([sys.executable, "-c", program], tmp_path, interrupt)
    assert not (tmp_path / "late").exists()


def test_official_address_downloads_what_is_missing(tmp_path: Path) -> None:
    asked: list[str] = []

    class Response:
        status = 200
        headers: dict[str, str] = {}  # noqa: RUF012 - never changed

        def __init__(self) -> None:
            self.chunks = [b"12345", b""]

        def read(self, size: int) -> bytes:
            return self.chunks.pop(0)

        def __enter__(self) -> "Response":
            return self

        def __exit__(self, *error: object) -> None:
            """Has nothing to close."""

    def opener(request: Any, *, timeout: float) -> Response:
        asked.append(request.full_url)
        return Response()

    (tmp_path / f"{NAMES[0]}.gz").write_bytes(b"is here")
    ticks: list[tuple[int, int | None]] = []
    source = OfficialMirror("http://example", opener)

    assert (
        source.obtain(NAMES[:2], tmp_path, lambda *on_progress: ticks.append(on_progress))
        == tmp_path
    )
    assert asked == [f"http://example/{NAMES[1]}.gz"]
    assert (tmp_path / f"{NAMES[1]}.gz").read_bytes() == b"12345"
    assert ticks == [(12, 26_421_880 + 29_515)]
