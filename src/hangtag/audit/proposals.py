"""What to do with a word: map it, split it, ask a person, or file it as no apparel."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from hangtag.audit.dictionary import Posterior
from hangtag.audit.text_reading import TextView

COVER_SHARE, COVER_LOW = 0.10, 0.06
"""A word covers a category with at least this share, and this lower end of its interval: less is
an error of the brand or of the model."""

EXPLAINED = 0.8
"""What the covered categories must share between them, or the word is for a person."""

MAP_LOW = 0.6
"""Lower end of the interval of the one category that a word is mapped to."""

OUTSIDE_LOW = 0.5
"""Lower end of the share of no apparel from which a word is no apparel."""

SPLIT_ITEMS = 10
"""Items from which a word is split: of fewer, two categories may be one that is hard to tell."""

TEXT_NEAR = 0.3
"""Probability of a category without a class from which a rule says so."""

TEXT_SURE, TEXT_FAINT = 0.6, 0.2
"""Probability from which the text of a word is heard where it speaks against the images, and how
faint, beside the likeliest, a category is that it does not mean."""


class Action(StrEnum):
    """What is proposed."""

    MAP = "map"
    SPLIT = "split"
    ASK = "ask"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to do with a word.

    Attributes:
        action: To be approved by a person.
        cover: Indices of the categories that the word stands for, the largest first.
        reason: Why, for people.
    """

    action: Action
    cover: tuple[int, ...]
    reason: str


def propose(posterior: Posterior, text: TextView) -> Proposal:
    """Proposes what to do with a word, from what its images and its text say."""
    cover = find_cover(posterior)
    outside = len(posterior.share) - 1
    if text.vague:
        return Proposal(Action.ASK, (), "the word names nothing")
    if text.foreign >= TEXT_SURE:
        return Proposal(Action.ASK, cover, f"the model has no class for {text.best}")
    if not cover or posterior.share[list(cover)].sum() < EXPLAINED:
        return Proposal(Action.ASK, cover, _say_unclear(posterior))
    if cover == (outside,):
        return _propose_outside(posterior, text, cover)
    if outside in cover:
        return Proposal(Action.ASK, cover, "a part of the items looks like none of the classes")
    if _contradicts(text, cover):
        return Proposal(Action.ASK, cover, f"the word says {text.best}, the images do not")
    if len(cover) > 1:
        return _propose_split(posterior, cover)
    if posterior.low[cover[0]] < MAP_LOW:
        return Proposal(Action.ASK, cover, _say_unclear(posterior))
    return Proposal(Action.MAP, cover, _say_agreed(text, cover))


def find_cover(posterior: Posterior) -> tuple[int, ...]:
    """Returns the indices of the categories that a word stands for, the largest first."""
    order = np.argsort(-posterior.share, kind="stable")
    held = (posterior.share >= COVER_SHARE) & (posterior.low >= COVER_LOW)
    return tuple(int(index) for index in order if held[index])


def _contradicts(text: TextView, cover: tuple[int, ...]) -> bool:
    """Returns whether the text names other categories than the cover; wider ones do not count."""
    covered = text.vector[list(cover)].max()
    return bool(text.vector.sum() >= TEXT_SURE and covered < TEXT_FAINT * text.vector.max())


def _propose_split(posterior: Posterior, cover: tuple[int, ...]) -> Proposal:
    if posterior.n < SPLIT_ITEMS:
        return Proposal(Action.ASK, cover, "too few items")
    return Proposal(Action.SPLIT, cover, "the word covers several categories")


def _propose_outside(posterior: Posterior, text: TextView, cover: tuple[int, ...]) -> Proposal:
    outside = cover[0]
    if posterior.low[outside] < OUTSIDE_LOW:
        return Proposal(Action.ASK, cover, _say_unclear(posterior))
    if text.vector[:outside].sum() >= TEXT_SURE:
        reason = f"the word says {text.best}, the images look like none of the classes"
        return Proposal(Action.ASK, cover, reason)
    return Proposal(Action.OUTSIDE, cover, "the items look like none of the classes")


def _say_agreed(text: TextView, cover: tuple[int, ...]) -> str:
    if text.foreign >= TEXT_NEAR:
        return f"the nearest class, as the images have it: the model has none for {text.best}"
    if not text.known:
        return "images agree"
    agrees = text.vector[list(cover)].sum() >= TEXT_SURE
    return "images and text agree" if agrees else f"images agree; the word says {text.best}"


def _say_unclear(posterior: Posterior) -> str:
    best = int(posterior.share.argmax())
    if posterior.high[best] >= MAP_LOW and posterior.n < 30:
        return "too few items"
    return "the images do not agree"
