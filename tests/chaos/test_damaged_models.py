"""1,600 damaged model folders: refused in one line, or they work; never believed, never a crash."""

import copy
import csv
import json
import math
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.chaos.marks import mark
from tests.chaos.signing import CARD, read_fields, sign
from tests.contract import TooSlow, find_breaches, run_alone, time_limit
from tests.readers.mutations import mutate
from tests.tiny import Run, make_split

GRAPH = "model.onnx"
FILES = (GRAPH, "weights.safetensors", "golden.npz", CARD, "README.md")
OTHER_VALUES: tuple[Any, ...] = (
    *(-1, 10**30, "", "x" * 10_000, None, [], {}, True),
    *([[1], [1, 2]], "\x1b[31m"),
)
NOT_NUMBERS = (math.nan, math.inf, -math.inf)


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    """A copy of a trained model to damage."""
    return Path(shutil.copytree(trained / "model", tmp_path / "model"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Eight images to predict."""
    path = tmp_path / "images.npy"
    np.save(path, make_split(8, classes=3, seed=3).images)
    return path


def find_wrongs(hangtag: Run, model: Path, images: Path, *, refused: bool) -> list[str]:
    """Predicts with a damaged model; lists what is wrong with what came of it."""
    out = images.with_name("rows.csv")
    out.unlink(missing_ok=True)
    options = ("--out", out, "--workers", 0, "--quiet")
    try:
        with time_limit(30):
            outcome = hangtag("predict", images, "--model", model, *options)
    except (Exception, TooSlow) as error:
        return [f"{type(error).__name__}: {error}"]
    wrongs = find_breaches(outcome)
    if outcome.code == 2:
        return wrongs
    if refused:
        return [*wrongs, "was believed"]
    with out.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    confident = all(0 <= float(row["confidence"]) <= 1 for row in rows)
    return wrongs if len(rows) == 8 and confident else [*wrongs, "rows that mean nothing"]


def find_leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path to every value of a card that holds no others."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in inner:
        if isinstance(part, dict | list) and part:
            yield from find_leaves(part, (*path, key))
        else:
            yield (*path, key)


def find_holder(fields: dict[str, Any], path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        fields = fields[key]
    return fields


def test_a_folder_that_is_signed_anew_unchanged_works(
    hangtag: Run, model: Path, images: Path
) -> None:
    sign(model, read_fields(model))
    assert not find_wrongs(hangtag, model, images, refused=False)
    assert hangtag("predict", images, "--model", model).code == 0


@pytest.mark.parametrize("count", [mark("20 changed", 20, size="fast"), mark("900 changed", 900)])
def test_changed_bytes_are_refused(hangtag: Run, model: Path, images: Path, count: int) -> None:
    random = np.random.default_rng(18)
    wrongs = []
    for number in range(count):
        path = model / FILES[number % len(FILES)]
        whole = path.read_bytes()
        changed = mutate(whole, random)
        if number % 2:
            bits = bytearray(whole)
            bits[random.integers(len(bits))] ^= 1 << int(random.integers(8))
            changed = bytes(bits)
        path.write_bytes(changed)
        if changed != whole:
            found = find_wrongs(hangtag, model, images, refused=True)
            wrongs += [f"{number} {path.name}: {wrong}" for wrong in found]
        path.write_bytes(whole)
    assert not wrongs


Change = Callable[[Any, Any, np.random.Generator], None]


def put_not_a_number(holder: Any, key: Any, random: np.random.Generator) -> None:
    holder[key] = NOT_NUMBERS[random.integers(len(NOT_NUMBERS))]


def put_another_value(holder: Any, key: Any, random: np.random.Generator) -> None:
    holder[key] = OTHER_VALUES[random.integers(len(OTHER_VALUES))]


def take_out(holder: Any, key: Any, random: np.random.Generator) -> None:
    del holder[key]


CHANGES: dict[str, Change] = {
    "not a number": put_not_a_number,
    "another value": put_another_value,
    "left out": take_out,
}


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *(mark(f"12 signed: {name}", name, 12, size="fast") for name in CHANGES),
        *(mark(f"200 signed: {name}", name, 200) for name in CHANGES),
    ],
)
def test_a_signed_card_is_refused_or_works(
    hangtag: Run, model: Path, images: Path, name: str, count: int
) -> None:
    random = np.random.default_rng(18)
    whole = read_fields(model)
    leaves = list(find_leaves(whole))
    numbers = [
        path
        for path in leaves
        if isinstance(find_holder(whole, path)[path[-1]], int | float) and path[0] != "files"
    ]  # of the files, signing writes the sizes and hashes
    wrongs = []
    for _ in range(count):
        fields = copy.deepcopy(whole)
        among = numbers if name == "not a number" else leaves
        path = among[random.integers(len(among))]
        CHANGES[name](find_holder(fields, path), path[-1], random)
        try:
            sign(model, fields)
        except (KeyError, TypeError, OSError, ValueError, AttributeError):
            continue  # What signs it cannot make sense of it either.
        refused = name == "not a number"
        found = find_wrongs(hangtag, model, images, refused=refused)
        wrongs += [f"{'.'.join(map(str, path))}: {wrong}" for wrong in found]
    assert not wrongs


@pytest.mark.parametrize("count", [mark("2 signed graphs", 2), mark("100 signed graphs", 100)])
def test_a_signed_graph_with_changed_bytes_is_refused_or_works(
    model: Path, images: Path, tmp_path: Path, count: int
) -> None:
    random = np.random.default_rng(18)
    whole = (model / GRAPH).read_bytes()
    wrongs = []
    for number in range(count):
        (model / GRAPH).write_bytes(mutate(whole, random))
        sign(model, read_fields(model))
        finished = run_alone("predict", images, "--model", model, seconds=60, logs=tmp_path)
        wrongs += [f"{number}: {wrong}" for wrong in finished.find_breaches()]
    assert not wrongs


def keep_weights_outside(model: Path, location: str = "") -> None:
    """Moves a weight of the graph into a file outside of the folder, named by its whole path."""
    graph = onnx.load(str(model / GRAPH))
    tensor = max(graph.graph.initializer, key=lambda one: len(one.raw_data))
    (model.parent / "outside.bin").write_bytes(tensor.raw_data)
    length = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    where = location or str(model.parent / "outside.bin")
    places = {"location": where, "offset": "0", "length": str(length)}
    for key, value in places.items():
        tensor.external_data.add(key=key, value=value)
    (model / GRAPH).write_bytes(graph.SerializeToString())


def keep_weights_above(model: Path) -> None:
    keep_weights_outside(model, "../outside.bin")


def keep_weights_in_the_current_folder(model: Path) -> None:
    keep_weights_outside(model, "outside.bin")


def keep_weights_beside_the_graph(model: Path) -> None:
    """Moves a weight into a file of the folder that the card does not name."""
    keep_weights_outside(model, "outside.bin")
    (model.parent / "outside.bin").rename(model / "outside.bin")


def loop_for_ever(model: Path) -> None:
    """Passes the images through a loop of 2^62 rounds."""
    graph = onnx.load(str(model / GRAPH))
    given = graph.graph.input[0].name
    flag = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["again"], ["again_out"]),
            helper.make_node("Identity", ["carried"], ["carried_out"]),
        ],
        "body",
        [
            flag("round", TensorProto.INT64, []),
            flag("again", TensorProto.BOOL, []),
            flag("carried", TensorProto.UINT8, None),
        ],
        [flag("again_out", TensorProto.BOOL, []), flag("carried_out", TensorProto.UINT8, None)],
    )
    graph.graph.initializer.extend(
        [
            helper.make_tensor("rounds", TensorProto.INT64, [], [2**62]),
            helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
        ]
    )
    for node in graph.graph.node:
        for position, name in enumerate(node.input):
            if name == given:
                node.input[position] = "looped"
    loop = helper.make_node("Loop", ["rounds", "yes", given], ["looped"], body=body)
    graph.graph.node.insert(0, loop)
    (model / GRAPH).write_bytes(graph.SerializeToString())


def ask_for_memory(model: Path) -> None:
    """Makes a constant of 2^40 numbers inside the graph."""
    graph = onnx.load(str(model / GRAPH))
    given = graph.graph.output[0].name
    for node in graph.graph.node:
        for position, name in enumerate(node.output):
            if name == given:
                node.output[position] = "before"
    graph.graph.initializer.append(helper.make_tensor("shape", TensorProto.INT64, [1], [2**40]))
    graph.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
            helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
            helper.make_node("Add", ["before", "sum"], [given]),
        ]
    )
    (model / GRAPH).write_bytes(graph.SerializeToString())


def add_a_node(kind: str, domain: str) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        graph = onnx.load(str(model / GRAPH))
        given = graph.graph.input[0].name
        graph.graph.node.append(helper.make_node(kind, [given], ["unused"], domain=domain))
        (model / GRAPH).write_bytes(graph.SerializeToString())

    return change


GRAPHS: dict[str, Callable[[Path], None]] = {
    "weights outside the folder": keep_weights_outside,
    "weights above the folder": keep_weights_above,
    "weights in the current folder": keep_weights_in_the_current_folder,
    "weights in another file": keep_weights_beside_the_graph,
    "a loop without end": loop_for_ever,
    "a constant of 4 TB": ask_for_memory,
    "an unknown operator": add_a_node("Anything", "com.example"),
}


@pytest.mark.parametrize("change", [mark(f"signed: {name}", GRAPHS[name]) for name in GRAPHS])
def test_a_signed_graph_that_does_more_is_refused(
    model: Path, images: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    change(model)
    sign(model, read_fields(model))
    finished = run_alone(
        "predict", images, "--model", model, seconds=60, folder=tmp_path, logs=tmp_path
    )
    assert not finished.find_breaches(), finished.outcome.err[-600:]
    assert finished.outcome.code == 2, "was believed"
    assert "ONNXRuntimeError" not in finished.outcome.err, "only this version of it refuses"


def put_link(path: Path) -> None:
    kept = path.parent.parent / f"kept-{path.name}"
    path.rename(kept)
    path.symlink_to(kept)


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def put_endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def put_socket(path: Path) -> None:
    path.unlink()
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(before)


def put_hole(path: Path) -> None:
    """Makes a file that says it has 64 GB, and has nothing."""
    with path.open("r+b") as stream:
        stream.truncate(64 << 30)


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a link": put_link,
    "a pipe": put_pipe,
    "/dev/zero": put_endless,
    "a folder": put_folder,
    "a socket": put_socket,
    "64 GB of nothing": put_hole,
}


@pytest.mark.parametrize(
    ("put", "name"),
    [mark(f"{name} is {kind}", put, name) for kind, put in SPECIAL.items() for name in FILES],
)
def test_a_file_that_is_none_is_refused(
    model: Path, images: Path, tmp_path: Path, put: Callable[[Path], None], name: str
) -> None:
    put(model / name)
    finished = run_alone("predict", images, "--model", model, seconds=30, logs=tmp_path)
    assert not finished.find_breaches(), finished.outcome.err[-600:]
    assert finished.outcome.code == 2, "was believed"


DAMAGED_CARDS = {
    "an array": "[]",
    "deep": "[" * 100_000,
    "not a number": '{"format_version": NaN}',
    "empty": "",
    "binary": "\x00\x1b[31m",
}


@pytest.mark.parametrize(
    "content", [mark(f"card: {name}", text, size="fast") for name, text in DAMAGED_CARDS.items()]
)
def test_one_damaged_card_does_not_hide_the_other_models(
    hangtag: Run, model: Path, content: str
) -> None:
    shutil.copytree(model, model.parent / "damaged")
    (model.parent / "damaged" / CARD).write_text(content)
    outcome = hangtag("models", model.parent, "--json")
    assert not find_breaches(outcome)
    assert outcome.code == 1
    assert str(model.name) in outcome.out
    assert "damaged" in outcome.out
    json.loads(outcome.out)
