"""``hangtag export``: a model for programs without Hangtag."""

from pathlib import Path
from typing import Annotated

import typer

from hangtag.cli.console import Json, Quiet, folder_option, print_json, print_result
from hangtag.models.standalone import export_standalone


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A shipped model, a model or a run folder.")
    ],
    to: Annotated[Path, folder_option(help="New folder for the files.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Exports a model: the ONNX file, its labels and a script that runs it.

    The script needs Python with numpy, Pillow and onnxruntime, not Hangtag.

    \b
    For example:
      hangtag export clothing-photos --to exported
      python exported/predict.py photo.jpg
    """
    folder = export_standalone(model, to)
    if as_json:
        print_json({"folder": str(folder), "files": sorted(p.name for p in folder.iterdir())})
    else:
        print_result(str(folder))
