"""Exports a model for programs without Hangtag: the graph, the labels, a script that runs it."""

import json
from pathlib import Path

from hangtag.files.atomic import new_folder, write_bytes, write_text
from hangtag.models.card import Card
from hangtag.models.folder import ONNX, find_model_folder, read_card

LABELS, SCRIPT, README = "labels.json", "predict.py", "README.md"

_SCRIPT = '''"""Predicts the class of an image file: python predict.py IMAGE"""

import json, sys
from pathlib import Path
import numpy as np, onnxruntime
from PIL import Image, ImageOps

folder = Path(__file__).parent
labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
image = ImageOps.exif_transpose(Image.open(sys.argv[1]))
{prepare}
session = onnxruntime.InferenceSession(folder / "model.onnx")
logits, ood_score = session.run(["logits", "ood_score"], {{"pixels": np.asarray(image)[{axes}]}})
values = np.exp((logits[0] - logits[0].max()) / labels["temperature"])
print(labels["classes"][values.argmax()], f"{{values.max() / values.sum():.4f}}",
      "unknown" if ood_score[0] > labels["ood_threshold"] else "")
'''

_COLOUR = 'image = ImageOps.pad(image.convert("RGB"), ({width}, {height}), Image.LANCZOS, "white")'
_GREY = 'image = image.convert("L").resize(({width}, {height}))'

_README = """# {name}

The model `{name}` without Hangtag. It needs Python with numpy, Pillow and onnxruntime.

    pip install numpy pillow onnxruntime
    python predict.py IMAGE

The script prints the class, its probability, and `unknown` where the image is unlike the training
data.

- `model.onnx`: input `pixels`, uint8 (N, {height}, {width}, {channels}), {values}; outputs `logits`
  (N, {classes}), `embedding` and `ood_score`. Scaling and normalisation are inside.
- `labels.json`: the classes by index; the temperature that the logits are divided by before the
  softmax; the OOD score above which an image is unknown.

## Preprocessing

{preprocessing}
"""

_COLOUR_STEPS = """The script turns the image upright, scales its longer side to {width} pixels and
fills the rest with white. Hangtag does the same, but continues a plain background at the edges."""

_GREY_STEPS = """The model takes grey images of {width}x{height} pixels: a bright garment on black,
as in its training data. The script converts the image to grey and scales it to this size; nothing
else. Hangtag also cuts out the garment of a photo and negates a light background. Without these
steps do not use the model for photos."""


def export_standalone(model: str | Path, folder: Path) -> Path:
    """Writes a folder with which a model runs without Hangtag.

    Args:
        model: A shipped name, a model folder or a run folder.
        folder: A new folder.

    Returns:
        The folder.

    Raises:
        ModelError: There is no such model, or it is damaged.
        OutputError: The folder holds something already, or cannot be written.
    """
    source = find_model_folder(model)
    card = read_card(source)
    labels = {
        "classes": list(card.class_names),
        "temperature": card.calibration.temperature,
        "ood_threshold": card.policy.ood_threshold,
    }
    with new_folder(folder) as temporary:
        write_bytes(temporary / ONNX, (source / ONNX).read_bytes())
        write_text(temporary / LABELS, json.dumps(labels, indent=1, ensure_ascii=False) + "\n")
        write_text(temporary / SCRIPT, _write_script(card))
        write_text(temporary / README, _write_readme(card))
    return folder


def _write_script(card: Card) -> str:
    spec = card.input
    prepare = _GREY if spec.channels == 1 else _COLOUR
    return _SCRIPT.format(
        prepare=prepare.format(width=spec.width, height=spec.height),
        axes="None, :, :, None" if spec.channels == 1 else "None",
    )


def _write_readme(card: Card) -> str:
    spec = card.input
    steps = _GREY_STEPS if spec.channels == 1 else _COLOUR_STEPS
    return _README.format(
        name=card.name,
        height=spec.height,
        width=spec.width,
        channels=spec.channels,
        classes=len(card.classes),
        values="grey values" if spec.channels == 1 else "red, green and blue",
        preprocessing=steps.format(width=spec.width, height=spec.height),
    )
