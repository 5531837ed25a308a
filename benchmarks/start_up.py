"""Measures the start-up of whole commands: wall time and peak memory.

Without Keras beside it: ``python -m benchmarks.start_up``.
"""

import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.keras_peer import KerasPeer
from benchmarks.measuring import hangtag_command

KERAS_COMMAND = """
import sys, os
os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
import keras, numpy
from PIL import Image
model = keras.models.load_model(sys.argv[1])
pixels = numpy.asarray(Image.open(sys.argv[2]).convert("L"), dtype="float32") / 255
print(model.predict(pixels[None, :, :, None], verbose=0).argmax())
"""

LAUNCHER = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - started, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Linux counts the memory of the process that starts a command as the command's, so this small
one does."""


GOALS = {"hangtag --help": 0.3, "hangtag predict, one image": 0.8}
"""Seconds that a whole process may take on an idle machine."""


def measure_start_up(image: Path, *, rounds: int) -> dict[str, tuple[float, float]]:
    """Returns seconds and peak MiB, medians, of the commands of `GOALS`."""
    help, predict = GOALS
    commands = {help: hangtag_command("--help"), predict: hangtag_command("predict", image, "-q")}
    return measure_commands(commands, rounds=rounds)


def measure_beside_keras(
    image: Path, keras: KerasPeer, folder: Path, *, rounds: int
) -> dict[str, tuple[float, float]]:
    """Returns seconds and peak MiB, medians, of predicting `image` by Hangtag and by Keras."""
    model = folder / "seed.keras"
    keras.ask("save", path=str(model))
    commands = {
        "Hangtag": hangtag_command("predict", image, "-q"),
        "Keras": [sys.executable, "-c", KERAS_COMMAND, str(model), str(image)],
    }
    return measure_commands(commands, rounds=rounds)


def measure_commands(
    commands: dict[str, list[str]], *, rounds: int
) -> dict[str, tuple[float, float]]:
    """Runs commands in turns, after one run to warm up; returns seconds and peak MiB, medians."""
    runs = [
        {name: run_command(command) for name, command in commands.items()}
        for _ in range(rounds + 1)
    ][1:]
    return {
        name: (
            statistics.median(run[name][0] for run in runs),
            statistics.median(run[name][1] for run in runs),
        )
        for name in commands
    }


def run_command(command: list[str]) -> tuple[float, float]:
    """Runs a command; returns its wall time in seconds and its peak memory in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command[:4])} failed: {done.stderr.strip()}")
    seconds, kibibytes = done.stdout.splitlines()[-1].split()
    return float(seconds), float(kibibytes) / 1024


def main() -> None:
    """Measures the commands of `GOALS` and prints them beside the goals."""
    image = Path(__file__).parent.parent / "docs" / "examples" / "4-coat.png"
    for name, (seconds, mebibytes) in measure_start_up(image, rounds=9).items():
        print(f"{name}: {seconds:.2f} s (goal {GOALS[name]} s), {mebibytes:.0f} MiB at most")


if __name__ == "__main__":
    main()
