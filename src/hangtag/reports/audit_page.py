"""The audit of a feed as a page: ``audit.html``, with rules to approve and a ledger to edit."""

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
class Share:
    """A part of a word.

    Attributes:
        name: Its category.
        share: How much of the word it is, 0-1.
        low: Lower end of the 95 % interval.
        high: Upper end.
        covered: Whether the rule names it.
        pictures: Items of the word that show it.
    """

    name: str
    share: float
    low: float
    high: float
    covered: bool
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule to approve.

    Attributes:
        place: Its place in rules.csv, among all rules.
        supplier: The brand.
        label: The word.
        items: Items under it.
        action: ``map``, ``split``, ``ask`` or ``outside``.
        categories: Names of the categories of the rule, as a cell of rules.csv.
        ids: Their ids, as a cell of rules.csv.
        reason: Why it is proposed.
        text: What the word itself says; empty where nothing.
        issues: Items that contradict it.
        approved: Whether a person approved it before.
        shares: What the word is made of, the largest first.
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
    shares: Sequence[Share]


@dataclass(frozen=True, slots=True)
class IssueView:
    """An item whose image contradicts its label.

    Attributes:
        id: What the supplier calls it.
        supplier: The brand.
        label: What the brand says.
        means: What that means.
        suggested: What the image shows.
        score: Probability that the label is wrong, 0-1.
        automatic: Whether it may be corrected without a person.
        finding: What it means that its picture comes again; empty where it does not.
        same_as: Id of the other item with that picture.
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
    same_as: str
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class NoiseView:
    """A row of a brand's noise matrix.

    Attributes:
        given: What the words say.
        items: Items under them.
        shares: What those truly are, by category: share and both ends of its interval.
        right: Which of the categories the words say, by category.
    """

    given: str
    items: int
    shares: Sequence[tuple[float, float, float]]
    right: Sequence[bool]


@dataclass(frozen=True, slots=True)
class BrandView:
    """A brand.

    Attributes:
        name: What the feed calls it.
        items: Items whose word has a meaning.
        error: Share of wrong labels, 0-1.
        low: Lower end of its 95 % interval.
        high: Upper end.
        verdict: ``more``, ``fewer`` or ``alike``, beside the other brands.
        noise: Its noise matrix.
        issues: The worst of its issues.
    """

    name: str
    items: int
    error: float
    low: float
    high: float
    verdict: str
    noise: Sequence[NoiseView]
    issues: Sequence[IssueView]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the savings depend on, and the defaults of the assumptions; see the template.

    Attributes:
        items: All.
        automated: Share that needs no person, 0-1.
        precision: Share of those that are right, 0-1.
        rules: Rules to approve.
        seconds: A person's time for an item.
        seconds_a_rule: A person's time for a rule.
        wage: Money an hour.
        compute: Money an item.
        error: Money an item in a wrong category.
        minutes: A person's time saved.
        money: Saved.
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
    """A share that changed since an earlier audit; the fields are those of `audit.drift.Change`."""

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
        todo: What to do first, a sentence each, with the anchor of the section.
        cards: Figures: name, value and note.
        ledger: The savings.
        brands: The most errors first.
        categories: Columns of the noise matrices.
        rules: By brand, in the order to show.
        issues: The worst of all brands.
        issue_count: How many there are.
        repeats: Items whose picture comes again, copies side by side.
        repeat_count: How many there are.
        changes: What changed since the earlier audit, None without one.
        earlier: That audit, and the words that came and went, a sentence each.
        facts: How it was made.
        notices: What a reader must know.
        small_images: Whether pictures are shown enlarged, pixel by pixel.
    """

    title: str
    source: str
    todo: Sequence[tuple[str, str]]
    cards: Sequence[tuple[str, str, str]]
    ledger: Ledger
    brands: Sequence[BrandView]
    categories: Sequence[str]
    rules: dict[str, list[RuleView]]
    issues: Sequence[IssueView]
    issue_count: int
    repeats: Sequence[IssueView]
    repeat_count: int
    changes: Sequence[ChangeView] | None
    earlier: Sequence[str]
    facts: dict[str, str]
    notices: Sequence[str] = field(default=())
    small_images: bool = True


def write_audit_page(folder: Path, page: AuditPage) -> Path:
    """Writes ``audit.html`` into `folder`; the page needs no other file and loads nothing.

    Its one script is the one that the page's policy names by its hash; words of brands never run.

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
