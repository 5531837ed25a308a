"""From a trained network to a model folder, checked against the network it came from."""

import logging
import warnings
from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from hangtag.errors import TrainingError
from hangtag.models.classifier import GOLDEN_TOLERANCE
from hangtag.training.networks import Network
from hangtag.training.ood import OodScore, measure_texture
from hangtag.training.preprocessing import Normalisation, scale_pixels

OPSET = 18


class Exportable(nn.Module):
    """The whole way from pixels to logits: what is exported and what it is checked against."""

    def __init__(self, network: Network, normalisation: Normalisation, ood_score: OodScore) -> None:
        super().__init__()
        self.network = network
        self.normalisation = normalisation
        self.ood_score = ood_score

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Turns pixels (B, H, W, C) into logits (B, K), embedding (B, D) and ood_score (B,)."""
        embedding, early = self.network.observe(self.normalisation(scale_pixels(pixels)))
        strange = self.ood_score(embedding, measure_texture(early))
        return self.network.classify(embedding), embedding, strange


def export_onnx(model: Exportable, *, pixels: NDArray[np.uint8], classes: Sequence[str]) -> bytes:
    """Writes `model` as ONNX: input ``pixels``; outputs ``logits``, ``embedding``, ``ood_score``.

    Args:
        model: In evaluation mode, on the CPU.
        pixels: Images (G, H, W, C) to trace with, G at least 2.
        classes: Class names, kept in the file's metadata.

    Raises:
        TrainingError: ONNX Runtime's logits on `pixels` differ by more than 1e-4.
    """
    traced = torch.from_numpy(pixels)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, we do not
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        program = torch.onnx.export(
            model,
            (traced,),
            input_names=["pixels"],
            output_names=["logits", "embedding", "ood_score"],
            dynamic_shapes={"pixels": {0: torch.export.Dim("batch")}},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    proto = _without_origins(program.model_proto)
    proto.metadata_props.append(
        onnx.StringStringEntryProto(key="classes", value="\n".join(classes))
    )
    content: bytes = proto.SerializeToString()
    check_export(content, model, pixels)
    return content


def _without_origins(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Takes out the stack traces, which hold the paths of the machine that exported."""
    graph = proto.graph
    parts = (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (proto, graph, *parts):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return proto


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


def safetensors_bytes(network: Network, *, half: bool = False) -> bytes:
    """Writes the weights of `network` as safetensors; with `half` the matrices in float16."""
    return save_safetensors(
        {
            name: (tensor.half() if half and tensor.ndim > 1 else tensor).contiguous()
            for name, tensor in network.state_dict().items()
        }
    )
