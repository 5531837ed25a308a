"""Savings: what an audit saves in time and money, by a formula with stated assumptions.

    cost of 1,000 items = 1000 x ((1 - a) x seconds x wage / 3600 + compute + a x (1 - p) x error)

Here a is the fraction of items that need no person, and p the precision of those. Without the tool
a is 0. Approving the rules costs a person's time too.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the money depends on; set your own.

    Attributes:
        seconds: A person's time for an item, seconds.
        seconds_a_rule: A person's time for a rule, seconds.
        wage: Money an hour.
        compute: Computing, money an item.
        error: Cost of an item in a wrong category, money.
    """

    seconds: float = 20.0
    seconds_a_rule: float = 30.0
    wage: float = 25.0
    compute: float = 0.0002
    error: float = 1.0


@dataclass(frozen=True, slots=True)
class Savings:
    """What an audit of one feed saves.

    Attributes:
        items: Number of items.
        automated: Fraction of them that need no person, 0-1.
        precision: Expected fraction of those that are right, 0-1.
        rules: Rules to approve.
        minutes: A person's time saved, minutes.
        money: Money saved, the cost of errors deducted.
        queue: Items left for a person.
        assumptions: What the money depends on.
    """

    items: int
    automated: float
    precision: float
    rules: int
    minutes: float
    money: float
    queue: int
    assumptions: Assumptions


def count_savings(
    *,
    items: int,
    automated: int,
    expected_errors: float,
    rules: int,
    assumptions: Assumptions | None = None,
) -> Savings:
    """Computes the savings.

    Args:
        items: Number of items of the feed.
        automated: Items that need no person.
        expected_errors: Expected number of wrong ones among those.
        rules: Rules to approve.
        assumptions: What the money depends on.
    """
    assumed = assumptions or Assumptions()
    precision = 1 - expected_errors / automated if automated else 1.0
    seconds = automated * assumed.seconds - rules * assumed.seconds_a_rule
    cost = items * assumed.compute + automated * (1 - precision) * assumed.error
    return Savings(
        items=items,
        automated=automated / items if items else 0.0,
        precision=precision,
        rules=rules,
        minutes=seconds / 60,
        money=seconds * assumed.wage / 3600 - cost,
        queue=items - automated,
        assumptions=assumed,
    )
