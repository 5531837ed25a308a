"""The pages in a real browser, on a phone's width."""

import re
import shutil
import subprocess
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hangtag.audit.rules import SEPARATOR, Action, Rule, write_rules
from hangtag.datasets import Dataset, Split
from hangtag.datasets.image_quality import ImageQuality, find_quality_issues
from hangtag.datasets.near_duplicates import find_photo_duplicates
from hangtag.evaluation.metrics import Evaluation
from hangtag.reports import measure_dataset, write_exploration, write_report
from hangtag.reports.audit_page import write_audit_page
from tests.datasets.made_photos import cut_samples, list_images
from tests.reports.test_audit_page import make_page

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


APPROVE = """<script>
addEventListener("load", () => {
  const search = document.querySelector("#search");
  URL.createObjectURL = blob => {
    blob.text().then(text => {
      document.body.innerHTML = `<pre>${btoa(encodeURIComponent(text))}</pre>`;
    });
    return "#";
  };
  search.value = "knit";
  search.dispatchEvent(new Event("input"));
  document.querySelector("#approve-shown").click();
  document.querySelector("#download").click();
});
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
    details = {"model hash": "0123456789abcdef" * 8}
    page = write_report(
        tmp_path, *hostile_evaluation, title="Long" * 30, history=history, details=details
    )
    measured = probe(page, tmp_path / "profile")
    assert measured == {"frame": PHONE, "broken": 0, "overflow": 0, "images": 7 + 6 + 3}


def test_exploration_fits_a_phone(tmp_path: Path, hostile_dataset: Dataset) -> None:
    page = write_exploration(tmp_path, hostile_dataset, measure_dataset(hostile_dataset))
    measured = probe(page, tmp_path / "profile")
    assert measured == {"frame": PHONE, "broken": 0, "overflow": 0, "images": 4}


def test_photos_fit_a_phone(tmp_path: Path) -> None:
    """A page of photos with a fault and a copy, from a supplier with a long name."""
    images = [*cut_samples(3), cut_samples(1)[0], Image.new("RGB", (300, 300))]
    suppliers = ["A", "A", "A", "<b>" + 30 * "long", "A"]
    photos = list_images(images, suppliers=suppliers)
    quality = ImageQuality(photos, find_quality_issues(photos), find_photo_duplicates(photos))
    pixels = np.stack([np.asarray(image.resize((224, 224))) for image in images])
    split = Split(pixels, np.zeros(5, np.int64), np.arange(5).astype(np.str_))
    dataset = Dataset("photos", "here", ("a",), {"train": split})
    page = write_exploration(tmp_path, dataset, measure_dataset(dataset), quality=quality)
    measured = probe(page, tmp_path / "profile")
    assert measured == {"frame": PHONE, "broken": 0, "overflow": 0, "images": 4 + 1 + 2}


def test_audit_fits_a_phone_and_computes(tmp_path: Path) -> None:
    page = write_audit_page(tmp_path, make_page(name="A brand with a long name " * 4))
    measured = probe(page, tmp_path / "profile")
    assert measured == {"frame": PHONE, "broken": 0, "overflow": 0, "images": 8 + 1 + 2 + 1}


def test_the_savings_of_the_audit_are_computed(tmp_path: Path) -> None:
    """The page's script runs under its own policy, and agrees with the figures it was given."""
    page = write_audit_page(tmp_path, make_page(name="Plain"))
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    shown = dict(re.findall(r'data-shown="(\w+)">([^<]*)<', done.stdout))
    # 1000 x 20 s x 25 / 3600 = 138.89; half of it, 0.2 computing, 5 for errors, 2.08 for rules
    assert shown["before"] == "138.89"
    assert float(shown["after"]) == pytest.approx(69.444 + 0.2 + 5 + 2.083, abs=0.01)
    assert shown["minutes"] == "162"
    assert shown["queue"] == "500"
    assert '<span id="approved">2</span>' in done.stdout


def test_approved_rules_are_downloaded_as_the_tool_writes_them(tmp_path: Path) -> None:
    """A filter, *approve what is shown* and the download: the bytes of `write_rules`."""
    plain = make_page(name="Plain")
    labels = ["Knits", 'say "knit", or;\n=1+1', "Tops", "Über-Knit\tware", "-4", "'=knit"]
    rules = [
        Rule("=Brand; & Söhne", label, Action.SPLIT, ("Tops > Shirts", "Polos"), ("aa-1", "aa-2"))
        for label in labels
    ]
    rules.sort(key=lambda rule: rule.key)
    view = plain.rules["Plain0"][0]
    views = [
        replace(
            view,
            place=place,
            supplier=rule.supplier,
            label=rule.label,
            action=str(rule.action),
            categories=SEPARATOR.join(rule.categories),
            ids=SEPARATOR.join(rule.ids),
            approved=False,
        )
        for place, rule in enumerate(rules)
    ]
    page = write_audit_page(tmp_path, replace(plain, rules={"Brand": views}))
    html = page.read_text(encoding="utf-8")
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    page.write_text(html.replace("</body>", f"{APPROVE}</body>"), encoding="utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--virtual-time-budget=5000", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    (written,) = re.findall(r"<pre>(.*?)</pre>", done.stdout)
    text = unquote(b64decode(written).decode())
    expected = tmp_path / "rules.csv"
    approved = [replace(item, approved="knit" in item.label.casefold()) for item in rules]
    write_rules(expected, approved)
    assert text == expected.read_bytes().decode("utf-8")
    assert text.count("yes,") == 4
