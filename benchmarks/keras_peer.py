"""Controls the Keras process from Hangtag's side."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parent.parent


class KerasPeer:
    """Keras on TensorFlow in another process, which waits without computing between questions.

    What the process complains of goes to the file `log`.
    """

    def __init__(self, log: Path) -> None:
        if importlib.util.find_spec("tensorflow") is None:
            raise SystemExit(
                "error: TensorFlow is not installed; the peer comes with the extra bench: "
                "pip install -c constraints.txt -e '.[bench]'"
            )
        self._log = log
        with log.open("w") as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.keras_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                cwd=ROOT,
            )

    def __enter__(self) -> "KerasPeer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, do: str, **options: Any) -> dict[str, float]:
        """Sends one line and waits for the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **options}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            last = self._log.read_text().strip().splitlines()[-1:]
            raise SystemExit(f"error: the Keras process ended while it did '{do}': {last}")
        answer: dict[str, float] = json.loads(line)
        return answer

    def speed(self, do: str, **options: Any) -> float:
        """Returns images a second of one piece of work."""
        answer = self.ask(do, **options)
        return answer["images"] / answer["seconds"]
