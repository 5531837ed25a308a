"""What the audit saves: shares automated, minutes and money, by a formula with its assumptions.

    cost of 1,000 items = 1000 x ((1 - a) x seconds x wage / 3600 + compute + a x (1 - p) x error)

with a, the share of items that need no person, and p, the share of those that are right. Without
the tool a is 0. Approving the rules costs a person's time too.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the money depends on; change it to your own.

    Attributes:
        seconds: A person's time for an item, seconds.
        seconds_a_rule: A person's time for a rule, seconds.
        wage: Of that person, money an hour.
        compute: Of an item, money.
        error: Cost of an item in a wrong category, money.
    """

    seconds: float = 20.0
    seconds_a_rule: float = 30.0
    wage: float = 25.0
    compute: float = 0.0002
    error: float = 1.0


@dataclass(frozen=True, slots=True)
class Savings:
    """The ledger of one feed.

    Attributes:
        items: All.
        automated: Share of them that need no person, 0-1.
        precision: Share of those that are right, as the scores have it, 0-1.
        rules: Rules to approve.
        minutes: A person's time saved, minutes.
        money: Saved, with what errors cost taken off.
        queue: Items left for a person.
        assumptions: What the money was counted by.
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
    """Returns the ledger.

    Args:
        items: All items of the feed.
        automated: Those that need no person.
        expected_errors: How many of those are wrong, as the scores have it.
        rules: Rules to approve.
        assumptions: What the money depends on.
    """
    taken = assumptions or Assumptions()
    share = automated / items if items else 0.0
    precision = 1 - expected_errors / automated if automated else 1.0
    seconds = automated * taken.seconds - rules * taken.seconds_a_rule
    lost = items * taken.compute + automated * (1 - precision) * taken.error
    return Savings(
        items=items,
        automated=share,
        precision=precision,
        rules=rules,
        minutes=seconds / 60,
        money=seconds * taken.wage / 3600 - lost,
        queue=items - automated,
        assumptions=taken,
    )
