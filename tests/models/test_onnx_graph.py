"""A graph that reads other files or need not end is refused before ONNX Runtime opens it."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hangtag.errors import ModelError
from hangtag.images.spec import ImageSpec
from hangtag.models.folder import shipped_models
from hangtag.models.onnx_graph import MAX_NODES, check_graph
from hangtag.models.runtime import OnnxModel

SPEC = ImageSpec(2, 2, 1)

Change = Callable[[onnx.ModelProto], None]


def make_graph() -> onnx.ModelProto:
    """A model of 2x2 pixels whose outputs are their flattened numbers."""
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", 2, 2, 1])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4])
        for name in ("logits", "embedding", "ood_score")
    ]
    weight = numpy_helper.from_array(np.ones(4, np.float32), "weight")
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["numbers"], ["flat"]),
        *(helper.make_node("Mul", ["flat", "weight"], [output.name]) for output in outputs),
    ]
    graph = helper.make_graph(nodes, "graph", [pixels], outputs, [weight])
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def make_outside(tensor: TensorProto) -> None:
    """Says that the numbers of a tensor are in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def keep_weights_outside(model: onnx.ModelProto) -> None:
    make_outside(model.graph.initializer[0])


def keep_a_constant_outside(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.ones(4, np.float32), "constant")
    make_outside(tensor)
    model.graph.node.append(helper.make_node("Constant", [], ["constant"], value=tensor))


def keep_a_sparse_weight_outside(model: onnx.ModelProto) -> None:
    sparse = model.graph.sparse_initializer.add(dims=[4])
    make_outside(sparse.values)


def branch(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    node = helper.make_node("If", ["condition"], [], then_branch=body, else_branch=body)
    model.graph.node.append(node)


def use_another_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Own", ["flat"], ["own"], domain="com.example"))


def fill_memory(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("ConstantOfShape", ["size"], ["huge"]))


def call_a_function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function("own", "f", ["x"], ["x"], [], [helper.make_opsetid("", 18)])
    )


def repeat(model: onnx.ModelProto) -> None:
    nodes = (helper.make_node("Identity", ["flat"], [f"copy{n}"]) for n in range(MAX_NODES))
    model.graph.node.extend(nodes)


def empty(model: onnx.ModelProto) -> None:
    model.ClearField("graph")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (keep_weights_outside, "keeps weights in another file"),
        (keep_a_constant_outside, "keeps weights in another file"),
        (keep_a_sparse_weight_outside, "keeps weights in another file"),
        (branch, "the operator 'If' with a graph of its own"),
        (use_another_operator, "the operator 'Own', which is not run"),
        (fill_memory, "the operator 'ConstantOfShape', which is not run"),
        (call_a_function, "holds functions"),
        (repeat, "has 20,005 operators, at most 20,000"),
        (empty, "holds no graph"),
    ],
)
def test_a_graph_that_does_more_is_refused(change: Change, reason: str) -> None:
    model = make_graph()
    change(model)
    with pytest.raises(ModelError, match=rf"model\.onnx is refused: .*{reason}"):
        OnnxModel(model.SerializeToString(), SPEC, where="model.onnx")


def test_a_second_graph_is_checked_too() -> None:
    """Readers of protocol buffers merge repeated fields."""
    changed = make_graph()
    keep_weights_outside(changed)
    content = changed.SerializeToString() + make_graph().SerializeToString()
    with pytest.raises(ValueError, match="another file"):
        check_graph(content)


@pytest.mark.parametrize("keep", [1, 10, 100, -1])
def test_a_file_that_is_cut_off_is_refused(keep: int) -> None:
    with pytest.raises(ValueError, match=r"it is cut off|holds no graph"):
        check_graph(make_graph().SerializeToString()[:keep])


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(100), b"\xff" * 100, b"\x3a\x01"])
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"it is cut off|holds no graph|is no ONNX file"):
        check_graph(content)


@pytest.mark.parametrize("folder", shipped_models().values(), ids=lambda folder: folder.name)
def test_the_shipped_models_are_accepted(folder: Path) -> None:
    check_graph((folder / "model.onnx").read_bytes())


def test_a_graph_runs() -> None:
    model = OnnxModel(make_graph().SerializeToString(), SPEC, where="model.onnx")
    images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1)
    np.testing.assert_array_equal(model.run(images).logits, images.reshape(2, 4))


def test_a_graph_that_takes_too_long_is_ended() -> None:
    model = make_graph()
    names = ["wide", *(f"sine{number}" for number in range(200))]
    size = numpy_helper.from_array(np.array([1_000_000]), "size")
    nodes = [
        *model.graph.node[:2],
        helper.make_node("ReduceSum", ["flat"], ["sum"], keepdims=0),
        helper.make_node("Expand", ["sum", "size"], ["wide"]),
        *(helper.make_node("Sin", [a], [b]) for a, b in itertools.pairwise(names)),
        helper.make_node("ReduceSum", [names[-1]], ["long"], keepdims=0),
        *model.graph.node[2:],
    ]
    nodes[-1].input[1] = "long"
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.append(size)
    opened = OnnxModel(model.SerializeToString(), SPEC, where="model.onnx")
    with pytest.raises(ModelError, match=r"model\.onnx needs over 0\.01 s for 1 images"):
        opened.run_within(np.ones((1, 2, 2, 1), np.uint8), seconds=0.01)


def test_outputs_that_are_not_one_per_image_are_refused() -> None:
    model = make_graph()
    model.graph.node[-1].CopyFrom(helper.make_node("Shape", ["flat"], ["shape"]))
    model.graph.node.append(helper.make_node("Cast", ["shape"], ["ood_score"], to=1))
    opened = OnnxModel(model.SerializeToString(), SPEC, where="model.onnx")
    with pytest.raises(ModelError, match="does not give an output per image"):
        opened.run(np.zeros((3, 2, 2, 1), np.uint8))
