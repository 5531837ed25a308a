"""What an audit found: `AuditResult`, with label issues and dictionary as records.

result = run_audit("feed.csv")
result.issues.to_pandas()
result.dictionary[0].categories
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from hangtag.audit.categories import Categories
from hangtag.audit.dictionary import DictionaryEntry, explain_rule, is_contradicted, rule_of
from hangtag.audit.duplicates import IssueKind
from hangtag.audit.label_issues import Issue, LabelIssues
from hangtag.audit.noise import BrandNoise, Drift
from hangtag.audit.rules import SEPARATOR, Action, Rule, keep_approved
from hangtag.audit.savings import Savings
from hangtag.audit.scan import DuplicateIds
from hangtag.images.spec import ImageSpec
from hangtag.pipeline.rows import DIGITS
from hangtag.tables.records import Records

MIN_SHOWN_FRACTION = 0.005
"""Fractions below this are left out of the dictionary and, unless the label includes them, of the
page."""


@dataclass(frozen=True, slots=True)
class FeedCounts:
    """Counts of a feed.

    Attributes:
        items: Number of items.
        errors: Items without a readable image.
        first_error: The error of the first of those.
        unlabelled: Items without a label.
        suppliers: Number of suppliers with labelled items.
        duplicate_ids: Ids that come again within a supplier.
    """

    items: int
    errors: int
    first_error: str
    unlabelled: int
    suppliers: int
    duplicate_ids: DuplicateIds


@dataclass(frozen=True, slots=True)
class IssueRecord:
    """A row of issues.csv.

    Attributes:
        id: Id of the item within its supplier.
        supplier: Its supplier.
        label: Its label.
        suggested: Most probable category that the label does not include; None without a
            label issue.
        score: Probability that the label is wrong, 0-1.
        confidence: Probability of the suggested category, 0-1.
        automatic: ``yes`` where the label is corrected automatically, else ``no``.
        suggested_id: Id of the suggested category.
        suggested_label: The supplier's own label for it, None without one.
        means: Names of the categories that the label means.
        image: Its image, as the feed names it.
        finding: What is wrong with the item, see `IssueKind`.
        duplicate_of: Id of another item with the same image, None without one.
        duplicate: ``exact`` or ``near``, None without one.
    """

    id: str
    supplier: str
    label: str
    suggested: str | None
    score: float
    confidence: float
    automatic: Literal["yes", "no"]
    suggested_id: str | None
    suggested_label: str | None
    means: str
    image: str
    finding: str
    duplicate_of: str | None
    duplicate: Literal["exact", "near"] | None


@dataclass(frozen=True, slots=True)
class DictionaryRecord:
    """A row of dictionary.csv.

    Attributes:
        supplier: Who wrote the label.
        label: The label.
        items: Items with it.
        proposal: The action of its rule.
        categories: Names of the categories of its rule.
        ids: Their ids.
        fraction: Fraction of the largest of them, 0-1.
        low: Lower end of its 95 % interval.
        high: Upper end.
        reason: Why the label has its rule.
        distribution: All categories with their fractions.
        text: What the text of the label says, None where it says nothing.
        text_score: Probability of that, 0-1.
        issues: Number of label issues.
        google_ids: Ids of the categories in Google's product taxonomy.
        approved: ``yes`` where a person approved the rule, else empty.
    """

    supplier: str
    label: str
    items: int
    proposal: str
    categories: str
    ids: str
    fraction: float
    low: float
    high: float
    reason: str
    distribution: str
    text: str | None
    text_score: float | None
    issues: int
    google_ids: str
    approved: Literal["yes", ""]


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What an audit found.

    Attributes:
        feed: Path of the feed.
        feed_note: What a reader should know about the file; empty where it is plain.
        model: Name of the model.
        input_spec: Size of the images that the model takes.
        categories: Categories of the model.
        counts: Counts of the feed.
        entries: The dictionary, by label group.
        label_issues: Label issues, duplicates and examples.
        noise: Label noise by brand, sorted by the lower end of the error rate.
        savings: What the audit saves.
        drift: What changed since an earlier audit, None without one.
        reference: What the automatic corrections were tested on; empty without a reference.
        precision: Expected fraction of right automatic corrections, 0-1.
        approved: The rules that people approved before.
    """

    feed: str
    feed_note: str
    model: str
    input_spec: ImageSpec
    categories: Categories
    counts: FeedCounts
    entries: Sequence[DictionaryEntry]
    label_issues: LabelIssues
    noise: Sequence[BrandNoise]
    savings: Savings
    drift: Drift | None
    reference: str
    precision: float
    approved: Sequence[Rule]

    @property
    def findings(self) -> int:
        """Number of label issues, other duplicates, and labels that a person must look at."""
        undecided = sum(
            entry.proposal.action is not Action.MAP
            if entry.approved is None
            else is_contradicted(entry, self.categories)
            for entry in self.entries
        )
        return self.label_issues.issue_count + len(self.label_issues.duplicates) + undecided

    @property
    def issues(self) -> Records[IssueRecord]:
        """Label issues, then other duplicates, the worst first: the rows of issues.csv."""
        own_labels = _find_own_labels(self.entries)
        return Records(
            IssueRecord,
            [
                self._make_issue(issue, own_labels)
                for issue in (*self.label_issues.issues, *self.label_issues.duplicates)
            ],
        )

    @property
    def dictionary(self) -> Records[DictionaryRecord]:
        """The meaning of each label: the rows of dictionary.csv."""
        return Records(DictionaryRecord, list(self._make_entries()))

    @property
    def rules(self) -> list[Rule]:
        """The rules of all labels, approved ones as they were approved."""
        rules = [rule_of(entry, self.categories) for entry in self.entries]
        return keep_approved(rules, self.approved)

    def meaning_of(self, entry: DictionaryEntry) -> str:
        """Returns the names of the categories that a label means."""
        return SEPARATOR.join(rule_of(entry, self.categories).categories)

    def _make_issue(self, issue: Issue, own_labels: dict[tuple[str, int], str]) -> IssueRecord:
        entry, duplicate = self.entries[issue.group], issue.duplicate
        wrong = IssueKind.LABEL in issue.kinds
        return IssueRecord(
            id=issue.id,
            supplier=entry.supplier,
            label=entry.label,
            suggested=self.categories.names[issue.suggested] if wrong else None,
            score=round(issue.p_wrong, DIGITS),
            confidence=round(issue.confidence, DIGITS),
            automatic="yes" if issue.automatic else "no",
            suggested_id=self.categories.ids[issue.suggested] if wrong else None,
            suggested_label=own_labels.get((entry.supplier, issue.suggested)) if wrong else None,
            means=self.meaning_of(entry),
            image=issue.image,
            finding=SEPARATOR.join(issue.kinds),
            duplicate_of=None if duplicate is None else duplicate.of,
            duplicate=None if duplicate is None else "exact" if duplicate.exact else "near",
        )

    def _make_entries(self) -> Iterator[DictionaryRecord]:
        for number, entry in enumerate(self.entries):
            rule, included = rule_of(entry, self.categories), entry.meaning.categories
            google_ids = [self.categories.google_id(identifier) or "" for identifier in rule.ids]
            posterior = entry.posterior
            best = included[0] if included else int(posterior.fractions.argmax())
            yield DictionaryRecord(
                supplier=entry.supplier,
                label=entry.label,
                items=entry.items,
                proposal=str(rule.action),
                categories=SEPARATOR.join(rule.categories),
                ids=SEPARATOR.join(rule.ids),
                fraction=round(float(posterior.fractions[best]), DIGITS),
                low=round(float(posterior.low[best]), DIGITS),
                high=round(float(posterior.high[best]), DIGITS),
                reason=explain_rule(entry, self.categories),
                distribution=self._describe_distribution(entry),
                text=entry.text.best or None,
                text_score=round(entry.text.score, DIGITS) if entry.text.known else None,
                issues=self.label_issues.issues_by_group.get(number, 0),
                google_ids=SEPARATOR.join(google_ids),
                approved="yes" if rule.approved else "",
            )

    def _describe_distribution(self, entry: DictionaryEntry) -> str:
        fractions = entry.posterior.fractions
        return SEPARATOR.join(
            f"{self.categories.names[index]} {100 * fractions[index]:.1f} %"
            for index in (-fractions).argsort(kind="stable").tolist()
            if fractions[index] >= MIN_SHOWN_FRACTION
        )


def _find_own_labels(entries: Sequence[DictionaryEntry]) -> dict[tuple[str, int], str]:
    """Returns (supplier, category) -> the supplier's label with most items of it."""
    best: dict[tuple[str, int], tuple[float, str]] = {}
    for entry in entries:
        if entry.meaning.action in (Action.MAP, Action.SPLIT):
            for index in entry.meaning.categories:
                items = entry.items * float(entry.posterior.fractions[index])
                key = entry.supplier, index
                best[key] = max(best.get(key, (0.0, "")), (items, entry.label))
    return {key: label for key, (_, label) in best.items()}
