"""``hangtag data``: fetch a data set by name, export one to another format, clean the cache."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from hangtag.cli.console import (
    Json,
    Offline,
    Quiet,
    parse_folder,
    print_json,
    print_result,
    progress_bar,
    say,
)
from hangtag.cli.datasets import read_dataset
from hangtag.datasets import ExportFormat
from hangtag.images.spec import FASHION_MNIST_SPEC

app = typer.Typer(help="Fetches and exports data sets, cleans the cache.", no_args_is_help=True)

_GB = 1_000_000_000


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The data set: fashion-mnist.")],
    offline: Offline = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fetches a data set into the cache, verifies it, and prints its folder."""
    from hangtag.datasets import cache_home, fetch_fashion_mnist, require_known_name

    require_known_name(name)
    with progress_bar(f"Fetching {name} (bytes)", quiet=quiet or as_json) as on_progress:
        folder = fetch_fashion_mnist(cache_home(), offline=offline, on_progress=on_progress)
    say(f"{name} is complete and its content is verified.", quiet=quiet or as_json)
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    _print_folder(folder, {"name": name, "files": files}, as_json=as_json)


@app.command()
def export(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A name, or the path of a folder, a pixel CSV or a table."
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write.", parser=parse_folder)
    ],
    format: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="csv: one pixel CSV a split; png: images with a table; "
            "folders: images in class folders.",
        ),
    ],
    offline: Offline = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Writes a data set in another format, and prints the folder."""
    from hangtag.datasets import export_dataset, load_dataset

    silent = quiet or as_json
    with progress_bar(f"Opening {data}", quiet=silent) as on_progress:
        dataset = load_dataset(
            data,
            spec=FASHION_MNIST_SPEC,
            offline=offline,
            max_broken=0,
            on_progress=on_progress,
        )
    for notice in dataset.notices:
        say(notice, quiet=silent)
    with progress_bar(f"Writing {format} (images)", quiet=silent) as on_progress:
        export_dataset(dataset, folder, format=format, on_progress=on_progress)
    splits = {name: len(split) for name, split in dataset.splits.items()}
    counts = ", ".join(f"{count:,} {name}" for name, count in splits.items())
    say(f"Wrote {counts} images of {len(dataset.classes)} classes.", quiet=silent)
    content = {
        "name": dataset.name,
        "format": format,
        "splits": splits,
        "classes": list(dataset.classes),
        "notices": list(dataset.notices),
    }
    _print_folder(folder, content, as_json=as_json)


@app.command()
def clean(
    keep: Annotated[
        float, typer.Option(min=0, metavar="GB", help="Keep the last used, up to this much.")
    ] = 0.0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Deletes the decoded pixels that are kept in the cache; what is needed again is decoded again.

    Safe at any time: what a training is reading stays with it until it ends.

    \b
    For example:
      hangtag data clean --keep 5
    """
    from hangtag.datasets import cache_home
    from hangtag.datasets.pixel_cache import clean_pixels

    folder = cache_home() / "pixels"
    cleaned = clean_pixels(folder, keep=round(keep * _GB))
    say(
        f"deleted {cleaned.deleted:,} kept datasets, {cleaned.freed / _GB:.2f} GB; "
        f"{cleaned.left / _GB:.2f} GB are left",
        quiet=quiet or as_json,
    )
    _print_folder(folder, dataclasses.asdict(cleaned), as_json=as_json)


@app.command("demo-feed")
def demo_feed(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write.", parser=parse_folder)
    ],
    images: Annotated[
        str, typer.Option(metavar="DATA", help="Images with right labels; their test split counts.")
    ] = "fashion-mnist",
    brands: Annotated[int, typer.Option(help="Suppliers, 1 to 1000.")] = 12,
    noise: Annotated[float, typer.Option(help="Fraction of wrong labels, 0 to 0.5.")] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is chosen at random.")] = 0,
    offline: Offline = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Writes a synthetic feed of several brands with known errors.

    Brands write their own labels in English, German, French, Spanish or Italian;
    some labels include several categories, some divide one. Wrong labels, things
    that are no apparel, duplicates and, to Fashion-MNIST, a category that no class
    stands for are planted. DIR/feed.csv is for hangtag audit; DIR/truth says what is true.

    \b
    For example:
      hangtag data demo-feed demo
      hangtag data demo-feed demo --images photos/ --brands 5 --noise 0.1 --seed 3
    """
    from hangtag.audit.demo import DemoOptions, write_demo_feed

    silent = quiet or as_json
    dataset = read_dataset(images, offline=offline, quiet=silent)
    split = dataset.splits.get("test", dataset.first)
    options = DemoOptions(brands=brands, noise=noise, seed=seed)
    with progress_bar("Writing images", quiet=silent) as on_progress:
        written = write_demo_feed(split, dataset.classes, folder, options, on_progress=on_progress)
    counts = dataclasses.asdict(written)
    say(", ".join(f"{count:,} {name}" for name, count in counts.items()), quiet=silent)
    _print_folder(folder, counts, as_json=as_json)


def _print_folder(folder: Path, content: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json({**content, "folder": str(folder)})
    else:
        print_result(str(folder))
