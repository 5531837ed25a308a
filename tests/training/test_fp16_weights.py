"""Weights in half precision: half the bytes, the same answers, no accuracy lost."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.numpy import load_file

from hangtag.datasets import Dataset
from hangtag.errors import TrainingError
from hangtag.models.classifier import Classifier
from hangtag.models.folder import README, WEIGHTS, read_card
from hangtag.training import export
from hangtag.training.export import choose_weights, convert_to_fp16
from tests.tiny import make_split, tiny_recipe
from tests.training.test_onnx_export import PIXELS, content, make_model, model

__all__ = ["content", "model"]


def count_types(file: bytes) -> dict[int, int]:
    types = [tensor.data_type for tensor in onnx.load_from_string(file).graph.initializer]
    return {kind: types.count(kind) for kind in set(types)}


def test_matrices_are_halved_and_the_answers_stay(content: bytes) -> None:
    half = convert_to_fp16(content)
    onnx.checker.check_model(onnx.load_from_string(half))
    halved = count_types(half)[onnx.TensorProto.FLOAT16]
    assert halved >= 5
    assert (
        count_types(content)[onnx.TensorProto.FLOAT] - halved
        == (count_types(half)[onnx.TensorProto.FLOAT])
    )
    assert len(half) < 0.75 * len(content)
    answers = [
        onnxruntime.InferenceSession(file).run(["logits", "ood_score"], {"pixels": PIXELS})
        for file in (content, half)
    ]
    np.testing.assert_allclose(answers[1][0], answers[0][0], atol=0.01)
    assert not np.array_equal(answers[1][0], answers[0][0])


def test_the_runtime_computes_the_casts_when_it_loads(content: bytes, tmp_path: Path) -> None:
    casts = []
    for file in (content, convert_to_fp16(content)):
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        graph = onnx.load(tmp_path / "optimised.onnx").graph
        casts.append(sum(node.op_type == "Cast" for node in graph.node))
    assert casts[0] == casts[1]


def test_a_value_too_large_for_half_precision_stays(content: bytes) -> None:
    proto = onnx.load_from_string(content)
    tensor = next(t for t in proto.graph.initializer if t.name == "network.head.weight")
    values = onnx.numpy_helper.to_array(tensor) * 0 + 1e6
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    kept = onnx.load_from_string(convert_to_fp16(proto.SerializeToString())).graph.initializer
    assert {t.name: t.data_type for t in kept}["network.head.weight"] == onnx.TensorProto.FLOAT


def test_a_training_stores_half_and_says_so(
    shapes: Dataset, trained: Path, trained_fp16: Path
) -> None:
    full, half = (run / "model" for run in (trained, trained_fp16))
    assert read_card(full).weights is None
    stored = read_card(half).weights
    assert stored is not None
    assert stored.format == "float16"
    assert stored.accuracy >= stored.accuracy_full - 0.003
    assert "stored as float16" in (half / README).read_text()
    assert "stored as float16" not in (full / README).read_text()
    sizes = [(folder / WEIGHTS).stat().st_size for folder in (full, half)]
    assert sizes[1] < 0.75 * sizes[0]
    tensors = load_file(half / WEIGHTS)
    assert {t.dtype == np.float16 for t in tensors.values() if t.ndim > 1} == {True}
    images = shapes.splits["test"].images
    logits = [Classifier.load(folder).run(images).logits for folder in (full, half)]
    np.testing.assert_allclose(logits[1], logits[0], atol=0.05)


def test_half_precision_that_costs_accuracy_is_not_kept(
    content: bytes, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = make_model(tiny_recipe())
    chosen: dict[str, Any] = {
        "pixels": PIXELS,
        "validation": make_split(30, classes=3, seed=5),
    }
    monkeypatch.setattr(
        export, "measure_accuracy", lambda file, *_: 0.9 if file == content else 0.896
    )
    kept, stored = choose_weights(content, exported, **chosen)
    assert kept == content
    assert (stored.format, stored.accuracy, stored.accuracy_full) == ("float32", 0.896, 0.9)
    monkeypatch.setattr(
        export, "measure_accuracy", lambda file, *_: 0.9 if file == content else 0.898
    )
    assert choose_weights(content, exported, **chosen)[0] == convert_to_fp16(content)


def test_halved_weights_of_another_network_are_refused(content: bytes, trained: Path) -> None:
    other = make_model(tiny_recipe())
    with torch.no_grad():
        other.network.head.weight.mul_(100)
    with pytest.raises(TrainingError, match="differs from the trained network"):
        choose_weights(
            content,
            other,
            pixels=PIXELS,
            validation=make_split(30, classes=3, seed=5),
        )
