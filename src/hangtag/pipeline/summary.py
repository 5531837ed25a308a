"""Counts what became of the inputs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from hangtag.decisions.policy import ACCEPT, REVIEW, UNKNOWN
from hangtag.models.classifier import Prediction
from hangtag.pipeline.rows import Row


class Summary:
    """Counts of rows.

    Attributes:
        rows: All.
        resized: Those whose image was resized to the model's size.
        decisions: Those that were read, by decision; ``accept`` at the level of the category.
        models: Those that were read, by the model that looked at them.
        faults: Those that could not be read, by kind, such as ``damaged``.
    """

    def __init__(self) -> None:
        self.rows = self.resized = 0
        self.decisions: Counter[str] = Counter()
        self.models: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    @property
    def errors(self) -> int:
        """How many could not be read."""
        return self.faults.total()

    def add(self, rows: Iterable[Row]) -> None:
        """Counts rows."""
        for row in rows:
            self.rows += 1
            self.resized += row.input.resized
            if row.input.error_kind:
                self.faults[row.input.error_kind] += 1
            if row.prediction:
                self.decisions[_name(row.prediction)] += 1
                self.models[row.prediction.model] += 1

    def describe(self) -> str:
        """Says what was read and what could not be, most frequent first."""
        text = "1 input" if self.rows == 1 else f"{self.rows:,} inputs"
        read = self.decisions.total()
        if read:
            parts = [f"{count:,} ({count / read:.1%}) {kind}" for kind, count in self._decided()]
            text += ": " + ", ".join(parts)
        if len(self.models) > 1:
            text += "; " + ", ".join(f"{n:,} by {name}" for name, n in self.models.most_common())
        if self.errors:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.faults.most_common())
            text += f"; {self.errors:,} not readable ({kinds}): see the column 'error'"
        if self.resized:
            text += f"; {self.resized:,} were resized to the model's size"
        return text

    def to_json(self) -> dict[str, Any]:
        """Returns the counts as plain values."""
        return {
            "rows": self.rows,
            "resized": self.resized,
            "decisions": dict(self.decisions),
            "models": dict(self.models),
            "faults": dict(self.faults),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Summary":
        """Takes up the counts of an interrupted run."""
        summary = cls()
        summary.rows, summary.resized = content["rows"], content["resized"]
        summary.decisions.update(content["decisions"])
        summary.models.update(content["models"])
        summary.faults.update(content["faults"])
        return summary

    def _decided(self) -> list[tuple[str, int]]:
        """Returns the decisions with their counts: accepted ones first, unknown ones last."""
        last = [REVIEW, UNKNOWN]
        return sorted(
            self.decisions.items(),
            key=lambda item: (last.index(item[0]) + 1 if item[0] in last else 0, -item[1]),
        )


def _name(said: Prediction) -> str:
    return f"accepted as a {said.category_level}" if said.decision == ACCEPT else said.decision
