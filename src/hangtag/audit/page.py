"""From what an audit found to what its page shows, pictures included."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hangtag.audit.approvals import explain_rule, is_contradicted, rule_of
from hangtag.audit.dictionary_entries import Entry
from hangtag.audit.drift import Drift
from hangtag.audit.inspection import ISSUE_SCORE, Issue
from hangtag.audit.noise import BrandNoise
from hangtag.audit.proposals import Action
from hangtag.audit.repeats import Finding
from hangtag.audit.rules import BETWEEN, Rule
from hangtag.audit.run import AuditResult
from hangtag.audit.summary import describe_corrections, describe_drift, list_notes, summarise
from hangtag.audit.writing import LEAST_SHARE, name_cover
from hangtag.images.items import Shape
from hangtag.readers import Decoders, ImageFile
from hangtag.reports.audit_page import (
    AuditPage,
    BrandView,
    ChangeView,
    IssueView,
    Ledger,
    NoiseView,
    RuleView,
    Share,
    write_audit_page,
)
from hangtag.reports.pages import SMALL, Picture, encode_image

PICTURED_RULES = 300
"""The rules of so many words, those with most items, have pictures."""

WORST, WORST_OF_BRAND, PICTURED_BRANDS = 60, 12, 60
"""Issues shown of all brands, of one brand, and of how many brands."""

_LARGEST = 96
_BRANDS_TO_SEE = 3

Pictures = Mapping[str, Picture]


def write_page(result: AuditResult, folder: Path, *, shape: Shape) -> Path:
    """Writes ``audit.html``.

    Args:
        result: What the audit found.
        folder: Where to.
        shape: Of the images that the model takes; pictures are at most `_LARGEST` pixels wide.

    Raises:
        OutputError: It cannot be written.
    """
    worst = result.inspection.issues[:WORST]
    again = _pick_repeats(result)
    of_brands = _pick_by_brand(result)
    pictured = _pick_rules(result.entries)
    wanted = [
        *(issue.path for issue in (*worst, *again)),
        *(issue.path for issues in of_brands.values() for issue in issues),
        *(
            path
            for (number, _), paths in result.inspection.examples.items()
            if number in pictured
            for path in paths
        ),
    ]
    pictures = _draw(wanted, shape=shape)
    page = AuditPage(
        title=f"{Path(result.feed.path).name}, audited",
        source=result.feed.path,
        todo=_list_todo(result),
        cards=_make_cards(result),
        ledger=_make_ledger(result),
        brands=[
            _view_brand(brand, of_brands.get(brand.supplier, []), result, pictures)
            for brand in result.noise
        ],
        categories=result.categories.names,
        rules=_view_rules(result, pictures, pictured),
        issues=[_view_issue(issue, result, pictures) for issue in worst],
        issue_count=result.inspection.issue_count,
        repeats=[_view_issue(issue, result, pictures) for issue in again],
        repeat_count=sum(result.inspection.repeat_counts.values()),
        changes=None if result.drift is None else _view_changes(result.drift),
        earlier=[] if result.drift is None else [_end(one) for one in describe_drift(result.drift)],
        facts=_list_facts(result),
        notices=_list_notices(result),
        small_images=max(shape[:2]) <= SMALL,
    )
    return write_audit_page(folder, page)


def _draw(paths: Iterable[str], *, shape: Shape) -> dict[str, Picture]:
    """Decodes images again, as the model sees them; those that fail are left out."""
    distinct = list(dict.fromkeys(paths))
    size = min(shape[0], _LARGEST), min(shape[1], _LARGEST)
    with Decoders() as decoders:
        return {
            one.source: Picture(encode_image(one.pixels), Path(one.name).name)
            for one in decoders.decode(map(ImageFile, distinct), size=size, channels=shape[2])
            if one.pixels is not None
        }


def _pick_rules(entries: Sequence[Entry]) -> set[int]:
    order = sorted(range(len(entries)), key=lambda number: -entries[number].items)
    return set(order[:PICTURED_RULES])


def _pick_by_brand(result: AuditResult) -> dict[str, list[Issue]]:
    shown = {brand.supplier for brand in result.noise[:PICTURED_BRANDS]}
    found: dict[str, list[Issue]] = {}
    for issue in result.inspection.issues:
        supplier = result.entries[issue.group].supplier
        if supplier in shown and len(found.setdefault(supplier, [])) < WORST_OF_BRAND:
            found[supplier].append(issue)
    return found


def _pick_repeats(result: AuditResult) -> list[Issue]:
    """Returns items whose picture comes again: labels at odds first, copies side by side."""
    inspection, order = result.inspection, list(Finding)
    found = [
        (order.index(one.repeat.finding), one.repeat.first, one.position, one)
        for one in (*inspection.issues, *inspection.repeats)
        if one.repeat
    ]
    return [one for *_, one in sorted(found)[:WORST]]


def _list_todo(result: AuditResult) -> list[tuple[str, str]]:
    """Says what to do, what settles most items in least time first."""
    items = dict.fromkeys(Action, 0)
    words = dict.fromkeys(Action, 0)
    for entry in (one for one in result.entries if one.approved is None):
        items[entry.proposal.action] += entry.items
        words[entry.proposal.action] += 1
    contradicted = sum(is_contradicted(entry, result.categories) for entry in result.entries)
    noun = "approved rule that the images contradict"
    found = [("rules", f"Look again at {_count(contradicted, noun)}.")] if contradicted else []
    found += [
        ("rules", f"Approve {_count(words[action], noun)}: {items[action]:,} items.")
        for action, noun in (
            (Action.MAP, "word that is one category"),
            (Action.SPLIT, "word that covers several"),
            (Action.OUTSIDE, "word that is no apparel"),
        )
        if words[action]
    ]
    if words[Action.ASK]:
        noun = "word that images and text do not settle"
        found.append(
            ("rules", f"Decide {_count(words[Action.ASK], noun)}: {items[Action.ASK]:,} items.")
        )
    automatic = result.inspection.settled["correction"]
    if automatic:
        found.append(("issues", f"Let {_count(automatic, 'label')} be corrected automatically."))
    left = result.inspection.issue_count - automatic
    if left:
        found.append(
            ("issues", f"Look at {_count(left, 'item')} whose image contradicts the label.")
        )
    found += _list_repeats(result.inspection.repeat_counts)
    worse = [brand for brand in result.noise if brand.verdict == "more"][:_BRANDS_TO_SEE]
    found += [
        ("brands", f"Talk to {one.supplier}: {one.error.share:.1%} of its labels are wrong.")
        for one in worse
    ]
    return found or [("rules", "Nothing: every word is clear and no image contradicts.")]


def _list_repeats(counts: Mapping[Finding, int]) -> list[tuple[str, str]]:
    sentences = {
        Finding.AT_ODDS: "Decide between the labels of {} that share a picture but not a meaning.",
        Finding.TWICE: "Ask why {} came twice from one brand.",
    }
    return [
        ("repeats", sentence.format(_count(counts[finding], "item")))
        for finding, sentence in sentences.items()
        if counts.get(finding)
    ]


def _make_cards(result: AuditResult) -> list[tuple[str, str, str]]:
    found = summarise(result)
    return [
        ("items", f"{found['items']:,}", f"{found['brands']:,} brands, {found['words']:,} words"),
        ("need no person", f"{found['automated']:.1%}", "once the rules are approved"),
        ("rules", f"{result.savings.rules:,}", f"to approve; {found['approved']:,} are approved"),
        ("issues", f"{found['issues']:,}", f"{found['automatic']:,} automatic"),
    ]


def _make_ledger(result: AuditResult) -> Ledger:
    savings, taken = result.savings, result.savings.assumptions
    return Ledger(
        items=savings.items,
        automated=savings.automated,
        precision=savings.precision,
        rules=savings.rules,
        seconds=taken.seconds,
        seconds_a_rule=taken.seconds_a_rule,
        wage=taken.wage,
        compute=taken.compute,
        error=taken.error,
        minutes=savings.minutes,
        money=savings.money,
    )


def _view_brand(
    brand: BrandNoise, issues: Sequence[Issue], result: AuditResult, pictures: Pictures
) -> BrandView:
    names = result.categories.names
    noise = [
        NoiseView(
            given=", ".join(names[index] for index in row.cover),
            items=row.items,
            shares=[
                (float(share), float(low), float(high))
                for share, low, high in zip(
                    row.truth.share, row.truth.low, row.truth.high, strict=True
                )
            ],
            right=[index in row.cover for index in range(len(names))],
        )
        for row in brand.rows
    ]
    return BrandView(
        name=brand.supplier,
        items=brand.items,
        error=brand.error.share,
        low=brand.error.low,
        high=brand.error.high,
        verdict=brand.verdict,
        noise=noise,
        issues=[_view_issue(issue, result, pictures) for issue in issues],
    )


def _view_rules(
    result: AuditResult, pictures: Pictures, pictured: set[int]
) -> dict[str, list[RuleView]]:
    """Returns the rules by brand: brands as ranked, then words by their items.

    What a person approved stays as it was approved, the words that this feed lacks included.
    """
    found: dict[str, list[RuleView]] = {brand.supplier: [] for brand in result.noise}
    rules = [*(rule_of(entry, result.categories) for entry in result.entries), *result.approved]
    places = {key: place for place, key in enumerate(sorted({rule.key for rule in rules}))}
    for number in sorted(range(len(result.entries)), key=lambda n: -result.entries[n].items):
        place = places[rules[number].key]
        view = _view_rule(number, result, pictures if number in pictured else {}, place=place)
        found.setdefault(view.supplier, []).append(view)
    here = {rule.key for rule in rules[: len(result.entries)]}
    for rule in result.approved:
        if rule.key not in here:
            view = _view_absent_rule(rule, place=places[rule.key])
            found.setdefault(rule.supplier, []).append(view)
    return {supplier: views for supplier, views in found.items() if views}


def _view_rule(number: int, result: AuditResult, pictures: Pictures, *, place: int) -> RuleView:
    entry = result.entries[number]
    rule = rule_of(entry, result.categories)
    return RuleView(
        place=place,
        supplier=entry.supplier,
        label=entry.label,
        items=entry.items,
        action=str(rule.action),
        categories=BETWEEN.join(rule.categories),
        ids=BETWEEN.join(rule.ids),
        reason=explain_rule(entry, result.categories),
        text=f"{entry.text.best} ({entry.text.score:.0%})" if entry.text.known else "",
        issues=result.inspection.issues_by_group.get(number, 0),
        approved=rule.approved,
        shares=_view_shares(number, result, pictures),
    )


def _view_absent_rule(rule: Rule, *, place: int) -> RuleView:
    return RuleView(
        place=place,
        supplier=rule.supplier,
        label=rule.label,
        items=0,
        action=str(rule.action),
        categories=BETWEEN.join(rule.categories),
        ids=BETWEEN.join(rule.ids),
        reason="approved before; this feed has no such word",
        text="",
        issues=0,
        approved=True,
        shares=(),
    )


def _view_shares(number: int, result: AuditResult, pictures: Pictures) -> list[Share]:
    posterior = result.entries[number].posterior
    cover = result.entries[number].meaning.cover
    found = []
    for index in (-posterior.share).argsort(kind="stable").tolist():
        if posterior.share[index] >= LEAST_SHARE or index in cover:
            paths = result.inspection.examples.get((number, index), [])
            found.append(
                Share(
                    name=result.categories.names[index],
                    share=float(posterior.share[index]),
                    low=float(posterior.low[index]),
                    high=float(posterior.high[index]),
                    covered=index in cover,
                    pictures=[pictures[path] for path in paths if path in pictures],
                )
            )
    return found


def _view_issue(issue: Issue, result: AuditResult, pictures: Pictures) -> IssueView:
    entry = result.entries[issue.group]
    return IssueView(
        id=issue.id,
        supplier=entry.supplier,
        label=entry.label,
        means=name_cover(entry, result),
        suggested=result.categories.names[issue.suggested],
        score=issue.score,
        automatic=issue.automatic,
        finding="" if issue.repeat is None else str(issue.repeat.finding),
        same_as="" if issue.repeat is None else issue.repeat.same_as,
        picture=pictures.get(issue.path),
    )


def _view_changes(drift: Drift) -> list[ChangeView]:
    return [
        ChangeView(one.supplier, one.label, one.category, one.before, one.now)
        for one in drift.changes
    ]


def _list_facts(result: AuditResult) -> dict[str, str]:
    return {
        "Model": result.model,
        "Items": f"{result.scan.items:,}, of which {result.inspection.judged:,} were judged",
        "Issues": f"items whose label is wrong with a probability of at least {ISSUE_SCORE:.0%}",
        "Without a person": describe_corrections(result),
        "Method": "prior correction by expectation maximisation for words, a posterior of each "
        "item given its word, conformal p-values for automatic corrections",
    }


def _list_notices(result: AuditResult) -> list[str]:
    notices = [f"{one}." for one in list_notes(result)]
    if result.scan.errors:
        notices.append(
            f"{_count(result.scan.errors, 'image')} cannot be read; the first: "
            f"{result.scan.first_error}"
        )
    if result.scan.groups.unlabelled:
        notices.append(f"{_count(result.scan.groups.unlabelled, 'item')} without a label.")
    correctable = result.inspection.correctable
    if result.inspection.issue_count and (correctable is None or correctable.threshold is None):
        notices.append(_end(describe_corrections(result)))
    return notices


def _end(said: str) -> str:
    """Makes a sentence of what the console says in a line."""
    return f"{said[0].upper()}{said[1:]}."


def _count(number: int, noun: str) -> str:
    words = noun.split(" that ", 1)
    plural = f"{words[0]}s" + "".join(f" that {rest}" for rest in words[1:])
    plural = plural.replace("that is", "that are").replace("covers", "cover")
    return f"{number:,} {noun if number == 1 else plural}"
