"""From a trained network to an ONNX file and safetensors, checked against the network.

With fp16 weights, each matrix of the network becomes float16 with a Cast to float32 behind it. ONNX
Runtime computes the Cast once, when it loads the graph, and then runs the same graph as before.
Vectors (biases, statistics) stay float32: they are few, and their errors add up.
"""

import copy
import logging
import warnings
from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from hangtag.datasets.dataset import Split
from hangtag.errors import TrainingError
from hangtag.images.spec import ImageSpec
from hangtag.models.card import Weights
from hangtag.models.classifier import GOLDEN_TOLERANCE
from hangtag.models.onnx_graph import check_graph
from hangtag.models.runtime import OnnxModel
from hangtag.training.networks import Network
from hangtag.training.ood import OodScore, measure_texture
from hangtag.training.preprocessing import Normalisation, scale_pixels

OPSET = 18

MAX_ACCURACY_LOSS = 0.003
"""Validation accuracy that fp16 weights may cost, 0-1."""

FP16_TOLERANCE = 0.25
"""How far a logit with fp16 weights may be from that of the trained network."""

_PREFIX = "network."
"""What the names of the network's initialisers start with."""

_LARGEST = float(np.finfo(np.float16).max)


class Exportable(nn.Module):
    """The whole model, from pixels to outputs: what is exported and checked against."""

    def __init__(
        self, network: Network, normalisation: Normalisation, ood_score: OodScore | None
    ) -> None:
        super().__init__()
        self.network = network
        self.normalisation = normalisation
        self.ood_score = ood_score

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Turns pixels (B, H, W, C) into logits (B, K), embedding (B, D) and OOD score (B,)."""
        logits, features = self.network.forward_all(self.normalisation(scale_pixels(pixels)))
        if self.ood_score is None:  # not fitted yet, see `check_exportable`
            return logits, features.embedding, features.embedding.sum(dim=1)
        textures = None if features.early is None else measure_texture(features.early)
        return logits, features.embedding, self.ood_score(features.embedding, textures)


def export_onnx(model: Exportable, *, pixels: NDArray[np.uint8], classes: Sequence[str]) -> bytes:
    """Writes `model` as ONNX: input ``pixels``; outputs ``logits``, ``embedding``, ``ood_score``.

    Args:
        model: In evaluation mode, on the CPU.
        pixels: Images (G, H, W, C) to trace with, G at least 2.
        classes: Class names, kept in the file's metadata.

    Raises:
        TrainingError: ONNX Runtime's logits on `pixels` differ by more than 1e-4.
    """
    proto = _without_origins(_trace(model, pixels))
    proto.metadata_props.append(
        onnx.StringStringEntryProto(key="classes", value="\n".join(classes))
    )
    content: bytes = proto.SerializeToString()
    check_export(content, model, pixels)
    return content


def _trace(model: Exportable, pixels: NDArray[np.uint8]) -> onnx.ModelProto:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, we do not
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # ONNX has no such operator
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own internals
            program = torch.onnx.export(
                model,
                (torch.from_numpy(pixels),),
                input_names=["pixels"],
                output_names=["logits", "embedding", "ood_score"],
                dynamic_shapes={"pixels": {0: torch.export.Dim("batch")}},
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise TrainingError(
            f"the network cannot be exported to ONNX: {' '.join(str(error).split())[:300]}; write "
            "it for any batch size, without branches on the values of tensors"
        ) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_attention)
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    if not proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise TrainingError(
            "the network cannot be exported to ONNX for any batch size: it fixes the number of "
            "images; write images.shape[0] or images.flatten(1) instead of len(images)"
        )
    try:
        check_graph(proto.SerializeToString())
    except ValueError as error:
        raise TrainingError(
            f"the network as ONNX would be refused: {error}; write it without loops and branches "
            "on the values of tensors"
        ) from error
    return proto


def _without_origins(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Removes the stack traces, which hold paths of the machine that exported."""
    graph = proto.graph
    parts = (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (proto, graph, *parts):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return proto


def check_exportable(network: Network, normalisation: Normalisation, spec: ImageSpec) -> None:
    """Exports a copy of an untrained network, to refuse now what would fail after the training.

    Raises:
        TrainingError: It cannot be exported to ONNX.
    """
    model = Exportable(copy.deepcopy(network).cpu(), normalisation, None).eval()
    _trace(model, np.zeros((2, spec.height, spec.width, spec.channels), np.uint8))


def check_export(
    content: bytes,
    model: Exportable,
    pixels: NDArray[np.uint8],
    *,
    tolerance: float = GOLDEN_TOLERANCE,
) -> None:
    """Compares ONNX Runtime on `content` with the network on pixels (G, H, W, C).

    Raises:
        TrainingError: A logit differs by more than `tolerance`.
    """
    with torch.no_grad():
        expected, _, _ = model(torch.from_numpy(pixels))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    received = session.run(["logits"], {"pixels": pixels})[0]
    difference = float(np.abs(received - expected.numpy()).max())
    if not difference <= tolerance:
        raise TrainingError(
            f"the exported model differs from the trained network by {difference:.2g} on the "
            f"golden images (at most {tolerance:g}); nothing was written; this is a fault "
            "of the exporter or of the network: try another version of torch or onnxruntime"
        )


def serialise_weights(network: Network, *, fp16: bool = False) -> bytes:
    """Writes the weights of `network` as safetensors; with `fp16` the matrices in float16."""
    return save_safetensors(
        {
            # Cloned, as a user's network may share tensors, which safetensors refuses.
            name: (tensor.half() if fp16 and tensor.ndim > 1 else tensor).contiguous().clone()
            for name, tensor in network.state_dict().items()
        }
    )


def choose_weights(
    content: bytes,
    model: Exportable,
    *,
    pixels: NDArray[np.uint8],
    validation: Split,
) -> tuple[bytes, Weights]:
    """Stores fp16 weights, unless that costs more than 0.3 points of validation accuracy.

    Args:
        content: The file with float32 weights, checked.
        model: What it was exported from.
        pixels: Images (G, H, W, C) on which the converted file is compared with `model`.
        validation: The split on which the accuracy is measured.

    Returns:
        The file to keep, and what was measured.

    Raises:
        TrainingError: A logit of the converted file is further than 0.25 from that of `model`.
    """
    converted = convert_to_fp16(content)
    check_export(converted, model, pixels, tolerance=FP16_TOLERANCE)
    full, half = (measure_accuracy(file, validation) for file in (content, converted))
    keep = half >= full - MAX_ACCURACY_LOSS
    stored = Weights(format="float16" if keep else "float32", accuracy=half, accuracy_full=full)
    return (converted if keep else content), stored


def measure_accuracy(content: bytes, split: Split) -> float:
    """Returns the accuracy of an ONNX file on a split."""
    height, width, *channels = split.images.shape[1:]
    model = OnnxModel(content, ImageSpec(height, width, *channels), where="the exported model")
    return float((model.run(split.images).logits.argmax(axis=1) == split.labels).mean())


def convert_to_fp16(content: bytes) -> bytes:
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
    converted: bytes = proto.SerializeToString()
    return converted


def _is_matrix(tensor: TensorProto) -> bool:
    return bool(tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1)
