"""Draws the worst label issues of the public clothing data set as sheets, to check by eye.

    python -m benchmarks.photo_issues FOLDER WORK

FOLDER is that of `benchmarks.clothing`. The people who took the photos are divided into two halves.
``hangtag train --recipe photo-fast`` learns the labels of one half, unchanged; then

    WORK/audit             hangtag audit of the other half, with that model
    WORK/cross-validated   hangtag audit --cross-validate of all photos, on that model's embeddings
    WORK/planted           the same with 5 % of the labels changed; prints how well these are found
    WORK/sheets            the worst 50 of cross-validated, ten a sheet, with both labels

The embeddings were not learned from these photos: the recipe trains the last layer alone.
"""

import argparse
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.metrics import average_precision_score

from benchmarks import clothing
from benchmarks.clothing import raw_items
from benchmarks.measuring import hangtag_command
from hangtag.files.atomic import write_text
from hangtag.tables.csv_cells import format_row, read_csv_rows

COLUMNS = ("image", "id", "supplier", "label")
NOISE = 0.05

WORST, A_SHEET, A_ROW = 50, 10, 5
SIDE, CAPTION = 300, 64

Row = Mapping[str, str]


def main() -> None:
    """Trains, audits and draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("work", type=Path)
    options = parser.parse_args()
    work = options.work
    items = read_items(options.folder)
    halves = divide_people(items)
    for name, rows in (("learned", halves[0]), ("audited", halves[1]), ("all", items)):
        write_text(work / f"{name}.csv", format_feed(rows))
    model = work / "model"
    if not (model / "model").exists():
        hangtag(0, "train", work / "learned.csv", "--recipe", "photo-fast", "--out", model)
    hangtag(1, "audit", work / "audited.csv", "--model", model, "--out", work / "audit")
    found = work / "cross-validated"
    hangtag(1, "audit", work / "all.csv", "--cross-validate", "--model", model, "--out", found)
    planted = plant(items)
    write_text(work / "planted.csv", format_feed(planted))
    again = work / "planted"
    hangtag(1, "audit", work / "planted.csv", "--cross-validate", "--model", model, "--out", again)
    scores = {row["id"]: float(row["score"]) for row in read_csv_rows(again / "issues.csv")}
    wrong = [row["label"] != item["label"] for row, item in zip(planted, items, strict=True)]
    precision = average_precision_score(wrong, [scores.get(row["id"], 0.0) for row in planted])
    print(f"{sum(wrong)} planted errors: average precision {precision:.3f}")
    draw_sheets(list(read_csv_rows(found / "issues.csv"))[:WORST], work / "sheets")


def read_items(folder: Path) -> list[Row]:
    """Returns the photos with a label that names a garment, with ids."""
    return [
        {**row, "id": Path(row["image"]).stem} for row in raw_items(clothing.read_items(folder))
    ]


def divide_people(items: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Divides the photos into two halves that share no person."""
    people = np.random.default_rng(0).permutation(sorted({row["supplier"] for row in items}))
    first = set(people[: len(people) // 2].tolist())
    return (
        [row for row in items if row["supplier"] in first],
        [row for row in items if row["supplier"] not in first],
    )


def plant(items: Sequence[Row]) -> list[Row]:
    """Changes the labels of 5 % of the items to others, each as often as it comes."""
    random = np.random.default_rng(0)
    labels, numbers = np.unique([row["label"] for row in items], return_inverse=True)
    shares = np.bincount(numbers) / len(numbers)
    planted = list(items)
    for index in np.flatnonzero(random.random(len(items)) < NOISE).tolist():
        others = shares * (np.arange(len(labels)) != numbers[index])
        label = str(random.choice(labels, p=others / others.sum()))
        planted[index] = {**items[index], "label": label}
    return planted


def format_feed(items: Sequence[Row]) -> str:
    """Returns a feed as CSV."""
    lines = [format_row([row[name] for name in COLUMNS]) for row in items]
    return format_row(COLUMNS) + "".join(lines)


def hangtag(expected: int, *arguments: object) -> None:
    """Runs a command of Hangtag; ends this program where it ends otherwise than expected."""
    code = subprocess.run(hangtag_command(*arguments), check=False).returncode
    if code != expected:
        raise SystemExit(code or 1)


def draw_sheets(issues: Sequence[Row], folder: Path) -> None:
    """Draws the photos of issues with the supplier's label and the suggested one."""
    folder.mkdir(parents=True, exist_ok=True)
    font = ImageFont.load_default(20)
    rows = A_SHEET // A_ROW
    for start in range(0, len(issues), A_SHEET):
        sheet = Image.new("RGB", (A_ROW * SIDE, rows * (SIDE + CAPTION)), "white")
        pen = ImageDraw.Draw(sheet)
        for place, issue in enumerate(issues[start : start + A_SHEET]):
            left, top = place % A_ROW * SIDE, place // A_ROW * (SIDE + CAPTION)
            with Image.open(issue["image"]) as photo:
                photo.thumbnail((SIDE - 8, SIDE - 8))
                sheet.paste(photo, (left + 4, top + 4))
            words = f"{start + place + 1}. says {issue['label']}\nshows {issue['suggested']}"
            pen.text((left + 6, top + SIDE), words, fill="black", font=font)
        sheet.save(folder / f"{start // A_SHEET + 1}.png")


if __name__ == "__main__":
    main()
