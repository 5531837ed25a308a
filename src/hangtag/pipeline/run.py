"""A whole prediction, from paths to an output: what ``hangtag predict`` does."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.decisions.policy import stored_precision
from hangtag.decisions.risk_control import DEFAULT_TARGET_PRECISION
from hangtag.errors import OutputError
from hangtag.images.mending import describe_damage
from hangtag.models.card import Card
from hangtag.pipeline.formats import CsvStream, RowList, Sink, TextStream, require_format
from hangtag.pipeline.output import RunSettings, open_output
from hangtag.pipeline.predictor import (
    ROWS_A_BATCH,
    OnNote,
    Predictor,
    PredictorConfig,
    predict_stream,
)
from hangtag.pipeline.rows import Layout, PredictionRow
from hangtag.pipeline.summary import Summary
from hangtag.progress import OnProgress
from hangtag.readers import Record, Source, open_source
from hangtag.tables.columns import Cell

Explain = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float64], str]]
"""Returns the saliency (H, W) of an image and the class it is of, as `Classifier.explain` does."""


@dataclass(frozen=True, slots=True)
class Explainer:
    """Draws pictures that explain rows, beside the output that the rows are written to.

    Attributes:
        discard: Removes what an interrupted run of an output left.
        draw: Draws the picture of a row, given the output, the model and the number of the row,
            from 1; returns the row with the name of its picture.
        publish: Puts the pictures of a finished run in the place of those of an earlier one.
    """

    discard: Callable[[Path], None]
    draw: Callable[[Path, Explain, PredictionRow, int], PredictionRow]
    publish: Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class PredictionJob:
    """What to predict, and where the rows go.

    Attributes:
        inputs: Paths and patterns, as `open_source` takes them.
        config: The models and decoders.
        precision: Target precision of accepted predictions, in (0, 1).
        out: A ``.csv``, ``.jsonl`` or ``.parquet`` file; a stream, which gets CSV; None collects
            the rows in the report.
        resume: Whether to go on with the interrupted `out`.
        explainer: What draws a picture for each row; None for no pictures.
    """

    inputs: Sequence[str]
    config: PredictorConfig
    precision: float = DEFAULT_TARGET_PRECISION
    out: Path | TextStream | None = None
    resume: bool = False
    explainer: Explainer | None = None

    def check(self) -> None:
        """Raises OutputError where the output cannot be what it should be."""
        if not isinstance(self.out, Path):
            if self.resume or self.explainer:
                option = "--resume" if self.resume else "--explain"
                raise OutputError(f"{option} needs --out; name the output")
            return
        require_format(self.out)
        if any(_is_same(self.out, name) for name in self.inputs):
            raise OutputError(f"--out {self.out} is one of the inputs; choose another name")
        if self.explainer and any(_lies_below(self.out, name) for name in self.inputs):
            raise OutputError(
                f"--out {self.out} lies in a folder of the inputs, which the saliency maps of "
                "--explain would join; choose another place"
            )


@dataclass(frozen=True, slots=True)
class PredictionReport:
    """What a prediction left.

    Attributes:
        summary: Counts of the rows.
        rows: The rows, cells by column, where they were collected.
        skipped: Files in folders that are no images, by kind.
        model: What the models are called together.
        cards: What the models are.
        precision: The precision that was asked for.
    """

    summary: Summary
    rows: Sequence[dict[str, Cell]]
    skipped: Counter[str]
    model: str
    cards: tuple[Card, ...]
    precision: float

    def to_json(self) -> dict[str, Any]:
        """Returns all but the rows as plain values."""
        counts = self.summary.to_json()
        return {
            "model": self.model,
            "cards": [card.sha256 for card in self.cards],
            "version": version("hangtag"),
            "precision": self.precision,
            "target_precision": float(stored_precision(self.cards[0].policy, self.precision)),
            "n": counts["rows"],
            "decisions": counts["decisions"],
            "models": counts["models"],
            "errors": self.summary.errors,
            "damaged": counts["damaged"],
            "errors_by_kind": counts["errors_by_kind"],
            "skipped": dict(self.skipped),
        }


def run_prediction(
    job: PredictionJob,
    *,
    on_note: OnNote = lambda note: None,
    on_progress: OnProgress = lambda done, total: None,
) -> PredictionReport:
    """Predicts all images of a job; one that cannot be read becomes a row with its error.

    An output file appears when all rows are there. When the run is interrupted, Ctrl-C included,
    the rows that are done stay in ``OUT.part``, with which a job that resumes goes on.

    Args:
        job: What to predict.
        on_note: Called with what a reader of the predictions should know.
        on_progress: Called with the rows done and, where known, the number of all.

    Raises:
        DataError: An input does not exist or cannot be read, or a model has no thresholds for so
            high a precision.
        ModelError: There is no such model, or it is not what it was when it was written.
        OutputError: The output cannot be written, or is not that of an interrupted run.
    """
    job.check()
    source = open_source(job.inputs)
    known = source.notes
    for note in known:
        on_note(note)
    with job.config.build(files=source.files) as predictor:
        predictor.router.require_precision(job.precision)
        run = _Run(job, source, predictor, on_note, on_progress)
        collected = RowList(run.layout)
        if isinstance(job.out, Path):
            summary = run.write_file(job.out)
        else:
            summary = run.send(source, CsvStream(job.out, run.layout) if job.out else collected)
    found = (note for note in source.notes if note not in known)
    for note in (*found, *describe_damage(summary.damaged)):
        on_note(note)
    router = predictor.router
    return PredictionReport(
        summary, collected.rows, source.skipped, router.name, router.cards, job.precision
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """A job whose inputs are open and whose models are loaded."""

    job: PredictionJob
    source: Source
    predictor: Predictor
    on_note: OnNote
    on_progress: OnProgress

    @property
    def layout(self) -> Layout:
        return Layout(self.source.columns, explained=self.job.explainer is not None)

    def write_file(self, out: Path) -> Summary:
        """Writes the rows of all records to the file `out`."""
        explainer = self.job.explainer
        if explainer and not self.job.resume:
            explainer.discard(out)
        with open_output(out, self.layout, self._settings(), resume=self.job.resume) as output:
            self.send(output.skip_done(self.source), output)
        if explainer:
            explainer.publish(out)
        return output.summary

    def send(self, records: Iterable[Record], sink: Sink) -> Summary:
        """Sends the rows of records to a sink; those with a picture one by one."""
        self.on_progress(sink.summary.rows, self.source.total)
        rows = predict_stream(
            records, self.predictor, precision=self.job.precision, on_note=self.on_note
        )
        batches: Iterator[list[PredictionRow]]
        if self.job.explainer:
            batches = ([self._explain(row, sink.summary.rows + 1)] for row in rows)
        else:
            batches = iter(lambda: list(itertools.islice(rows, ROWS_A_BATCH)), [])
        for batch in batches:
            sink.write(batch)
            self.on_progress(sink.summary.rows, self.source.total)
        return sink.summary

    def _explain(self, row: PredictionRow, number: int) -> PredictionRow:
        assert self.job.explainer is not None
        assert isinstance(self.job.out, Path)
        return self.job.explainer.draw(self.job.out, self.predictor.router.explain, row, number)

    def _settings(self) -> RunSettings:
        return RunSettings(
            inputs=tuple(self.job.inputs),
            total=self.source.total,
            model=[card.sha256 for card in self.predictor.router.cards],
            precision=self.job.precision,
            explained=self.job.explainer is not None,
            version=version("hangtag"),
        )


def _is_same(out: Path, name: str) -> bool:
    return os.path.exists(name) and out.exists() and out.samefile(name)


def _lies_below(out: Path, folder: str) -> bool:
    return os.path.isdir(folder) and Path(folder).resolve() in out.resolve().parents
