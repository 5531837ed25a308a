import gzip
import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hangtag.datasets import cache_home
from hangtag.datasets.fetch import FASHION_MNIST_FILES, Hashes, fetch_fashion_mnist
from hangtag.errors import FetchError, OutputError
from hangtag.progress import OnProgress

CONTENTS = {name: f"the content of {name}".encode() for name in FASHION_MNIST_FILES}
HASHES: Hashes = {
    name: {"sha256": hashlib.sha256(content).hexdigest(), "md5": hashlib.md5(content).hexdigest()}
    for name, content in CONTENTS.items()
}
IMAGES = "train-images-idx3-ubyte"


@dataclass
class FakeSource:
    """Gives `contents`, compressed, or fails with `problem`; remembers what it was asked."""

    name: str = "fake"
    online: bool = True
    contents: dict[str, bytes] = field(default_factory=lambda: dict(CONTENTS))
    problem: str = ""
    seconds: float = 0
    asked: list[list[str]] = field(default_factory=list)

    def obtain(self, names: Sequence[str], work: Path, on_progress: OnProgress) -> Path:
        self.asked.append(list(names))
        if self.problem:
            raise FetchError(self.problem)
        time.sleep(self.seconds)
        for name in names:
            (work / f"{name}.gz").write_bytes(gzip.compress(self.contents[name]))
        on_progress(1, 1)
        return work


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_stored_plain_and_nothing_else_is_left(tmp_path: Path) -> None:
    source = FakeSource()

    folder = fetch_fashion_mnist(tmp_path, mirrors=[source], hashes=HASHES)

    assert folder == tmp_path / "fashion-mnist"
    assert read_all(folder) == CONTENTS
    assert {path.name for path in tmp_path.iterdir()} == {"fashion-mnist", "fashion-mnist.lock"}


def test_a_complete_cache_is_used_without_any_source(tmp_path: Path) -> None:
    fetch_fashion_mnist(tmp_path, mirrors=[FakeSource()], hashes=HASHES)
    source = FakeSource()

    fetch_fashion_mnist(tmp_path, mirrors=[source], hashes=HASHES)

    assert source.asked == []


@pytest.mark.parametrize("damage", [b"", b"other bytes", None])
def test_a_damaged_or_missing_cached_file_is_fetched_again_alone(
    tmp_path: Path, damage: bytes | None
) -> None:
    folder = fetch_fashion_mnist(tmp_path, mirrors=[FakeSource()], hashes=HASHES)
    (folder / IMAGES).unlink()
    if damage is not None:
        (folder / IMAGES).write_bytes(damage)
    source = FakeSource()

    fetch_fashion_mnist(tmp_path, mirrors=[source], hashes=HASHES)

    assert source.asked == [[IMAGES]]
    assert read_all(folder) == CONTENTS


def test_files_put_there_by_hand_are_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    source = FakeSource()

    fetch_fashion_mnist(tmp_path, offline=True, mirrors=[source], hashes=HASHES)

    assert source.asked == []
    assert {name: (folder / name).read_bytes() for name in CONTENTS} == CONTENTS


def test_sources_are_tried_in_order_until_one_has_it(tmp_path: Path) -> None:
    sources = [FakeSource(problem="is down"), FakeSource(), FakeSource()]

    fetch_fashion_mnist(tmp_path, mirrors=sources, hashes=HASHES)

    assert [len(source.asked) for source in sources] == [1, 1, 0]


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_content_that_differs_from_the_published_is_refused(tmp_path: Path, algorithm: str) -> None:
    hashes = {**HASHES, IMAGES: {**HASHES[IMAGES], algorithm: "0" * 32}}

    with pytest.raises(FetchError, match=rf"fake: .*{IMAGES}\.gz differs from the published file"):
        fetch_fashion_mnist(tmp_path, mirrors=[FakeSource()], hashes=hashes)

    assert not (tmp_path / "fashion-mnist" / IMAGES).exists()
    # The next call must not find what was refused.
    assert list(tmp_path.rglob("*.gz")) == []


def test_what_an_interrupted_source_left_is_kept_for_the_next_call(tmp_path: Path) -> None:
    class Interrupted(FakeSource):
        def obtain(self, names: Sequence[str], work: Path, on_progress: OnProgress) -> Path:
            (work / "half.part").write_bytes(b"half")
            raise FetchError("cut")

    with pytest.raises(FetchError):
        fetch_fashion_mnist(tmp_path, mirrors=[Interrupted()], hashes=HASHES)

    assert len(list(tmp_path.rglob("half.part"))) == 1


def test_offline_leaves_out_online_sources(tmp_path: Path) -> None:
    near, far = FakeSource("near", online=False), FakeSource("far")

    fetch_fashion_mnist(tmp_path, offline=True, mirrors=[far, near], hashes=HASHES)

    assert far.asked == []
    assert len(near.asked) == 1


def test_the_error_collects_every_reason_and_ends_with_the_manual_way(tmp_path: Path) -> None:
    sources = [FakeSource("first", problem="is down"), FakeSource("second", online=True)]
    sources[1].contents[IMAGES] = b"other"

    with pytest.raises(FetchError) as caught:
        fetch_fashion_mnist(tmp_path, mirrors=sources, hashes=HASHES)

    message = str(caught.value)
    assert "\n" not in message
    for part in ("cache: ", "first: is down", "second: ", "differs from the published file"):
        assert part in message
    manual = message.split("By hand: ")[1]
    assert all(name in manual for name in CONTENTS)
    assert message.endswith(f"into {tmp_path / 'fashion-mnist'}")


def test_the_offline_error_says_what_was_not_tried(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="far: not tried, offline"):
        fetch_fashion_mnist(tmp_path, offline=True, mirrors=[FakeSource("far")], hashes=HASHES)


def test_two_fetches_at_once_obtain_it_once(tmp_path: Path) -> None:
    source = FakeSource(seconds=0.3)
    folders: list[Path] = []

    def fetch() -> None:
        folders.append(fetch_fashion_mnist(tmp_path, mirrors=[source], hashes=HASHES))

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert folders == [tmp_path / "fashion-mnist"] * 3
    assert len(source.asked) == 1
    assert read_all(folders[0]) == CONTENTS


def test_progress_is_passed_on(tmp_path: Path) -> None:
    ticks: list[tuple[int, int | None]] = []

    fetch_fashion_mnist(
        tmp_path,
        on_progress=lambda *on_progress: ticks.append(on_progress),
        mirrors=[FakeSource()],
        hashes=HASHES,
    )

    assert ticks == [(1, 1)]


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match="cannot make the folder"):
        fetch_fashion_mnist(tmp_path / "file", mirrors=[FakeSource()], hashes=HASHES)


def test_relative_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    folder = fetch_fashion_mnist(Path("home"), mirrors=[FakeSource()], hashes=HASHES)

    assert folder == tmp_path / "home" / "fashion-mnist"


def test_cache_home_is_set_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANGTAG_HOME", str(tmp_path))
    assert cache_home() == tmp_path
    monkeypatch.delenv("HANGTAG_HOME")
    assert cache_home() == Path.home() / ".cache" / "hangtag"
    for missing in ("~nosuch/x", "~nosuch"):
        monkeypatch.setenv("HANGTAG_HOME", missing)
        with pytest.raises(OutputError, match="set HANGTAG_HOME to a folder"):
            cache_home()


def test_published_hashes() -> None:
    assert FASHION_MNIST_FILES[IMAGES]["sha256"].startswith("c59f468a2f672dc8")
    assert FASHION_MNIST_FILES["t10k-labels-idx1-ubyte"]["md5"].startswith("15d484375f8d13e6")
    assert all(len(hashes["sha256"]) == 64 for hashes in FASHION_MNIST_FILES.values())
