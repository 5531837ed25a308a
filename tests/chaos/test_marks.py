"""No reason stands for an attack that is none."""

from tests.chaos import (
    test_bare_environments,
    test_bombs,
    test_closed_streams,
    test_damaged_models,
    test_kills,
    test_mutants,
    test_special_files,
)
from tests.chaos.still_wrong import MARKED, STILL_WRONG

ATTACKS = (
    *(test_bare_environments, test_bombs, test_closed_streams, test_damaged_models),
    *(test_kills, test_mutants, test_special_files),
)


def test_every_name_that_is_still_wrong_is_that_of_a_test() -> None:
    assert all(attack.__doc__ for attack in ATTACKS)
    assert set(STILL_WRONG) <= MARKED
