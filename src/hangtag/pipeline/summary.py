"""Counts of predictions and errors, which add up over the parts of a run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from hangtag.decisions.policy import Decision
from hangtag.pipeline.rows import PredictionRow

_NAMES = {
    Decision.ACCEPT: "accepted",
    Decision.PARENT: "accepted as a parent only",
    Decision.REVIEW: "for review",
    Decision.UNKNOWN: "unknown",
}
"""Decisions in words, in the order of the text."""


class Summary:
    """Counts of rows.

    Attributes:
        rows: All.
        resized: Those whose image was resized to the model's size.
        decisions: Predictions, by decision.
        models: Predictions, by model.
        damaged: Images that were read though their files are damaged, by the kind of damage.
        errors_by_kind: Images that could not be read, by the kind of error, such as ``damaged``.
    """

    def __init__(self) -> None:
        self.rows = self.resized = 0
        self.decisions: Counter[str] = Counter()
        self.models: Counter[str] = Counter()
        self.damaged: Counter[str] = Counter()
        self.errors_by_kind: Counter[str] = Counter()

    @property
    def errors(self) -> int:
        """How many could not be read."""
        return self.errors_by_kind.total()

    def add(self, rows: Iterable[PredictionRow]) -> None:
        """Counts rows."""
        for row in rows:
            self.rows += 1
            self.resized += row.resized
            if row.damage:
                self.damaged[row.damage] += 1
            if row.error:
                self.errors_by_kind[row.error.error_kind] += 1
            if row.prediction:
                self.decisions[row.prediction.decision] += 1
                self.models[row.prediction.model] += 1

    def merge(self, other: "Summary") -> "Summary":
        """Returns the counts of both, such as those of two shards."""
        merged = Summary.from_json(self.to_json())
        merged.rows, merged.resized = self.rows + other.rows, self.resized + other.resized
        merged.decisions.update(other.decisions)
        merged.models.update(other.models)
        merged.damaged.update(other.damaged)
        merged.errors_by_kind.update(other.errors_by_kind)
        return merged

    def describe(self) -> str:
        """Says in one sentence what was predicted and what could not be read."""
        text = "1 input" if self.rows == 1 else f"{self.rows:,} inputs"
        read = self.decisions.total()
        if read:
            parts = [
                f"{self.decisions[decision]:,} ({self.decisions[decision] / read:.1%}) {name}"
                for decision, name in _NAMES.items()
                if decision in self.decisions
            ]
            text += ": " + ", ".join(parts)
        if len(self.models) > 1:
            text += "; " + ", ".join(f"{n:,} by {name}" for name, n in self.models.most_common())
        if self.errors:
            by_kind = self.errors_by_kind.most_common()
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in by_kind)
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
            "damaged": dict(self.damaged),
            "errors_by_kind": dict(self.errors_by_kind),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Summary":
        """Returns the counts that `to_json` wrote."""
        summary = cls()
        summary.rows, summary.resized = content["rows"], content["resized"]
        summary.decisions.update(content["decisions"])
        summary.models.update(content["models"])
        summary.damaged.update(content["damaged"])
        summary.errors_by_kind.update(content["errors_by_kind"])
        return summary
