"""Every command, as people and scripts call it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from hangtag.cli import main
from hangtag.datasets import Dataset, ExportFormat, export_dataset
from hangtag.environment import EXTRAS
from tests.tiny import Run

COMMANDS = (
    *("predict", "evaluate", "train", "explore", "models", "export", "recipes", "summary"),
    "doctor",
)
GROUPED = ("data fetch", "data export", "taxonomy show", "taxonomy search", "taxonomy map")


@pytest.fixture
def data(shapes: Dataset, tmp_path: Path) -> Path:
    """The shapes as class folders."""
    export_dataset(shapes, tmp_path / "data", format=ExportFormat.folders)
    return tmp_path / "data"


@pytest.mark.parametrize("command", [*COMMANDS, *GROUPED])
def test_every_command_has_help_and_the_common_options(hangtag: Run, command: str) -> None:
    outcome = hangtag(*command.split(), "-h")
    assert outcome.code == 0
    for option in ("--json", "--quiet", "--help"):
        assert option in outcome.out


def test_no_command_is_left_out_of_these_tests() -> None:
    names = {entry.name for entry in main.COMMANDS if entry.source.split(":")[1] != "app"}
    assert names == set(COMMANDS)


def test_every_listed_command_can_be_imported() -> None:
    for entry in main.COMMANDS:
        assert entry.load().help
        assert entry.help.endswith(".")


@pytest.mark.parametrize(
    ("arguments", "suggested"),
    [
        (["predicct"], "Did you mean 'predict'?"),
        (["data", "fetsh"], "Did you mean 'fetch'?"),
        (["predict", "x.png", "--presicion", "0.9"], "--precision"),
        (["recipes", "expres"], "did you mean 'express'"),
        (["explore", "fashion-mist"], "fashion-mnist"),
        (["predict", "docs", "--model", "fashion-mist"], "did you mean 'fashion-mnist'?"),
    ],
)
def test_misspelt_names_are_answered_with_the_nearest(
    hangtag: Run, arguments: list[str], suggested: str
) -> None:
    outcome = hangtag(*arguments)
    assert outcome.code == 2
    assert suggested in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "--json"],
        ["predict", "x.png", "--model", "nowhere", "--json"],
        ["nonsense", "--json"],
        ["recipes", "nonsense", "--json"],
        ["taxonomy", "show", "nonsense", "--json"],
    ],
)
def test_errors_are_json_where_json_is_wanted(hangtag: Run, arguments: list[str]) -> None:
    outcome = hangtag(*arguments)
    found = json.loads(outcome.out)
    assert outcome.code == found.pop("code") == 2
    assert outcome.err == f"error: {found['error']}\n"
    assert hangtag(*[word for word in arguments if word != "--json"]).out == ""


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from hangtag.cli.main import main; sys.argv = ['hangtag', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*(m for m in sys.modules if m.startswith('hangtag.')), 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *modules, numpy = done.stdout.splitlines()[-1].split()
    assert set(modules) <= {
        f"hangtag.{name}"
        for name in (
            "cli",
            "cli.main",
            "cli.console",
            "cli.streams",
            "errors",
            "progress",
            "version",
        )
    }
    assert numpy == "False"


def test_completion_lists_commands_and_options() -> None:
    for words, found in (("hangtag pre", "predict"), ("hangtag predict --preci", "--precision")):
        environment = {
            "_HANGTAG_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        done = subprocess.run(
            [sys.executable, "-m", "hangtag"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )
        assert found in done.stdout.split()


def test_version_and_mistyped_command(hangtag: Run) -> None:
    assert hangtag("--version").out.startswith("hangtag ")
    outcome = hangtag("predicct")
    assert outcome.code == 2
    assert "predict" in outcome.err


def test_doctor(hangtag: Run) -> None:
    found = json.loads(hangtag("doctor", "--json").out)
    assert found["memory"] > 0
    assert set(found["extras"]) == set(EXTRAS)
    assert found["extras"]["train"]
    assert {"python", "hangtag", "numpy", "onnxruntime"} <= set(found["versions"])
    assert "cores" in hangtag("doctor").out


def test_recipes(hangtag: Run, tmp_path: Path) -> None:
    listed = json.loads(hangtag("recipes", "--json").out)["recipes"]
    assert {"seed", "express"} <= {recipe["name"] for recipe in listed}
    text = hangtag("recipes", "express").out
    assert yaml.safe_load(text)["name"] == "express"
    own = tmp_path / "own.yaml"
    own.write_text(text.replace("name: express", "name: own"))
    assert json.loads(hangtag("recipes", own, "--json").out)["name"] == "own"


def test_summary_of_the_seed(hangtag: Run) -> None:
    table = json.loads(hangtag("summary", "seed", "--json").out)
    assert (table["total"], table["trainable"], table["non_trainable"]) == (3477578, 3475722, 1856)
    assert sum(layer["parameters"] for layer in table["layers"]) == 3477578
    assert "3,211,776" in hangtag("summary", "seed").out


def test_summary_of_a_model_is_that_of_its_recipe(hangtag: Run, trained: Path) -> None:
    of_model = json.loads(hangtag("summary", trained, "--json").out)
    of_recipe = json.loads(hangtag("summary", trained / "recipe.yaml", "--json").out)
    assert of_model["layers"][:-1] == of_recipe["layers"][:-1]


def test_models(hangtag: Run, trained: Path) -> None:
    listed = json.loads(hangtag("models", trained.parent, "--json").out)["models"]
    local = [entry for entry in listed if entry["model"] == str(trained)]
    assert local[0]["metrics"]["test"]["n"] == 60
    assert "validation" not in hangtag("models", trained.parent).out


def test_a_broken_model_is_listed_and_the_others_too(
    hangtag: Run, trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained, tmp_path / "good")
    shutil.copytree(trained, tmp_path / "bad")
    (tmp_path / "bad" / "model" / "README.md").write_text("changed")
    outcome = hangtag("models", tmp_path, "--json")
    assert outcome.code == 1
    listed = json.loads(outcome.out)
    assert str(tmp_path / "good") in [entry["model"] for entry in listed["models"]]
    assert list(listed["broken"]) == [str(tmp_path / "bad")]
    assert "README.md was changed" in hangtag("models", tmp_path).err
    assert hangtag("models", tmp_path / "gone").code == 2


def test_a_refused_training_uses_up_no_number(
    hangtag: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hangtag("train", data, "--seed", 2**70).code == 2
    assert not (tmp_path / "runs").exists()


def test_a_refused_exploration_uses_up_no_number(
    hangtag: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hangtag("explore", "gone").code == 2
    assert list(tmp_path.glob("runs/*")) == []


TRAIN_FAST = ("--set", "network.widths=[8, 8]", "--epochs", 1, "--set", "batch_size=64")


def test_profile_and_warnings_of_small_data_are_told(
    hangtag: Run, data: Path, tmp_path: Path
) -> None:
    outcome = hangtag("train", data, *TRAIN_FAST, "--profile", "--out", tmp_path / "my run")
    for part in ("data", "augmentation", "forward", "backward", "optimiser"):
        assert part in outcome.out
    assert "too few validation images to accept single classes at 98 %" in outcome.err
    assert "4 steps in all are few for a network from scratch" in outcome.err


def test_a_test_split_alone_can_be_explored(hangtag: Run, data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / "train")
    outcome = hangtag("explore", data, "--out", tmp_path / "out", "--augment", "seed")
    assert outcome.code == 0, outcome.err


def test_output_that_cannot_be_written_is_one_line() -> None:
    command = [sys.executable, "-m", "hangtag", "recipes", "--json"]
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert finished.returncode == 2
    message = "error: cannot write to standard output: No space left on device; check where"
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        *("audit feed.csv --out=", "train feed.csv --out=", "explore feed.csv --out="),
        *("evaluate fashion-mnist feed.csv --out=",),
    ],
)
def test_the_name_of_an_unset_variable_is_no_folder(hangtag: Run, arguments: str) -> None:
    outcome = hangtag(*arguments.split())
    assert outcome.code == 2
    assert "write . for the current folder" in outcome.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.02, 0.1, 0.3])
def test_a_signal_while_starting_exits_with_130(after: float, number: signal.Signals) -> None:
    code = (
        "import sys, hangtag.__main__ as entry\n"
        "sys.argv = ['hangtag', 'predict', '-']\n"
        "print('starting', flush=True)\n"
        "entry.main()\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        time.sleep(after)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode == 130


@pytest.mark.parametrize("arguments", ["recipes", "doctor --json", "--help", "--version"])
def test_a_closed_stdout_is_no_traceback(arguments: str) -> None:
    finished = run_shell(f"{sys.executable} -m hangtag {arguments} >&-")
    assert "Traceback" not in finished.stderr


def test_a_closed_stdin_is_one_clear_line() -> None:
    finished = run_shell(f"{sys.executable} -m hangtag predict - <&-")
    assert finished.returncode == 2
    assert "standard input, which is closed" in finished.stderr


def run_shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, timeout=60
    )


def test_evaluate(hangtag: Run, trained: Path, data: Path, tmp_path: Path) -> None:
    figures = json.loads(hangtag("evaluate", trained, data, "--json").out)
    expected = json.loads((trained / "metrics.json").read_text())["test"]
    assert figures["split"] == "test"
    assert figures["confusion_matrix"] == expected["confusion_matrix"]
    assert figures["loss"] == pytest.approx(expected["loss"], abs=1e-6)
    assert set(figures["automation"]) == {"0.9", "0.95", "0.98", "0.99", "0.995"}
    outcome = hangtag("evaluate", trained, data, "--split", "train", "--out", tmp_path / "out")
    assert outcome.out.splitlines()[-1] == str(tmp_path / "out" / "report.html")
    assert "Worst confusions" in outcome.out


def test_predict(hangtag: Run, trained: Path, data: Path, tmp_path: Path) -> None:
    outcome = hangtag("predict", data / "test", "--model", trained, "--out", tmp_path / "o.csv")
    assert outcome.code == 0
    assert outcome.out.strip() == str(tmp_path / "o.csv")
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 61
    outcome = hangtag("predict", data / "test", "--model", trained)
    assert outcome.out == (tmp_path / "o.csv").read_text()
    assert "60 inputs" in outcome.err


def test_quiet_says_nothing(hangtag: Run, trained: Path, data: Path) -> None:
    assert hangtag("predict", data / "test", "--model", trained, "-q").err == ""


def test_train_numbers_its_folders_and_answers_with_json(
    hangtag: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = hangtag("train", data, *TRAIN_FAST, "--profile", "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    assert result["run"] == "runs/train-1"
    assert result["metrics"]["test"]["n"] == 60
    assert "Epoch 1/1  4/4 - " in outcome.err
    assert Path(result["report"]).exists()
    seconds = result["profile"]
    assert seconds.keys() == {"data", "augmentation", "forward", "backward", "optimiser"}
    assert all(part > 0 for part in seconds.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "DATA", "--recipe", "sed"], "did you mean 'seed'"),
        (["train", "DATA", "--set", "epoch=3"], "unknown field 'epoch'"),
        (["train", "DATA", "--set", "epochs=none"], "field 'epochs'"),
        (["train", "DATA", "--set", "optimiser.learning_rate=-1"], "optimiser.learning_rate"),
        (["train", "DATA", "--set", "augment.9.p=1"], "expected a position below"),
        (["train", "DATA", "--set", "epochs"], "expected field=value"),
        (["train", "DATA", "--device", "cuda", "--out", "OUT"], "no CUDA GPU"),
        (["train", "DATA", "--device", "tpu", "--out", "OUT"], "expected one of auto, cpu, cuda"),
        (["train", "DATA", "--resume", "--out", "OUT"], "no run to resume"),
        (["train", "DATA", "--resume"], "--resume needs --out"),
        (["train", "GONE"], "GONE"),
        (["evaluate", "GONE", "DATA"], "no model"),
        (["evaluate", "MODEL", "GONE"], "GONE"),
        (["evaluate", "MODEL", "DATA", "--split", "dev"], "no split 'dev'"),
        (["predict", "GONE.png", "--model", "MODEL"], "no file or folder"),
        (["predict", "DATA", "--model", "MODEL", "--out", "out.txt"], "ending in .csv"),
        (["predict", "DATA", "--model", "MODEL", "--out", "MODEL/recipe.yaml/x.csv"], "cannot"),
        (["summary", "GONE"], "no recipe is called"),
        (["recipes", "GONE.yaml"], "cannot read the recipe"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_clear_line(
    hangtag: Run, trained: Path, data: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    if torch_has_a_gpu() and "cuda" in arguments:
        pytest.skip("there is a CUDA GPU here")
    places = {"DATA": str(data), "MODEL": str(trained), "OUT": str(tmp_path / "out")}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    outcome = hangtag(*arguments)
    assert outcome.code == 2, outcome.err
    assert message in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err


def torch_has_a_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def test_labels_the_model_does_not_know_are_named(hangtag: Run, trained: Path, data: Path) -> None:
    shutil.move(data / "test" / "square", data / "test" / "round")
    outcome = hangtag("evaluate", trained, data)
    assert outcome.code == 2
    assert "does not know: round" in outcome.err


def test_a_class_called_like_markup_is_printed_as_it_is(
    hangtag: Run, data: Path, tmp_path: Path
) -> None:
    for split in ("train", "test"):
        shutil.move(data / split / "square", data / split / "[%2Fb]")
    outcome = hangtag("explore", data, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "[/b]" in outcome.out


def test_npy_input(hangtag: Run, trained: Path, shapes: Dataset, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", shapes.splits["test"].images[:5])
    rows = json.loads(hangtag("predict", tmp_path / "x.npy", "--model", trained, "--json").out)
    assert [row["input"] for row in rows["rows"]] == [f"{tmp_path}/x.npy[{i}]" for i in range(5)]
