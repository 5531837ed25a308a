"""The page of an audit: from what was found to what is shown, images included."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hangtag.audit.dictionary import DictionaryEntry, explain_rule, is_contradicted, rule_of
from hangtag.audit.duplicates import IssueKind
from hangtag.audit.label_issues import ISSUE_THRESHOLD, Issue
from hangtag.audit.noise import BrandNoise, Drift
from hangtag.audit.result import MIN_SHOWN_FRACTION, AuditResult
from hangtag.audit.rules import SEPARATOR, Action, Rule
from hangtag.audit.summary import describe_corrections, describe_drift, list_notes, summarise
from hangtag.datasets import BROKEN
from hangtag.errors import ImageError
from hangtag.files.paths import make_printable
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.spec import ImageSpec
from hangtag.reports.audit_page import (
    AuditPage,
    BrandView,
    ChangeView,
    FractionView,
    IssueView,
    NoiseView,
    RuleView,
    SavingsView,
    write_audit_page,
)
from hangtag.reports.pages import SMALL, Picture, encode_image

PICTURED_LABELS = 300
"""Labels whose rules have images, those with most items."""

WORST, WORST_OF_BRAND, PICTURED_BRANDS = 60, 12, 60
"""Issues shown of all brands and of one brand, and brands whose issues are shown."""

_MAX_SIDE = 96
_MOST_BRANDS = 3

Pictures = Mapping[str, Picture]


def write_page(result: AuditResult, folder: Path) -> Path:
    """Writes ``audit.html`` into `folder`.

    Raises:
        OutputError: It cannot be written.
    """
    found = result.label_issues
    worst, duplicates = found.issues[:WORST], _pick_duplicates(result)
    of_brands = _pick_by_brand(result)
    pictured = _pick_labels(result.entries)
    issues = [*worst, *duplicates, *(issue for some in of_brands.values() for issue in some)]
    examples = [paths for (number, _), paths in found.examples.items() if number in pictured]
    wanted = [*(issue.path for issue in issues), *(path for paths in examples for path in paths)]
    pictures = _decode(wanted, result.input_spec)
    page = AuditPage(
        title=f"Audit of {Path(result.feed).name}",
        source=result.feed,
        todo=list(_list_todo(result)) or [("rules", "Nothing: all labels are clear and right.")],
        cards=_make_cards(result),
        savings=_view_savings(result),
        brands=[
            _view_brand(brand, of_brands.get(brand.supplier, []), result, pictures)
            for brand in result.noise
        ],
        categories=result.categories.names,
        rules=_view_rules(result, pictures, pictured),
        issues=[_view_issue(issue, result, pictures) for issue in worst],
        issue_count=found.issue_count,
        duplicates=[_view_issue(issue, result, pictures) for issue in duplicates],
        duplicate_count=sum(found.duplicate_counts.values()),
        changes=None if result.drift is None else _view_changes(result.drift),
        drift=[] if result.drift is None else [_end(text) for text in describe_drift(result.drift)],
        details=_list_details(result),
        notices=_list_notices(result),
        small_images=max(result.input_spec.size) <= SMALL,
    )
    return write_audit_page(folder, page)


def _decode(paths: Iterable[str], spec: ImageSpec) -> dict[str, Picture]:
    """Decodes images at the model's size, at most `_MAX_SIDE` pixels; leaves out failures."""
    distinct = list(dict.fromkeys(paths))
    small = ImageSpec(min(spec.height, _MAX_SIDE), min(spec.width, _MAX_SIDE), spec.channels)
    with DecoderPool() as pool:
        return {
            path: Picture(encode_image(image.pixels), make_printable(Path(path).name))
            for path, image in zip(distinct, pool.decode(distinct, small), strict=True)
            if not isinstance(image, ImageError)
        }


def _pick_labels(entries: Sequence[DictionaryEntry]) -> set[int]:
    order = sorted(range(len(entries)), key=lambda number: -entries[number].items)
    return set(order[:PICTURED_LABELS])


def _pick_by_brand(result: AuditResult) -> dict[str, list[Issue]]:
    shown = {brand.supplier for brand in result.noise[:PICTURED_BRANDS]}
    found: dict[str, list[Issue]] = {}
    for issue in result.label_issues.issues:
        supplier = result.entries[issue.group].supplier
        if supplier in shown and len(found.setdefault(supplier, [])) < WORST_OF_BRAND:
            found[supplier].append(issue)
    return found


def _pick_duplicates(result: AuditResult) -> list[Issue]:
    """Returns duplicates: conflicting labels first, copies of one image side by side."""
    found, order = result.label_issues, list(IssueKind)
    ranked = [
        (order.index(issue.duplicate.kind), issue.duplicate.first, issue.position, issue)
        for issue in (*found.issues, *found.duplicates)
        if issue.duplicate
    ]
    return [issue for *_, issue in sorted(ranked)[:WORST]]


def _list_todo(result: AuditResult) -> Iterator[tuple[str, str]]:
    """Yields section and task, in the order that saves most time."""
    yield from _list_rule_tasks(result)
    found = result.label_issues
    automatic = found.automated["correction"]
    if automatic:
        yield "issues", f"Let {_count(automatic, 'label')} be corrected automatically."
    if left := found.issue_count - automatic:
        yield "issues", f"Check {_count(left, 'item')} whose image contradicts the label."
    if conflicts := found.duplicate_counts.get(IssueKind.CONFLICT):
        yield "duplicates", f"Resolve {_count(conflicts, 'item')} with conflicting labels."
    if copies := found.duplicate_counts.get(IssueKind.DUPLICATE):
        yield "duplicates", f"Ask why {_count(copies, 'item')} came more than once from one brand."
    worse = [brand for brand in result.noise if brand.comparison == "more"]
    for brand in worse[:_MOST_BRANDS]:
        rate = f"{brand.error_rate.fraction:.1%}"
        yield "brands", f"Talk to {brand.supplier}: {rate} of its labels are wrong."


def _list_rule_tasks(result: AuditResult) -> Iterator[tuple[str, str]]:
    items, labels = dict.fromkeys(Action, 0), dict.fromkeys(Action, 0)
    for entry in result.entries:
        if entry.approved is None:
            items[entry.proposal.action] += entry.items
            labels[entry.proposal.action] += 1
    contradicted = sum(is_contradicted(entry, result.categories) for entry in result.entries)
    if contradicted:
        rules = _count(contradicted, "approved rule")
        yield "rules", f"Review {rules} contradicted by images or text."
    for action, task, what in (
        (Action.MAP, "Approve", "with one category"),
        (Action.SPLIT, "Approve", "with several categories"),
        (Action.OUTSIDE, "Approve", "for no apparel"),
        (Action.ASK, "Decide", "that images and text leave open"),
    ):
        if labels[action]:
            counted = _count(labels[action], "label")
            yield "rules", f"{task} {counted} {what}: {_count(items[action], 'item')}."


def _make_cards(result: AuditResult) -> list[tuple[str, str, str]]:
    found = summarise(result)
    brands, labels = _count(found.brands, "brand"), _count(found.labels, "label")
    return [
        ("items", f"{found.items:,}", f"{brands}, {labels}"),
        ("automated", f"{found.automated:.1%}", "of the items, once the rules are approved"),
        ("rules", f"{result.savings.rules:,}", f"to approve; {found.approved:,} approved"),
        ("label issues", f"{found.issues:,}", f"{found.automatic:,} corrected automatically"),
    ]


def _view_savings(result: AuditResult) -> SavingsView:
    savings, assumed = result.savings, result.savings.assumptions
    return SavingsView(
        items=savings.items,
        automated=savings.automated,
        precision=savings.precision,
        rules=savings.rules,
        seconds=assumed.seconds,
        seconds_a_rule=assumed.seconds_a_rule,
        wage=assumed.wage,
        compute=assumed.compute,
        error=assumed.error,
        minutes=savings.minutes,
        money=savings.money,
    )


def _view_brand(
    brand: BrandNoise, issues: Sequence[Issue], result: AuditResult, pictures: Pictures
) -> BrandView:
    names = result.categories.names
    noise = [
        NoiseView(
            given=", ".join(names[index] for index in row.categories),
            items=row.items,
            fractions=[
                (float(fraction), float(low), float(high))
                for fraction, low, high in zip(
                    row.truth.fractions, row.truth.low, row.truth.high, strict=True
                )
            ],
            right=[index in row.categories for index in range(len(names))],
        )
        for row in brand.rows
    ]
    return BrandView(
        name=brand.supplier,
        items=brand.items,
        error_rate=brand.error_rate.fraction,
        low=brand.error_rate.low,
        high=brand.error_rate.high,
        comparison=brand.comparison,
        noise=noise,
        issues=[_view_issue(issue, result, pictures) for issue in issues],
    )


def _view_rules(
    result: AuditResult, pictures: Pictures, pictured: set[int]
) -> dict[str, list[RuleView]]:
    """Returns the rules by brand: brands as ranked, then labels by their items.

    Approved rules stay as they were approved, those for labels that this feed lacks included.
    """
    views: dict[str, list[RuleView]] = {brand.supplier: [] for brand in result.noise}
    rules = [*(rule_of(entry, result.categories) for entry in result.entries), *result.approved]
    places = {key: place for place, key in enumerate(sorted({rule.key for rule in rules}))}
    for number in sorted(range(len(result.entries)), key=lambda n: -result.entries[n].items):
        place = places[rules[number].key]
        view = _view_rule(number, result, pictures if number in pictured else {}, place=place)
        views.setdefault(view.supplier, []).append(view)
    present = {rule.key for rule in rules[: len(result.entries)]}
    for rule in result.approved:
        if rule.key not in present:
            view = _view_absent_rule(rule, place=places[rule.key])
            views.setdefault(rule.supplier, []).append(view)
    return {supplier: of_brand for supplier, of_brand in views.items() if of_brand}


def _view_rule(number: int, result: AuditResult, pictures: Pictures, *, place: int) -> RuleView:
    entry = result.entries[number]
    rule = rule_of(entry, result.categories)
    return RuleView(
        place=place,
        supplier=entry.supplier,
        label=entry.label,
        items=entry.items,
        action=str(rule.action),
        categories=SEPARATOR.join(rule.categories),
        ids=SEPARATOR.join(rule.ids),
        reason=explain_rule(entry, result.categories),
        text=f"{entry.text.best} ({entry.text.score:.0%})" if entry.text.known else "",
        issues=result.label_issues.issues_by_group.get(number, 0),
        approved=rule.approved,
        fractions=_view_fractions(number, result, pictures),
    )


def _view_absent_rule(rule: Rule, *, place: int) -> RuleView:
    return RuleView(
        place=place,
        supplier=rule.supplier,
        label=rule.label,
        items=0,
        action=str(rule.action),
        categories=SEPARATOR.join(rule.categories),
        ids=SEPARATOR.join(rule.ids),
        reason="approved before; this feed has no such label",
        text="",
        issues=0,
        approved=True,
        fractions=(),
    )


def _view_fractions(number: int, result: AuditResult, pictures: Pictures) -> list[FractionView]:
    posterior = result.entries[number].posterior
    included = result.entries[number].meaning.categories
    views = []
    for index in (-posterior.fractions).argsort(kind="stable").tolist():
        if posterior.fractions[index] >= MIN_SHOWN_FRACTION or index in included:
            paths = result.label_issues.examples.get((number, index), [])
            view = FractionView(
                name=result.categories.names[index],
                fraction=float(posterior.fractions[index]),
                low=float(posterior.low[index]),
                high=float(posterior.high[index]),
                included=index in included,
                pictures=[pictures[path] for path in paths if path in pictures],
            )
            views.append(view)
    return views


def _view_issue(issue: Issue, result: AuditResult, pictures: Pictures) -> IssueView:
    entry = result.entries[issue.group]
    return IssueView(
        id=issue.id,
        supplier=entry.supplier,
        label=entry.label,
        means=result.meaning_of(entry),
        suggested=result.categories.names[issue.suggested],
        score=issue.p_wrong,
        automatic=issue.automatic,
        finding="" if issue.duplicate is None else str(issue.duplicate.kind),
        duplicate_of="" if issue.duplicate is None else issue.duplicate.of,
        picture=pictures.get(issue.path),
    )


def _view_changes(drift: Drift) -> list[ChangeView]:
    return [
        ChangeView(change.supplier, change.label, change.category, change.before, change.now)
        for change in drift.changes
    ]


def _list_details(result: AuditResult) -> dict[str, str]:
    judged = result.label_issues.judged
    return {
        "Model": result.model,
        "Items": f"{result.counts.items:,}; {judged:,} with a label and a readable image",
        "Label issues": f"labels that are wrong with probability {ISSUE_THRESHOLD:.0%} or more",
        "Corrections": describe_corrections(result),
        "Method": "prior correction by expectation maximisation for labels, a posterior of each "
        "item given its label, conformal p-values for automatic corrections",
    }


def _list_notices(result: AuditResult) -> list[str]:
    counts, found = result.counts, result.label_issues
    notices = [_end(note) for note in list_notes(result)]
    if counts.errors:
        images = _count(counts.errors, "image")
        notices.append(f"{images} cannot be read, see {BROKEN}. The first: {counts.first_error}")
    if counts.unlabelled:
        verb = "has" if counts.unlabelled == 1 else "have"
        notices.append(f"{_count(counts.unlabelled, 'item')} {verb} no label.")
    if found.issue_count and (found.corrections is None or found.corrections.threshold is None):
        notices.append(_end(describe_corrections(result)))
    return notices


def _end(text: str) -> str:
    """Makes a sentence of a line of the console."""
    return f"{text[0].upper()}{text[1:]}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"
