"""Reads a label in one language: the categories that it may mean.

Each part of a label is read separately (`hangtag.taxonomy.phrases`). Parts that name different
things mean their common ancestor. Parts that lie on one path of the tree mean the deepest. A part
that names nothing qualifies the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product

from hangtag.taxonomy.labels import LIST, PATH, SEPARATORS, SLASH
from hangtag.taxonomy.lexicon import OUTSIDE, Lexicon, Senses, content_words
from hangtag.taxonomy.phrases import JOINED, LOAN, OWN, TYPO, UNKNOWN, Term, find_terms, look_up
from hangtag.taxonomy.refinements import context_category, contexts_of, refine
from hangtag.taxonomy.tree import shipped_tree

KINDS = ("term", "qualified", "beside", "several", "joined", "typo", "part", "context", "nothing")
"""How a label may be understood, from the surest: as a term of the tables; a term and words that
only qualify; beside a second noun; as several things; by a noun at the end of a word; after a
correction; in part, other words being unknown; by words like ``Kids`` alone; not at all."""

_FACTORS = {OWN: 1.0, LOAN: 0.4, JOINED: 0.8, TYPO: 0.1, UNKNOWN: 0.01}
_GLUE_FACTOR = 1.3
_WEARERS = frozenset({"kids", "boys", "girls", "women", "men", "maternity", "sport", "unisex"})
_DEPARTMENT = 2
_MANY = 4
_RARE = 0.1
_VAGUE = frozenset({"aa", "aa-1", "aa-2"})


@dataclass(frozen=True, slots=True)
class LabelReading:
    """What a label means in one language.

    Attributes:
        kind: One of `KINDS`.
        senses: Category or `OUTSIDE` -> probability; sums to 1, empty where nothing was understood.
        likelihood: How well the words fit the language; comparable for one label only.
        asides: Other categories that were named, such as that of a qualifying noun.
    """

    kind: str
    senses: Senses
    likelihood: float
    asides: tuple[str, ...] = ()


@dataclass(slots=True)
class _LabelPart:
    """A part of a label while it is read."""

    words: list[str]
    separator: str
    is_tail: bool = False
    found: list[Term] = field(default_factory=list)
    head: Term | None = None
    beside: list[str] = field(default_factory=list)
    contexts: set[str] = field(default_factory=set)


def read_label(tokens: Sequence[str], lexicon: Lexicon, *, slash: str = SLASH) -> LabelReading:
    """Reads the tokens of a label in one language.

    Args:
        tokens: From `hangtag.taxonomy.labels.tokenise`.
        lexicon: Of the language.
        slash: What a slash means: `SLASH` where it is not known, else `PATH` or `LIST`.
    """
    words = content_words(tokens, lexicon.glue)
    glue = sum(token in lexicon.glue for token in tokens)
    if PATH not in tokens:
        whole = _read_whole(words, lexicon, bonus=_GLUE_FACTOR**glue)
        if whole is not None:
            return whole
    parts = _split_parts(tokens, lexicon, slash)
    for part in parts:
        _read_part(part, lexicon)
    _choose_weak(parts)
    _complete_parts(parts, lexicon)
    likelihood = _GLUE_FACTOR**glue
    for part in parts:
        for term in part.found:
            likelihood *= _FACTORS[term.how]
    return _combine(parts, likelihood, is_path=PATH in tokens)


def _read_whole(words: Sequence[str], lexicon: Lexicon, *, bonus: float) -> LabelReading | None:
    """Reads a label that is a term as a whole, or one with words for its wearer."""
    term = look_up(words, lexicon) if words else None
    if term is not None:
        return LabelReading("term", term[1], bonus * _FACTORS[term[0]] ** max(1, len(words)))
    kinds = {word: lexicon.kinds.get(lexicon.key((word,))) for word in words}
    contexts = frozenset(kind for kind in kinds.values() if kind in _WEARERS)
    rest = [word for word in words if kinds[word] not in _WEARERS]
    term = look_up(rest, lexicon) if contexts and rest else None
    if term is None:
        return None
    senses = _refine_all(term[1], contexts)
    likelihood = bonus * _FACTORS[term[0]] ** len(rest)
    return LabelReading("term", senses, likelihood, _asides([_best(term[1])], senses))


def _split_parts(tokens: Sequence[str], lexicon: Lexicon, slash: str) -> list[_LabelPart]:
    """Splits tokens at separators and at words for *and*; after *with* or *for* comes a tail."""
    parts = [_LabelPart([], LIST)]
    for token in tokens:
        kind = lexicon.glue.get(token)
        if token in SEPARATORS or kind in ("and", "cut"):
            if not parts[-1].words:
                continue
            separator = slash if token == SLASH else token if token in SEPARATORS else LIST
            follows_tail = parts[-1].is_tail and separator == LIST
            parts.append(_LabelPart([], separator, kind == "cut" or follows_tail))
        elif kind != "stop":
            parts[-1].words.append(token)
    return [part for part in parts if part.words]


def _read_part(part: _LabelPart, lexicon: Lexicon) -> None:
    part.found = find_terms(part.words, lexicon)
    nouns = [term for term in part.found if term.is_strong]
    first = part.found[0]
    if not lexicon.head_last and first.kind == "neutral" and first.senses is not None:
        nouns.insert(0, first)
    part.head = nouns[0] if nouns else None
    for term in part.found:
        if term.kind is not None:
            part.contexts.add(term.kind)
        if term in nouns[1:] and term.senses is not None:
            part.beside.append(_best(term.senses))


def _choose_weak(parts: list[_LabelPart]) -> None:
    """Where no part has a sure noun, takes words that often only qualify one, such as *Denim*."""
    if any(part.head is not None and not part.is_tail for part in parts):
        return
    for part in parts:
        weak = [term for term in part.found if term.senses is not None]
        if weak and (weak[0].kind == "neutral" or len(part.found) == 1):
            part.head = weak[0]


def _complete_parts(parts: list[_LabelPart], lexicon: Lexicon) -> None:
    """Gives a part without a noun the noun of its neighbour: *Weekend/Gym bag*, *Boots/Ankle*."""
    for before, tail in pairwise(parts):
        if tail.is_tail and before.head is not None and not before.is_tail:
            term = look_up([before.head.key, *tail.words], lexicon)
            before.head = Term(0, term[0], before.head.key, term[1]) if term else before.head
    _share_qualifiers(parts, lexicon)
    heads = [part for part in parts if part.head is not None and not part.is_tail]
    if len(heads) == 1:
        for part in parts:
            if part is not heads[0] and not part.is_tail:
                _borrow_noun(part, heads[0], lexicon, is_first=heads[0] is parts[0])


def _share_qualifiers(parts: list[_LabelPart], lexicon: Lexicon) -> None:
    """Lets a qualifier at the outer end count for a whole list: *Ski jackets & pants*."""
    listed = [part for part in parts if not part.is_tail]
    if len(listed) < 2 or any(part.separator == PATH for part in listed[1:]):
        return
    outer = listed[0] if lexicon.head_last else listed[-1]
    qualifiers = outer.words[:-1] if lexicon.head_last else outer.words[1:]
    if not qualifiers or outer.head is None:
        return
    for part in listed:
        if part is outer or len(part.words) > 1 or part.head is None:
            continue
        both = [*qualifiers, *part.words] if lexicon.head_last else [*part.words, *qualifiers]
        term = look_up(both, lexicon)
        if term is not None:
            part.head = Term(0, term[0], part.head.key, term[1])


def _borrow_noun(part: _LabelPart, owner: _LabelPart, lexicon: Lexicon, *, is_first: bool) -> None:
    """Puts a part and the only noun of a label together, where that is a term."""
    assert owner.head is not None
    key = owner.head.key
    term = look_up([*part.words, key] if lexicon.head_last else [key, *part.words], lexicon)
    if term is None:
        return
    whole = Term(0, term[0], key, term[1])
    separators = {owner.separator, part.separator}
    if PATH in separators or (SLASH in separators and is_first):
        owner.head = whole
    else:
        part.head = whole


def _combine(parts: list[_LabelPart], likelihood: float, *, is_path: bool) -> LabelReading:
    contexts = frozenset(context for part in parts for context in part.contexts)
    named = [part for part in parts if part.head is not None and not part.is_tail]
    tail = [
        _best(part.head.senses) for part in parts if part.is_tail and part.head and part.head.senses
    ]
    beside = [*(category for part in parts for category in part.beside), *tail]
    plain = [_best(part.head.senses) for part in named if part.head and part.head.senses]
    asides = _asides([*plain, *beside], {})
    if not named:
        return _read_nothing(parts, contexts, likelihood, asides)
    goes_down = _goes_down(named)
    lenders = [*plain, *beside] if goes_down else tail
    lent = frozenset(context for lender in lenders for context in contexts_of(lender))
    meanings = [_meaning(part, contexts | lent) for part in named]
    if "notworn" in contexts:
        return LabelReading("qualified", {OUTSIDE: 1.0}, likelihood, asides)
    bests = list(dict.fromkeys(_best(senses) for senses in meanings))
    if len(bests) == 1:
        return LabelReading(_kind(parts), meanings[0], likelihood, _asides(asides, meanings[0]))
    way = _levels(named, meanings) if goes_down else [meanings]
    chosen = _walk([_join(level) for level in way], may_leave=is_path)
    senses = {chosen: 1.0}
    understood = _kind(parts)
    is_end = len(way[-1]) == 1 and chosen == bests[-1]
    kind = understood if understood == "part" or (goes_down and is_end) else "several"
    return LabelReading(kind, senses, likelihood, _asides([*bests, *asides], senses))


def _goes_down(named: Sequence[_LabelPart]) -> bool:
    """Returns whether parts lead down a tree; slashes do where they start with a department."""
    separators = {part.separator for part in named[1:]}
    if separators != {SLASH}:
        return PATH in separators
    tree = shipped_tree()
    ways = [_best(part.head.senses) for part in named if part.head and part.head.senses]
    return (
        OUTSIDE not in ways
        and len(tree.path(ways[0])) <= _DEPARTMENT
        and all(tree.is_within(below, above) for above, below in pairwise(ways))
    )


def _levels(named: Sequence[_LabelPart], meanings: Sequence[Senses]) -> list[list[Senses]]:
    """Returns the meanings of each level of a way down: *Tops > Shirts & Blouses* has two."""
    levels: list[list[Senses]] = []
    for part, senses in zip(named, meanings, strict=True):
        if part.separator == LIST and levels:
            levels[-1].append(senses)
        else:
            levels.append([senses])
    return levels


def _read_nothing(
    parts: Sequence[_LabelPart],
    contexts: frozenset[str],
    likelihood: float,
    asides: tuple[str, ...],
) -> LabelReading:
    """Returns the reading of a label without a noun, such as ``Kids``."""
    category = context_category(contexts)
    unknown = any(term.how == UNKNOWN for part in parts for term in part.found)
    if category is None or unknown:
        return LabelReading("nothing", {}, likelihood, (*([category] if category else ()), *asides))
    return LabelReading("context", {category: 1.0}, likelihood, asides)


def _meaning(part: _LabelPart, contexts: frozenset[str]) -> Senses:
    """Returns what the noun of a part means, in view of all that stands beside it."""
    assert part.head is not None
    assert part.head.senses is not None
    lent = {context for beside in part.beside for context in contexts_of(beside)}
    senses = _refine_all(part.head.senses, contexts | lent)
    best = _best(senses)
    for beside in part.beside:
        if best in _VAGUE and best != "aa-2" and OUTSIDE not in (best, beside):
            return {refine(beside, contexts): 1.0}
    return senses


def _refine_all(senses: Senses, contexts: frozenset[str]) -> Senses:
    refined: dict[str, float] = {}
    for category, probability in senses.items():
        target = refine(category, contexts)
        refined[target] = refined.get(target, 0.0) + probability
    return refined


def _kind(parts: Iterable[_LabelPart]) -> str:
    found = [term for part in parts for term in part.found]
    ways = {term.how for term in found}
    if UNKNOWN in ways:
        joined = JOINED in ways and sum(term.how == UNKNOWN for term in found) == 1
        return "joined" if joined else "part"
    if TYPO in ways:
        return "typo"
    return "beside" if any(part.beside for part in parts) else "qualified"


def _walk(way: Sequence[str], *, may_leave: bool) -> str:
    """Returns where a way down a tree ends.

    A step that leads elsewhere only qualifies (*Boots/Knee High*), unless steps may leave the
    branch, as in menus: *Trousers > Shorts*.
    """
    tree = shipped_tree()
    here = way[0]
    for step in way[1:]:
        if step == OUTSIDE or (here != OUTSIDE and tree.is_within(here, step)):
            continue
        is_wide = here == OUTSIDE or here in _VAGUE or len(tree.path(here)) <= _DEPARTMENT
        if is_wide or may_leave or tree.is_within(step, here):
            here = step
    return here


def _asides(categories: Iterable[str], senses: Senses) -> tuple[str, ...]:
    """Returns the categories that are not among the senses, each once."""
    return tuple(
        dict.fromkeys(
            category for category in categories if category != OUTSIDE and category not in senses
        )
    )


def _join(meanings: Sequence[Senses]) -> str:
    """Returns the common ancestor of all meanings but those outside.

    Where the likeliest senses have none below the departments, rarer ones may: of *Boxers & Briefs*
    either is for men or for women.
    """
    tree = shipped_tree()
    named = [senses for senses in meanings if _best(senses) != OUTSIDE]
    choices = [[_best(senses)] for senses in named]
    joined = tree.common_ancestor(choice[0] for choice in choices)
    if joined is None or len(tree.path(joined)) > _DEPARTMENT or len(named) > _MANY:
        return joined or OUTSIDE
    choices = [
        [category for category, fraction in senses.items() if fraction >= _RARE] for senses in named
    ]
    found = [tree.common_ancestor(ones) for ones in product(*choices) if OUTSIDE not in ones]
    return max(
        (category for category in found if category),
        key=lambda category: len(tree.path(category)),
        default=joined,
    )


def _best(senses: Senses) -> str:
    return max(senses, key=lambda category: senses[category])
