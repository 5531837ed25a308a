"""Weights stored in half precision: half the bytes, computed with in single precision.

Each matrix of the network becomes float16 with a Cast to float32 behind it. ONNX Runtime computes
the Cast once, when it loads the graph, and runs the graph that it ran before.
Vectors (biases, statistics) stay float32: they are few, and errors in them add up.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hangtag.datasets.dataset import Split
from hangtag.images.spec import ImageSpec
from hangtag.models.card import Weights
from hangtag.models.runtime import OnnxModel
from hangtag.training.export import Exportable, check_export

LIMIT = 0.003
"""Validation accuracy that half precision may cost, 0-1."""

HALF_TOLERANCE = 0.25
"""How far a logit may be from that of the trained network."""

_PREFIX = "network."
"""What the names of the initialisers of the network begin with."""

_LARGEST = float(np.finfo(np.float16).max)


def choose_weights(
    content: bytes,
    model: Exportable,
    *,
    pixels: NDArray[np.uint8],
    validation: Split,
) -> tuple[bytes, Weights]:
    """Halves an ONNX file, unless that costs more than 0.3 points of validation accuracy.

    Args:
        content: The file in float32, checked.
        model: What it was made of.
        pixels: Images (G, H, W, C) on which the halved file is compared with `model`.
        validation: Where the accuracy is measured.

    Returns:
        The file to keep, and what was measured.

    Raises:
        TrainingError: A logit of the halved file is further than 0.25 from that of `model`.
    """
    halved = halve_weights(content)
    check_export(halved, model, pixels, tolerance=HALF_TOLERANCE)
    full, half = (_measure(onnx_bytes, validation) for onnx_bytes in (content, halved))
    keep = half >= full - LIMIT
    stored = Weights(format="float16" if keep else "float32", accuracy=half, accuracy_full=full)
    return (halved if keep else content), stored


def _measure(content: bytes, split: Split) -> float:
    """Returns the accuracy of an ONNX file on a split."""
    height, width, *channels = split.images.shape[1:]
    spec = ImageSpec(height, width, *channels)
    runner = OnnxModel(content, spec, where="the exported model")
    return float((runner.run(split.images).logits.argmax(axis=1) == split.labels).mean())


def halve_weights(content: bytes) -> bytes:
    """Returns an ONNX file with the network's matrices in float16, each cast back before use."""
    proto = onnx.load_from_string(content)
    graph = proto.graph
    casts = []
    for tensor in graph.initializer:
        if not (tensor.name.startswith(_PREFIX) and _is_matrix(tensor)):
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > _LARGEST:
            continue
        name, half = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    halved: bytes = proto.SerializeToString()
    return halved


def _is_matrix(tensor: TensorProto) -> bool:
    return bool(tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1)
