from pathlib import Path

import numpy as np
import pytest

from hangtag.evaluation.groups import GroupMetrics, break_down, write_groups


def test_groups_have_wilsons_intervals_and_the_surest_fault_comes_first(tmp_path: Path) -> None:
    groups = np.array(["few"] + ["many"] * 20 + ["good"] * 30)
    correct = np.array([False] + [True] * 5 + [False] * 15 + [True] * 30)
    many, few, good = break_down(correct, groups)
    assert (many.name, many.n, many.accuracy) == ("many", 20, 0.25)
    z = 1.959963984540054
    centre = (5 + z**2 / 2) / (20 + z**2)
    half = z / (20 + z**2) * np.sqrt(5 * 15 / 20 + z**2 / 4)
    assert (many.low, many.high) == pytest.approx((centre - half, centre + half))
    assert (few.name, few.n, few.accuracy) == ("few", 1, 0.0)
    assert good.accuracy == good.high == 1
    write_groups(tmp_path / "groups.csv", [GroupMetrics("=brand", 2, 0.5, 0.1, 0.9)])
    assert (tmp_path / "groups.csv").read_text() == (
        "name,n,accuracy,low,high\n'=brand,2,0.5,0.1,0.9\n"
    )
