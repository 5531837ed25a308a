"""A run folder: everything one training leaves behind.

recipe.yaml   the recipe, every field resolved
run.json      data with its hashes, seed, device, versions
broken.csv    images that cannot be read and were left out, where there are any
results.csv   a row an epoch
checkpoints/  last and best state
model/        the exported model
metrics.json, report.html and its figures
suppliers.csv the accuracy of each supplier of the split of the report, where there are suppliers
tensorboard/  the log of --tensorboard
"""

import fcntl
import os.path
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from hangtag.datasets import BROKEN
from hangtag.errors import TrainingError
from hangtag.files.atomic import make_folder, make_numbered_folder, write_text
from hangtag.models.card import Lineage, TrainingData
from hangtag.training.callbacks import Epoch, write_history
from hangtag.training.checkpoints import BEST, LAST
from hangtag.training.recipes import Recipe, load_recipe, to_yaml

RUNS = Path("runs")
"""Where runs go by default."""


class RunFacts(BaseModel):
    """The content of ``run.json``: what a training is, before its first step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: TrainingData
    lineage: Lineage
    device: str
    processes: int
    processor: str
    versions: Mapping[str, str]
    """Of the software, by name."""
    started: str
    """UTC time, ISO 8601."""


class RunFolder:
    """The paths of a run and what is written there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock_file = path / ".lock"
        self.recipe_file = path / "recipe.yaml"
        self.facts_file = path / "run.json"
        self.broken_file = path / BROKEN
        self.results_file = path / "results.csv"
        self.last = path / "checkpoints" / LAST
        self.best = path / "checkpoints" / BEST
        self.model = path / "model"
        self.metrics_file = path / "metrics.json"
        self.tensorboard = path / "tensorboard"

    def is_occupied(self) -> bool:
        """Whether the folder holds more than a training killed before its first epoch leaves."""
        ours = {self.recipe_file, self.facts_file, self.broken_file}
        visible = (path for path in self.path.iterdir() if not path.name.startswith("."))
        return any(path not in ours for path in visible)

    def require_free(self) -> None:
        """Raises TrainingError where the folder is occupied."""
        if self.path.is_dir() and self.is_occupied():
            raise TrainingError(
                f"{self.path} is not empty; give --resume to continue the run in it, or another "
                "--out"
            )

    def require_run(self) -> None:
        """Raises TrainingError where the folder holds no run."""
        if not os.path.exists(self.recipe_file):  # False for impossible paths too.
            raise TrainingError(
                f"{self.path} holds no run to resume: {self.recipe_file.name} is missing; "
                "start without --resume"
            )

    def write_recipe(self, recipe: Recipe) -> None:
        """Writes ``recipe.yaml``."""
        write_text(self.recipe_file, to_yaml(recipe))

    def write_facts(self, facts: RunFacts) -> None:
        """Writes ``run.json``: what the training is, before its first step."""
        write_text(self.facts_file, facts.model_dump_json(indent=1) + "\n")

    def read_recipe(self, *, settings: Mapping[str, Any] | None = None) -> Recipe:
        """Reads the recipe of the run, with `settings` changed as in `load_recipe`.

        Raises:
            TrainingError: There is no run.
            RecipeError: The recipe is damaged or a change is impossible.
        """
        self.require_run()
        return load_recipe(self.recipe_file, settings=settings)

    def read_facts(self) -> RunFacts:
        """Reads ``run.json``.

        Raises:
            TrainingError: The file is missing or damaged.
        """
        try:
            return RunFacts.model_validate_json(self.facts_file.read_bytes())
        except (OSError, ValidationError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise TrainingError(
                f"{self.facts_file} is missing or damaged: {reason}; train again with another --out"
            ) from error

    def write_history(self, history: list[Epoch]) -> None:
        """Writes ``results.csv``."""
        write_history(self.results_file, history)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the run for this process alone.

        Raises:
            TrainingError: Another process trains here.
            OutputError: The folder cannot be made.
        """
        make_folder(self.path)
        try:
            file = self.lock_file.open("w")
        except OSError as error:
            raise TrainingError(
                f"cannot write in {self.path}: {error.strerror}; choose another --out"
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrainingError(
                    f"another process is training in {self.path}; wait for it, or choose "
                    "another --out"
                ) from None
            yield

    def remove_unstarted(self) -> None:
        """Removes the folder again where no run has started in it."""
        if not self.facts_file.exists():
            with suppress(OSError):  # someone else put a file there
                self.lock_file.unlink(missing_ok=True)
                self.path.rmdir()


def next_run_folder(root: Path = RUNS) -> Path:
    """Makes and returns the next of the folders ``train-1``, ``train-2``, ... below `root`."""
    return make_numbered_folder(root, "train")
