"""The audit of a feed as a page: ``audit.html``, with rules to approve and savings to compute."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from hangtag.files.atomic import write_text
from hangtag.reports.pages import Picture, render_page

PAGE = "audit.html"


@dataclass(frozen=True, slots=True)
class FractionView:
    """A category of a label.

    Attributes:
        name: The category.
        fraction: Its fraction of the label, 0-1.
        low: Lower end of the 95 % interval.
        high: Upper end.
        included: Whether the rule names it.
        pictures: Items with the label that show it.
    """

    name: str
    fraction: float
    low: float
    high: float
    included: bool
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule to approve.

    Attributes:
        place: Its place in rules.csv, among all rules.
        supplier: The brand.
        label: The label.
        items: Items with it.
        action: ``map``, ``split``, ``ask`` or ``outside``.
        categories: Names of the categories of the rule, as a cell of rules.csv.
        ids: Their ids, as a cell of rules.csv.
        reason: Why it is proposed.
        text: What the text of the label says; empty where nothing.
        issues: Items that contradict it.
        approved: Whether a person approved it before.
        fractions: Categories of the label, the largest first.
    """

    place: int
    supplier: str
    label: str
    items: int
    action: str
    categories: str
    ids: str
    reason: str
    text: str
    issues: int
    approved: bool
    fractions: Sequence[FractionView]


@dataclass(frozen=True, slots=True)
class IssueView:
    """An item whose image contradicts its label, or comes again.

    Attributes:
        id: Its id within the brand.
        supplier: The brand.
        label: What the brand says.
        means: What that means.
        suggested: What the image shows.
        score: Probability that the label is wrong, 0-1.
        automatic: Whether the label is corrected automatically.
        finding: What it means that its image comes again; empty where it does not.
        duplicate_of: Id of another item with that image.
        picture: Its image, None where it cannot be read any more.
    """

    id: str
    supplier: str
    label: str
    means: str
    suggested: str
    score: float
    automatic: bool
    finding: str
    duplicate_of: str
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class NoiseView:
    """A row of a brand's noise matrix.

    Attributes:
        given: What the labels say.
        items: Items with those labels.
        fractions: What they truly are, by category: fraction and both ends of its interval.
        right: Whether the labels say the category, by category.
    """

    given: str
    items: int
    fractions: Sequence[tuple[float, float, float]]
    right: Sequence[bool]


@dataclass(frozen=True, slots=True)
class BrandView:
    """A brand.

    Attributes:
        name: The brand.
        items: Items whose label has a clear meaning.
        error_rate: Fraction of wrong labels, 0-1.
        low: Lower end of its 95 % interval.
        high: Upper end.
        comparison: ``more`` or ``fewer`` errors than the other brands, or ``alike``.
        noise: Its noise matrix.
        issues: Its worst label issues.
    """

    name: str
    items: int
    error_rate: float
    low: float
    high: float
    comparison: str
    noise: Sequence[NoiseView]
    issues: Sequence[IssueView]


@dataclass(frozen=True, slots=True)
class SavingsView:
    """What the savings depend on, and the defaults of the assumptions; see the template.

    Attributes:
        items: Number of items.
        automated: Fraction that needs no person, 0-1.
        precision: Fraction of those that are right, 0-1.
        rules: Rules to approve.
        seconds: A person's time for an item, seconds.
        seconds_a_rule: A person's time for a rule, seconds.
        wage: Money an hour.
        compute: Money an item.
        error: Money an item in a wrong category.
        minutes: A person's time saved, minutes.
        money: Money saved.
    """

    items: int
    automated: float
    precision: float
    rules: int
    seconds: float
    seconds_a_rule: float
    wage: float
    compute: float
    error: float
    minutes: float
    money: float


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A fraction that changed; the fields are those of `hangtag.audit.noise.FractionChange`."""

    supplier: str
    label: str
    category: str
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class AuditPage:
    """All that the page shows.

    Attributes:
        title: Its heading.
        source: The feed.
        todo: Tasks, each with the anchor of its section.
        cards: Figures: name, value and note.
        savings: What the audit saves.
        brands: Brands, sorted by error rate.
        categories: Columns of the noise matrices.
        rules: By brand, in the order to show.
        issues: The worst label issues of all brands.
        issue_count: Number of label issues.
        duplicates: Items whose image comes again, copies side by side.
        duplicate_count: Number of those.
        changes: What changed since the earlier audit, None without one.
        drift: That audit, and the labels that came and went, a sentence each.
        details: How the audit was made.
        notices: What a reader should know.
        small_images: Whether images are shown enlarged, pixel by pixel.
    """

    title: str
    source: str
    todo: Sequence[tuple[str, str]]
    cards: Sequence[tuple[str, str, str]]
    savings: SavingsView
    brands: Sequence[BrandView]
    categories: Sequence[str]
    rules: dict[str, list[RuleView]]
    issues: Sequence[IssueView]
    issue_count: int
    duplicates: Sequence[IssueView]
    duplicate_count: int
    changes: Sequence[ChangeView] | None
    drift: Sequence[str]
    details: dict[str, str]
    notices: Sequence[str] = field(default=())
    small_images: bool = True


def write_audit_page(folder: Path, page: AuditPage) -> Path:
    """Writes ``audit.html`` into `folder`; the page needs no other file and loads nothing.

    Only the page's own script may run, named by its hash in the content security policy; text from
    the feed never runs.

    Raises:
        OutputError: It cannot be written.
    """
    path = folder / PAGE
    script = _read_script()
    digest = b64encode(sha256(script.encode()).digest()).decode()
    content = render_page(
        "audit", page=page, script=Markup(script), policy=f"script-src 'sha256-{digest}'"
    )
    write_text(path, content)
    return path


@cache
def _read_script() -> str:
    return (files("hangtag.reports") / "templates" / "audit.js").read_text(encoding="utf-8")
