"""All that was found in the photos of a dataset."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hangtag.datasets.copies import Copy, count_copies
from hangtag.datasets.photo_faults import LIMITS, Finding, count_faults
from hangtag.datasets.photos import Photos


@dataclass(frozen=True, slots=True)
class Screening:
    """What was found in the photos of a dataset.

    Attributes:
        photos: What was looked at.
        findings: Faults, by kind, the worst first.
        copies: Photos that are there more than once, the worst first.
        model: The model whose embeddings helped to find near copies; None for hashes alone.
    """

    photos: Photos
    findings: list[Finding]
    copies: list[Copy]
    model: str | None = None

    @property
    def faults(self) -> Mapping[str, int]:
        """How many photos have each fault."""
        return count_faults(self.findings)

    @property
    def duplicates(self) -> Mapping[str, Mapping[str, int]]:
        """How many exact and near copies there are, and across what."""
        return count_copies(self.copies)

    @property
    def method(self) -> str:
        """How near copies were looked for, a sentence."""
        if self.model is None:
            return (
                "Near duplicates were looked for by perceptual hash alone: copies that were saved "
                "anew, scaled, lightened or trimmed a little; --model MODEL, a model of photos, "
                "also finds other crops and the same garment photographed again."
            )
        return (
            "Near duplicates were looked for by perceptual hash and by the embeddings of the "
            f"model {self.model}."
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the figures as plain JSON types."""
        faults = self.faults
        return {
            "photos": len(self.photos),
            "quality": {name: {"count": faults[name], **asdict(LIMITS[name])} for name in LIMITS},
            "duplicates": {**self.duplicates, "model": self.model},
        }
