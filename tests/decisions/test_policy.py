import numpy as np
import pytest
from numpy.typing import NDArray

from hangtag.datasets import FASHION_MNIST_CLASSES as CLASSES
from hangtag.decisions.policy import (
    DecisionPolicy,
    build_levels,
    decide,
    describe_support,
    fit_policy,
    stored_precision,
)
from hangtag.errors import DataError
from hangtag.taxonomy import LEVELS, parents_of

NAMES = ("shirt", "coat", "boot", "sandal", "bag")
PARENTS = (("upper", "clothing"), ("upper", "clothing"), ("shoes",), ("shoes",), ("bags",))
LEVELS_OF_FIVE = build_levels(NAMES, PARENTS, names=("group", "department"))


def test_levels_group_as_none_below_does() -> None:
    first, second = LEVELS_OF_FIVE
    assert first.categories == NAMES
    assert first.members == (0, 1, 2, 3, 4)
    # A bag is alone in its group, and the department groups as the group does.
    assert second.name == "group"
    assert second.categories == ("upper", "shoes")
    assert second.members == (0, 0, 1, 1, None)


def test_classes_without_parents_have_one_level() -> None:
    assert len(build_levels(("a", "b"), [(), ()], names=("group",))) == 1


def test_the_upper_body_of_fashion_mnist() -> None:
    levels = build_levels(CLASSES, [parents_of(name) for name in CLASSES], names=LEVELS)
    names = {level.name: level.categories for level in levels}
    assert names["group"] == ("Upper body", "Shoes")
    assert names["department"] == ("Clothing",)
    upper = {name for name, member in zip(CLASSES, levels[1].members, strict=True) if member == 0}
    assert upper == {"T-shirt/top", "Pullover", "Coat", "Shirt"}


def make_policy(limit: float = 1.0) -> DecisionPolicy:
    return DecisionPolicy(
        levels=LEVELS_OF_FIVE,
        thresholds={
            "0.95": ((0.8, 0.9, 0.8, 0.8, None), (0.9, None)),
            "0.99": ((None,) * 5, (None, None)),
        },
        items_needed={"0.99": 1000},
        ood_threshold=limit,
    )


def decide_on(*rows: list[float], ood_scores: float = 0.0, precision: float = 0.95) -> list[object]:
    given = np.array(rows)
    decided = decide(
        given, np.full(len(rows), ood_scores), make_policy(), target_precision=precision
    )
    return [
        (str(decision), LEVELS_OF_FIVE[level].categories[category], round(float(confidence), 6))
        for decision, level, category, confidence in zip(
            decided.decision,
            decided.level,
            decided.answer,
            np.where(decided.level > 0, decided.parent_confidence, decided.confidence),
            strict=True,
        )
    ]


def test_a_sure_class_is_accepted_and_a_sure_parent_stands_in_for_an_unsure_class() -> None:
    assert decide_on(
        [0.85, 0.15, 0, 0, 0],  # sure of the shirt
        [0.15, 0.85, 0, 0, 0],  # coats need 0.9, but it is worn above
        [0.5, 0.3, 0.2, 0, 0],  # not even that
        [0, 0, 0.5, 0.5, 0],  # shoes have no threshold
        [0, 0, 0, 0, 1],  # bags neither
    ) == [
        ("accept", "shirt", 0.85),
        ("parent", "upper", 1.0),
        ("review", "shirt", 0.5),
        ("review", "boot", 0.5),
        ("review", "bag", 1.0),
    ]


def test_a_strange_input_is_unknown_however_sure_the_model() -> None:
    assert decide_on([1, 0, 0, 0, 0], ood_scores=1.5) == [("unknown", "shirt", 1.0)]
    assert decide_on([1, 0, 0, 0, 0], ood_scores=1.0) == [("accept", "shirt", 1.0)]


def test_a_precision_between_takes_the_next_higher_one() -> None:
    policy = make_policy()
    assert stored_precision(policy, 0.9) == "0.95"
    assert stored_precision(policy, 0.96) == "0.99"
    assert decide_on([1, 0, 0, 0, 0], precision=0.96) == [("review", "shirt", 1.0)]
    with pytest.raises(DataError, match=r"up to 0\.99, received 0\.999"):
        stored_precision(policy, 0.999)


def draw(
    random: np.random.Generator, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Draws calibrated probabilities of five classes, in which pairs are hard to tell apart."""
    alike = random.integers(0, 3, count)
    weights = np.full((count, 5), 0.01)
    pairs = np.array([[0, 1], [2, 3], [4, 4]])[alike]
    weights[np.arange(count), pairs[:, 0]] = 0.5
    weights[np.arange(count), pairs[:, 1]] = 0.5
    probabilities = random.standard_gamma(weights) + 1e-12
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = (random.random((count, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(max=4)
    return probabilities, random.normal(size=count), labels.astype(np.int64)


@pytest.fixture(scope="module")
def drawn() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """20,000 items to draw splits of."""
    return draw(np.random.default_rng(0), 20_000)


@pytest.fixture(scope="module")
def fitted(
    drawn: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]],
) -> list[tuple[NDArray[np.bool_], DecisionPolicy]]:
    """500 splits of the items: which are held out, and the policy fitted on them."""
    probabilities, ood_scores, labels = drawn
    random, found = np.random.default_rng(1), []
    for _ in range(500):
        held_out = np.zeros(len(labels), dtype=bool)
        held_out[random.choice(len(labels), 3000, replace=False)] = True
        policy = fit_policy(
            probabilities[held_out], ood_scores[held_out], labels[held_out], levels=LEVELS_OF_FIVE
        )
        found.append((held_out, policy))
    return found


@pytest.mark.parametrize("precision", [0.95, 0.98])
def test_parents_keep_their_promise_in_95_percent_of_splits(
    drawn: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]],
    fitted: list[tuple[NDArray[np.bool_], DecisionPolicy]],
    precision: float,
) -> None:
    probabilities, ood_scores, labels = drawn
    broken, given, together = np.zeros(2), np.zeros(2), 0
    splits = len(fitted)
    for held_out, policy in fitted:
        rest = ~held_out
        decided = decide(probabilities[rest], ood_scores[rest], policy, target_precision=precision)
        true = np.array([level.category_of(labels[rest]) for level in policy.levels])
        accepted = np.isin(decided.decision, ["accept", "parent"])
        all_right = true[decided.level, np.arange(rest.sum())] == decided.answer
        together += int(accepted.any() and all_right[accepted].mean() < precision)
        for height in range(len(policy.levels)):
            taken = accepted & (decided.level == height)
            if taken.any():
                given[height] += 1
                broken[height] += all_right[taken].mean() < precision
    assert given[0] > splits * 0.9
    assert given[1] > splits * 0.5
    assert (broken / splits <= 0.05).all()
    assert together / splits <= 0.05


def test_rules_say_what_they_cannot_promise() -> None:
    random = np.random.default_rng(0)
    probabilities, ood_scores, labels = draw(random, 60)
    policy = fit_policy(probabilities, ood_scores, labels, levels=LEVELS_OF_FIVE)
    assert set(policy.items_needed) >= {"0.98", "0.99", "0.995"}
    for name in policy.items_needed:
        assert set(policy.thresholds[name][0]) == {None}
        assert "accept single classes at " in describe_support(policy, float(name))
    assert DecisionPolicy.model_validate_json(policy.model_dump_json()) == policy


@pytest.mark.parametrize("precision", ["0.9", "0.95", "0.98", "0.99", "0.995"])
def test_as_many_items_as_it_says_support_the_promise(precision: str) -> None:
    items = 100
    probabilities, ood_scores, labels = draw(np.random.default_rng(1), items)
    few = fit_policy(probabilities, ood_scores, labels, levels=LEVELS_OF_FIVE)
    needed = few.items_needed[precision]
    assert needed is not None
    assert f"about {needed:,} needed" in describe_support(few, float(precision))
    chosen = np.arange(needed) % items

    more = fit_policy(
        probabilities[chosen], ood_scores[chosen], labels[chosen], levels=LEVELS_OF_FIVE
    )

    assert precision not in more.items_needed
    assert describe_support(more, float(precision)) == ""


def test_a_promise_between_two_stored_ones_is_said_to_be_the_higher() -> None:
    probabilities, ood_scores, labels = draw(np.random.default_rng(0), 20_000)
    policy = fit_policy(probabilities, ood_scores, labels, levels=LEVELS_OF_FIVE)
    assert describe_support(policy, 0.96) == (
        "uses its thresholds for 98 % precision, the next higher it has"
    )
    assert describe_support(policy, 0.98) == ""


def test_a_class_of_which_nothing_was_held_out_is_never_accepted() -> None:
    """The other classes' threshold says nothing of it."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 2000)
    sure = np.full((2000, 3), 0.01)
    sure[np.arange(2000), labels] = 0.98
    levels = build_levels(("a", "b", "c"), [()] * 3, names=())
    policy = fit_policy(sure, np.zeros(2000), labels, levels=levels)
    (classes,) = policy.thresholds["0.98"]
    assert classes[0] is not None
    assert classes[2] is None
    unseen = np.array([[0.0, 0.0, 1.0]])
    decided = decide(unseen, np.zeros(1), policy, target_precision=0.98)
    assert decided.decision.tolist() == ["review"]
