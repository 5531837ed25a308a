"""The page of an audit: safe, self-contained, and it shows what it was given."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

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
from hangtag.reports.pages import Picture, encode_image

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)>\"'=1+1"
SAVINGS = SavingsView(1000, 0.5, 0.99, 10, 20.0, 30.0, 25.0, 0.0002, 1.0, 160.0, 55.0)


def make_page(brands: int = 2, words: int = 2, *, name: str = HOSTILE) -> AuditPage:
    picture = Picture(encode_image(np.full((28, 28), 90, np.uint8)), name)
    part = FractionView(name, 0.7, 0.6, 0.8, True, [picture])
    names = [f"{name}{number}" for number in range(brands)]
    issue = IssueView(name, name, name, name, name, 0.9, True, name, name, picture)
    lost = IssueView("lost", name, name, "", name, 0.9, False, "", "", None)
    noise = NoiseView(name, 40, [(0.7, 0.6, 0.8), (0.3, 0.2, 0.4)], [True, False])
    rules = {
        item: [
            RuleView(
                n,
                item,
                f"{name}{n}",
                50,
                "map",
                name,
                name,
                name,
                name,
                3,
                n == 0,
                [part, part],
            )
            for n in range(words)
        ]
        for item in names
    }
    return AuditPage(
        title=name,
        source=name,
        todo=[("rules", name)],
        cards=[("items", "1,000", name)],
        savings=SAVINGS,
        brands=[BrandView(item, 40, 0.1, 0.05, 0.2, "more", [noise], [issue]) for item in names],
        categories=[name, "other"],
        rules=rules,
        issues=[issue, lost],
        issue_count=2,
        duplicates=[issue, lost],
        duplicate_count=2,
        changes=[ChangeView(name, name, name, 0.2, 0.5)],
        drift=[name],
        details={name: name},
        notices=[name],
    )


def write(folder: Path, page: AuditPage) -> str:
    return write_audit_page(folder, page).read_text(encoding="utf-8")


def test_words_of_brands_never_run(tmp_path: Path) -> None:
    html = write(tmp_path, make_page())
    assert html.count("<script") == html.count("</script>") == 1
    assert "<img src=x" not in html
    assert "&lt;script&gt;" in html


def test_only_its_own_script_may_run(tmp_path: Path) -> None:
    html = write(tmp_path, make_page())
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy.replace("&#39;", "'")
    assert not re.search(r"\son\w+=", re.sub(r"&\w+;[^<]*", "", html))


def test_page_needs_nothing_else(tmp_path: Path) -> None:
    html = write(tmp_path, make_page(name="Plain"))
    resources = re.findall(r"""\b(?:src|href)\s*=\s*["']([^"']*)""", html)
    assert all(place.startswith(("data:", "#")) for place in resources)
    assert not re.search(r"url\(|@import|https?://", html)
    anchors = {place[1:] for place in resources if place.startswith("#")}
    assert anchors <= set(re.findall(r'id="([^"]*)"', html))


def test_it_shows_what_it_is_given(tmp_path: Path) -> None:
    html = write(tmp_path, make_page(name="Plain"))
    assert html.count('class="rule"') == 4
    assert html.count(" checked") == 2
    assert "<td>20.0\u00a0%</td><td>50.0\u00a0%</td>" in html
    assert "30.0\u00a0%<small>20.0\u00a0% to 40.0\u00a0%</small>" in html
    assert "not readable" in html
    assert html.index("What to do first</h2>") < html.index('<section id="brands"')


def test_two_hundred_brands(tmp_path: Path) -> None:
    html = write(tmp_path, make_page(200, 12, name="Brand"))
    assert html.count('class="rule"') == 2400
    assert html.count('<details class="brand-rules" open>') == 1
    assert len(html) < 8_000_000


def test_without_an_earlier_audit_there_are_no_changes(tmp_path: Path) -> None:
    page = make_page(name="Plain")
    html = write(tmp_path, replace(page, changes=None, drift=()))
    assert "#changes" not in html
