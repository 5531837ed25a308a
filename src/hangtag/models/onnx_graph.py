"""What an ONNX file may hold, checked before ONNX Runtime opens it.

A model is data: it must not read other files and must end. So its weights are inside the file, and
its graph is a bounded list of operators without loops, branches or functions of its own (functions
that call functions double the work at every level).

The base install has no package ``onnx``. A file is a protocol buffer, whose parts are found here by
the numbers of ``onnx.proto``: https://protobuf.dev/programming-guides/encoding,
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from collections.abc import Iterator

MAX_NODES = 20_000
"""Operators in a graph; the largest shipped model has 193."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10
_LONGEST_NAME = 40
_LARGEST_TAG = 2**32 - 1

_MODEL_GRAPH, _MODEL_FUNCTION = 7, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_SPARSE_TENSOR = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS = {5, 10}
_ATTRIBUTE_SPARSE_TENSORS = {22, 23}
_ATTRIBUTE_GRAPHS = {6, 11}
_SPARSE_TENSOR_PARTS = {1, 2}
_TENSOR_EXTERNAL_DATA, _TENSOR_LOCATION = 13, 14

_DOMAINS = {b"", b"ai.onnx"}
"""Whose operators may be used: those of the ONNX standard."""

_REFUSED = {b"ConstantOfShape", b"RandomNormal", b"RandomUniform"}
"""Operators that fill memory of whatever size a number in the file says."""

Field = tuple[int, int | memoryview]
"""Number and value of a field; of a fixed-size number its bytes."""


def check_graph(onnx: bytes) -> None:
    """Checks that an ONNX file needs no other file and that its graph ends.

    Raises:
        ValueError: It is no ONNX file, keeps weights outside, holds a loop, a branch or a function,
            or has too many operators.
    """
    nodes = 0
    for number, value in _read_fields(memoryview(onnx)):
        if number == _MODEL_FUNCTION:
            raise ValueError("its graph holds functions")
        if number == _MODEL_GRAPH:
            nodes += _check_model_graph(_bytes(value))
    if not nodes:
        raise ValueError("it holds no graph")
    if nodes > MAX_NODES:
        raise ValueError(f"its graph has {nodes:,} operators, at most {MAX_NODES:,} are run")


def _check_model_graph(graph: memoryview) -> int:
    """Checks a GraphProto; returns the number of its operators."""
    nodes = 0
    for number, value in _read_fields(graph):
        if number == _GRAPH_NODE:
            _check_node(_bytes(value))
            nodes += 1
        elif number == _GRAPH_TENSOR:
            _check_tensor(_bytes(value))
        elif number == _GRAPH_SPARSE_TENSOR:
            _check_sparse_tensor(_bytes(value))
    return nodes


def _check_node(node: memoryview) -> None:
    operator = domain = b""
    holds_graph = False
    for number, value in _read_fields(node):
        if number == _NODE_OPERATOR:
            operator = bytes(_bytes(value)[:_LONGEST_NAME])
        elif number == _NODE_DOMAIN:
            domain = bytes(_bytes(value)[:_LONGEST_NAME])
        elif number == _NODE_ATTRIBUTE:
            holds_graph = _check_attribute(_bytes(value)) or holds_graph
    name = operator.decode("ascii", "replace")
    if holds_graph:
        raise ValueError(f"its graph holds the operator {name!r} with a graph of its own")
    if operator in _REFUSED or domain not in _DOMAINS:
        raise ValueError(f"its graph holds the operator {name!r}, which is not run")


def _check_attribute(attribute: memoryview) -> bool:
    """Checks the tensors of an AttributeProto; returns whether it holds a graph."""
    holds_graph = False
    for number, value in _read_fields(attribute):
        if number in _ATTRIBUTE_TENSORS:
            _check_tensor(_bytes(value))
        elif number in _ATTRIBUTE_SPARSE_TENSORS:
            _check_sparse_tensor(_bytes(value))
        holds_graph = holds_graph or number in _ATTRIBUTE_GRAPHS
    return holds_graph


def _check_sparse_tensor(tensor: memoryview) -> None:
    for number, value in _read_fields(tensor):
        if number in _SPARSE_TENSOR_PARTS:
            _check_tensor(_bytes(value))


def _check_tensor(tensor: memoryview) -> None:
    for number, value in _read_fields(tensor):
        if number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_LOCATION and value != 0):
            raise ValueError("it keeps weights in another file")


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("it is no ONNX file")
    return value


def _read_fields(message: memoryview) -> Iterator[Field]:
    """Yields the fields of a protocol buffer.

    Raises:
        ValueError: It is none.
    """
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        if tag > _LARGEST_TAG:
            raise ValueError("it is no ONNX file")
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, position = _read_varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = _read_varint(message, position)
        elif kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        else:
            raise ValueError("it is no ONNX file")
        if size > len(message) - position:
            raise ValueError("it is cut off")
        yield number, message[position : position + size]
        position += size


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Returns the number that starts at `position`, and the position behind it."""
    value = 0
    for place, byte in enumerate(message[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, position + place + 1
    raise ValueError("it is cut off")
