"""What changed between two feeds of the same brands: words that mean something else, error rates.

Reads the tables of an earlier audit. Two shares are compared by the normal approximation to the
difference of their posteriors; Holm's correction is for all that are compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hangtag.audit.categories import Categories
from hangtag.audit.dictionary import Spread, fit_spread
from hangtag.audit.dictionary_entries import Entry
from hangtag.audit.feed import fold_label
from hangtag.audit.noise import SIGNIFICANCE, BrandNoise, compare_shares, correct_holm
from hangtag.errors import DataError
from hangtag.tables.csv_cells import read_csv_rows

LEAST_CHANGE, LEAST_ERROR_CHANGE = 0.05, 0.01
"""Changes of a share of a word, and of the error rate of a brand, by less are of no consequence,
however sure."""

SHARES, BRANDS = "shares.csv", "brands.csv"
"""The tables of an earlier audit that are compared."""

_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier audit found.

    Attributes:
        folder: Where it lies.
        shares: (supplier, folded label) -> category -> share.
        errors: Supplier -> error rate.
        model: Name of its model; empty where the tables do not tell.
    """

    folder: str
    shares: Mapping[tuple[str, str], Mapping[str, Spread]]
    errors: Mapping[str, Spread]
    model: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A share that is another now.

    Attributes:
        supplier: The brand.
        label: The word; empty for the error rate of the brand.
        category: Which share.
        before: What it was, 0-1.
        now: What it is, 0-1.
        p_value: How likely a change as large is by chance, after Holm's correction.
    """

    supplier: str
    label: str
    category: str
    before: float
    now: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed since an earlier audit.

    Attributes:
        folder: The earlier audit.
        changes: Shares that changed, the largest change first.
        new: Words that were not there, as (supplier, label).
        gone: Words that are there no more, as (supplier, folded label).
        absent: Brands of the earlier audit that this feed does not have.
        other_model: The model of the earlier audit where that is another; else empty.
    """

    folder: str
    changes: tuple[Change, ...]
    new: tuple[tuple[str, str], ...]
    gone: tuple[tuple[str, str], ...]
    absent: tuple[str, ...] = ()
    other_model: str = ""


def read_earlier(folder: Path) -> Earlier:
    """Reads the tables of an audit.

    Raises:
        DataError: They are not there, or damaged.
    """
    missing = [name for name in (SHARES, BRANDS) if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} holds no audit: there is no {missing[0]} in it; give the --out folder of an "
            "earlier hangtag audit"
        )
    shares: dict[tuple[str, str], dict[str, Spread]] = {}
    try:
        for row in read_csv_rows(folder / SHARES):
            key = row["supplier"], fold_label(row["label"])
            shares.setdefault(key, {})[row["category"]] = _read_spread(row, "share")
        brands = list(read_csv_rows(folder / BRANDS))
        errors = {row["supplier"]: _read_spread(row, "error_rate") for row in brands}
    except (KeyError, ValueError) as error:
        raise DataError(f"{folder} holds no audit: a table of it is damaged ({error})") from error
    model = brands[0].get("model", "") if brands else ""
    return Earlier(str(folder), shares, errors, model)


def find_drift(
    entries: Sequence[Entry],
    noise: Sequence[BrandNoise],
    categories: Categories,
    earlier: Earlier,
    *,
    model: str = "",
) -> Drift:
    """Compares an audit by `model` with an earlier one."""
    compared = [
        *_compare_words(entries, categories, earlier),
        *(
            Change(one.supplier, "", "error rate", before.share, one.error.share, p_value)
            for one in noise
            if (before := earlier.errors.get(one.supplier)) is not None
            for p_value in [compare_shares(before, one.error)]
        ),
    ]
    corrected = correct_holm([one.p_value for one in compared])
    changes = [
        Change(one.supplier, one.label, one.category, one.before, one.now, p_value)
        for one, p_value in zip(compared, corrected, strict=True)
        if p_value < SIGNIFICANCE and abs(one.now - one.before) >= _find_least(one)
    ]
    keys = {(entry.supplier, fold_label(entry.label)) for entry in entries}
    suppliers = {entry.supplier for entry in entries}
    return Drift(
        folder=earlier.folder,
        changes=tuple(sorted(changes, key=lambda one: -abs(one.now - one.before))),
        new=tuple(
            (entry.supplier, entry.label)
            for entry in entries
            if (entry.supplier, fold_label(entry.label)) not in earlier.shares
        ),
        gone=tuple(key for key in earlier.shares if key not in keys and key[0] in suppliers),
        absent=tuple(dict.fromkeys(key[0] for key in earlier.shares if key[0] not in suppliers)),
        other_model="" if earlier.model == model else earlier.model,
    )


def _find_least(change: Change) -> float:
    return LEAST_CHANGE if change.label else LEAST_ERROR_CHANGE


def _compare_words(
    entries: Sequence[Entry], categories: Categories, earlier: Earlier
) -> list[Change]:
    found = []
    for entry in entries:
        before = earlier.shares.get((entry.supplier, fold_label(entry.label)), {})
        for index, name in enumerate(categories.names):
            if name in before:
                now = _make(
                    float(entry.posterior.share[index]),
                    float(entry.posterior.low[index]),
                    float(entry.posterior.high[index]),
                )
                p_value = compare_shares(before[name], now)
                found.append(
                    Change(
                        entry.supplier, entry.label, name, before[name].share, now.share, p_value
                    )
                )
    return found


def _read_spread(row: Mapping[str, str], column: str) -> Spread:
    return _make(float(row[column]), float(row["low"]), float(row["high"]))


def _make(share: float, low: float, high: float) -> Spread:
    """Returns the spread that has an interval as wide."""
    return fit_spread(share, max((high - low) / (2 * _Z), 1e-4) ** 2)
