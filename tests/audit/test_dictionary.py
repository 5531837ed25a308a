"""Proposals for labels, case by case."""

import numpy as np
import pytest

from hangtag.audit.categories import TextMeaning
from hangtag.audit.dictionary import DictionaryEntry, propose
from hangtag.audit.label_issues import find_excluded
from hangtag.audit.posterior import Posterior
from hangtag.audit.rules import Action

SAID_NOTHING = TextMeaning(np.zeros(4))
VAGUE = TextMeaning(np.zeros(4), vague=True)
SAYS_FIRST = TextMeaning(np.array([0.9, 0.0, 0.0, 0.1]), 0.0, "First", 0.9)


def posterior(*shares: float, n: int = 100, spread: float = 0.05) -> Posterior:
    share = np.array(shares)
    return Posterior(share, np.maximum(share - spread, 0), np.minimum(share + spread, 1), n)


@pytest.mark.parametrize(
    ("found", "text", "action", "cover", "reason"),
    [
        (posterior(0.95, 0.03, 0.01, 0.01), SAYS_FIRST, "map", (0,), "images and text agree"),
        (posterior(0.95, 0.03, 0.01, 0.01), SAID_NOTHING, "map", (0,), "images agree"),
        (posterior(0.99, 0.01, 0.0, 0.0), VAGUE, "ask", (), "the label names no goods"),
        (posterior(0.7, 0.27, 0.02, 0.01), SAYS_FIRST, "split", (0, 1), "several"),
        (posterior(0.02, 0.97, 0.01, 0.0), SAYS_FIRST, "ask", (1,), "the label says First"),
        (posterior(0.01, 0.01, 0.01, 0.97), SAID_NOTHING, "outside", (3,), "none of the classes"),
        (posterior(0.01, 0.01, 0.01, 0.97), SAYS_FIRST, "ask", (3,), "the label says First"),
        (posterior(0.7, 0.05, 0.0, 0.25), SAID_NOTHING, "ask", (0, 3), "some of the items"),
        (posterior(0.5, 0.2, 0.2, 0.1, n=9, spread=0.3), SAID_NOTHING, "ask", (0,), "too few"),
        (posterior(0.4, 0.09, 0.42, 0.09), SAID_NOTHING, "split", (2, 0), "several"),
        (posterior(0.5, 0.45, 0.03, 0.02, n=2), SAID_NOTHING, "ask", (0, 1), "too few items"),
    ],
)
def test_proposals(
    found: Posterior, text: TextMeaning, action: str, cover: tuple[int, ...], reason: str
) -> None:
    proposal = propose(found, text)
    assert (str(proposal.action), proposal.categories) == (action, cover)
    assert reason in proposal.reason


def test_a_category_without_a_class_is_never_forced_into_one() -> None:
    """However sure the images look: the model has no other answer for shorts."""
    shorts = TextMeaning(np.array([0.0, 0.0, 0.0, 0.02]), 0.98, "Shorts", 0.98)
    proposal = propose(posterior(0.99, 0.01, 0.0, 0.0, n=5000, spread=0.005), shorts)
    assert proposal.action is Action.ASK
    assert "no class for Shorts" in proposal.reason


def test_nothing_is_corrected_to_what_items_without_a_class_look_like() -> None:
    shorts = TextMeaning(np.array([0.0, 0.0, 0.0, 0.02]), 0.98, "Shorts", 0.98)
    texts = [SAYS_FIRST, shorts]
    found = [posterior(0.95, 0.03, 0.01, 0.01), posterior(0.01, 0.9, 0.08, 0.01)]
    proposals = [propose(one, text) for one, text in zip(found, texts, strict=True)]
    entries = [
        DictionaryEntry("A", "word", 9, one, text, proposal, proposal, lacks_class=text is shorts)
        for one, text, proposal in zip(found, texts, proposals, strict=True)
    ]
    assert find_excluded(entries) == (1,)
    assert find_excluded(entries[:1]) == ()


def test_a_broader_label_does_not_contradict() -> None:
    shoes = TextMeaning(np.array([0.3, 0.33, 0.33, 0.04]), 0.0, "Shoes", 0.96)
    assert propose(posterior(0.95, 0.02, 0.02, 0.01), shoes).action is Action.MAP


def test_a_near_class_is_named_as_such() -> None:
    blouses = TextMeaning(np.array([0.17, 0.17, 0.17, 0.0]), 0.49, "Blouses", 0.98)
    proposal = propose(posterior(0.95, 0.02, 0.02, 0.01), blouses)
    assert proposal.action is Action.MAP
    assert "no class for Blouses" in proposal.reason
