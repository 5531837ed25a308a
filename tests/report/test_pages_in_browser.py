"""The pages in a real browser, on a phone's width."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hangtag.catalogue import Catalogue, Split
from hangtag.evaluation import Evaluation
from hangtag.report import explore, write_exploration, write_report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
PHONE = 390

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")

PROBE = """<!doctype html><meta charset="utf-8">
<iframe src="{page}" style="border:0;width:{width}px;height:3000px"></iframe>
<script>
addEventListener("load", () => {{
  const inside = document.querySelector("iframe").contentDocument;
  const broken = [...inside.images].filter(image => !image.naturalWidth).length;
  const root = inside.documentElement;
  document.title = `frame=${{inside.defaultView.innerWidth}} broken=${{broken}} ` +
    `overflow=${{root.scrollWidth - root.clientWidth}} images=${{inside.images.length}}`;
}});
</script>"""


def probe(page: Path, profile: Path) -> dict[str, int]:
    """Opens `page` in a frame as wide as a phone; returns what it measures there."""
    probe_page = page.with_name("probe.html")
    probe_page.write_text(PROBE.format(page=page.name, width=PHONE), encoding="utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={profile}", "--dump-dom"]
    done = subprocess.run(
        [*command, probe_page.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    title = done.stdout.split("<title>")[1].split("</title>")[0]
    return {name: int(value) for name, value in (pair.split("=") for pair in title.split())}


def test_report_fits_a_phone(
    tmp_path: Path,
    hostile_evaluation: tuple[Evaluation, Split, NDArray[np.float64]],
    history: list[dict[str, float]],
) -> None:
    facts = {"model hash": "0123456789abcdef" * 8}
    page = write_report(
        tmp_path, *hostile_evaluation, title="Long" * 30, history=history, facts=facts
    )
    measured = probe(page, tmp_path / "profile")
    assert measured == {"frame": PHONE, "broken": 0, "overflow": 0, "images": 7 + 6}


def test_exploration_fits_a_phone(tmp_path: Path, hostile_catalogue: Catalogue) -> None:
    page = write_exploration(tmp_path, hostile_catalogue, explore(hostile_catalogue))
    measured = probe(page, tmp_path / "profile")
    assert measured == {"frame": PHONE, "broken": 0, "overflow": 0, "images": 4}
