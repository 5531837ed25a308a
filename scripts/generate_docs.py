"""Generates the parts of the documentation that repeat the code.

    python -m scripts.generate_docs            write all blocks, pictures and example images
    python -m scripts.generate_docs --quick    write the quick blocks only
    python -m scripts.generate_docs --check    compare the quick blocks; exit code 1 if one is stale

A block in a Markdown file lies between two comments. The first names its source:

    <!-- output of: hangtag summary seed -->
    ```text
    ...
    ```
    <!-- end -->

``output of`` blocks are quick and the same on every machine: a test compares them. ``output once
of`` blocks take long or contain times; only this script writes them. A source is a command,
``fields of CLASS`` (the fields of a part of a recipe), ``figures of the recipes`` (accuracy and
speed, from the recorded runs and the benchmark) or ``tree of the package`` (its modules).
"""

import argparse
import csv
import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

# Plain text of a fixed width, decided before the command line is imported.
os.environ |= {"TYPER_USE_RICH": "0", "COLUMNS": "100", "NO_COLOR": "1"}

import numpy as np
from PIL import Image
from typer.testing import CliRunner

import hangtag
from hangtag.cli.main import app
from hangtag.reports.curves import draw_curves
from hangtag.training.networks.base import list_networks
from hangtag.training.recipes import schema
from scripts.prediction_figure import draw_predictions
from scripts.recipe_figures import (
    EVIDENCE,
    draw_accuracy_against_time,
    make_table,
    read_evidence,
)
from scripts.source_tree import draw_tree

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
IMAGES = DOCS / "images"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
BLOCK = re.compile(r"(<!-- output (once )?of: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
FIGURES = ("class_examples", "class_means", "pixel_histogram", "class_balance", "augmentation")


def main() -> int:
    """Writes everything, writes the quick blocks, or checks these."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--quick", action="store_true", help="write the quick blocks only")
    modes.add_argument("--check", action="store_true", help="compare the quick blocks only")
    options = parser.parse_args()
    os.chdir(ROOT)
    if options.check:
        return check_pages()
    if not options.quick:
        write_pictures()
    for page in PAGES:
        page.write_text(fill_blocks(page, quick=options.quick), encoding="utf-8")
    return 0


def check_pages() -> int:
    """Names the pages whose quick blocks are stale; returns the exit code."""
    stale = [page for page in PAGES if page.read_text("utf-8") != fill_blocks(page, quick=True)]
    for page in stale:
        print(f"{page.relative_to(ROOT)} is stale; run: make docs")
    return 1 if stale else 0


def fill_blocks(page: Path, *, quick: bool) -> str:
    """Returns the text of a page with its blocks made anew; with `quick`, only the quick ones."""

    def fill(block: re.Match[str]) -> str:
        start, once, source, end = block.groups()
        return block.group(0) if quick and once else f"{start}{make_block(source)}{end}"

    return BLOCK.sub(fill, page.read_text(encoding="utf-8"))


def make_block(source: str) -> str:
    """Makes the content of a block: a table of fields, or what a command prints on stdout."""
    if source == "figures of the recipes":
        return make_table(read_evidence())
    if source == "tree of the package":
        return f"```text\n{draw_tree()}\n```\n"
    if source.startswith("fields of "):
        return field_table(source.removeprefix("fields of "))
    return f"```text\n{run(source).rstrip()}\n```\n"


def field_table(name: str) -> str:
    """Lists the fields of a part of a recipe with their defaults and meanings."""
    networks = {settings.__name__: settings for settings in list_networks().values()}
    settings = networks.get(name) or getattr(schema, name)
    properties = settings.model_json_schema()["properties"]
    rows = [
        f"| `{field}` | {default_of(content)} | {content.get('description', '')} |"
        for field, content in properties.items()
        if field != "kind"
    ]
    return "\n".join(["| field | default | meaning |", "|---|---|---|", *rows]) + "\n"


def default_of(content: dict[str, object]) -> str:
    """Says the default of a field."""
    return f"`{content['default']}`" if "default" in content else "required"


def run(command: str) -> str:
    """Runs a command of Hangtag in the root of the repository; returns what it prints on stdout."""
    _, *arguments = shlex.split(command)
    result = CliRunner().invoke(app, arguments, prog_name="hangtag", catch_exceptions=False)
    if result.exit_code:
        raise SystemExit(f"{command}: exit code {result.exit_code}\n{result.stderr}")
    return re.sub(r"[ \t]+\n", "\n", result.stdout.replace(str(Path.home()), "~"))


def write_pictures() -> None:
    """Draws the pictures of the guide from the real data and the shipped model."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        run(f"hangtag explore fashion-mnist --augment seed --out {folder}/explore")
        for figure in FIGURES:
            shutil.copy(Path(folder) / "explore" / "figures" / f"{figure}.png", IMAGES)
        run(f"hangtag evaluate fashion-mnist fashion-mnist --out {folder}/report")
        for figure in ("confusion_matrix", "correct", "incorrect"):
            shutil.copy(Path(folder) / "report" / f"{figure}.png", IMAGES)
    write_curves()
    write_predictions()
    write_saliency_map()
    (IMAGES / "accuracy_against_time.png").write_bytes(draw_accuracy_against_time(read_evidence()))
    write_examples()


def write_curves() -> None:
    """Draws the curves of the run that made the shipped model."""
    results = EVIDENCE / "accurate" / "seed-1" / "results.csv"
    rows = csv.DictReader(results.read_text(encoding="utf-8").splitlines())
    history = [{name: float(value) for name, value in row.items()} for row in rows]
    (IMAGES / "curves.png").write_bytes(draw_curves(history))


def write_predictions() -> None:
    """Draws the predictions for the example photos."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "predictions.csv"
        run(f"hangtag predict docs/example-photos --precision 0.9 --out {table} --quiet")
        (IMAGES / "predictions.png").write_bytes(draw_predictions(table))


def write_saliency_map() -> None:
    """Draws the explanation of the prediction for an example image."""
    with tempfile.TemporaryDirectory() as folder:
        run(f"hangtag predict docs/examples/4-coat.png --out {folder}/o.csv --explain --quiet")
        (picture,) = (Path(folder) / "o.csv.saliency").iterdir()
        shutil.copy(picture, IMAGES / "saliency_map.png")


def write_examples() -> None:
    """Writes the first test image of each class as a PNG."""
    dataset = hangtag.load_dataset("fashion-mnist")
    examples, test = DOCS / "examples", dataset.splits["test"]
    examples.mkdir(exist_ok=True)
    for index, name in enumerate(dataset.classes):
        first = int(np.flatnonzero(test.labels == index)[0])
        slug = re.sub("[^a-z]+", "-", name.lower())
        Image.fromarray(test.images[first]).save(examples / f"{index}-{slug}.png")


if __name__ == "__main__":
    sys.exit(main())
