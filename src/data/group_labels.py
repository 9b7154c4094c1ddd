"""`group_labels.csv`: the sheet a person curates, one row a group, and the care taken never to lose what they wrote.

A row's `source` says whose it is: `given` (filled in from a CSV of labels), `suggested` (a machine's guess), anything
else with labels in it is a person's (`manual`). People also correct a `given` or `suggested` row and leave its source
as it is. So what was filled in is remembered beside the sheet, and a row that differs is the person's from then on.
A `suggested` row that is not remembered came from elsewhere: it stays as it is too.

Rows are sorted by what most needs a look: without labels, suggested with the least confidence first, given, a person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from src.errors import InputError
from src.tables import read_table, write_table

GROUP_LABELS = "group_labels.csv"
FILLED_IN = ".group_labels_filled_in.csv"
"""The `given` and `suggested` rows as last written, beside the sheet; while that is written, also those before."""

GIVEN, SUGGESTED, MANUAL = "given", "suggested", "manual"

IDENTITY_ATTRIBUTES = ("gender", "hero_class")
"""The columns a fresh sheet has; a person or `build` may add others."""

_FRAME_COLUMNS = ["source", "confidence"]


def read_group_labels(path: Path) -> pd.DataFrame:
    """The sheet by group id, without rows where there is none yet. The source of a person's row is `manual`.

    Raises:
        InputError: not such a table, or two rows for one group.
    """
    path = Path(path)
    rows = _read_by_group(path)
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *_FRAME_COLUMNS])), fill_value="")
    for group in rows.index[rows.index.duplicated()]:
        raise InputError(f"{path} has two rows for group {group}; keep one")
    filled_in = _read_by_group(path.with_name(FILLED_IN))
    columns = [name for name in rows.columns.union(filled_in.columns) if name not in _FRAME_COLUMNS]
    labels = rows.reindex(columns=columns, fill_value="")
    remembered = set(filled_in.reindex(columns=columns, fill_value="").itertuples(name=None))
    unchanged = np.array([row in remembered for row in labels.itertuples(name=None)], bool)
    stated = rows["source"].str.lower()
    # A row that was filled in from elsewhere cannot be compared, and keeps its source.
    as_stated = stated.isin([GIVEN, SUGGESTED]) & (unchanged | ~rows.index.isin(filled_in.index))
    empty = labels.eq("").all(axis=1)
    rows["source"] = np.select(
        # An emptied suggestion is an empty row.
        [empty & stated.isin(["", SUGGESTED]), ~empty & as_stated],
        ["", stated],
        MANUAL,
    )
    return rows


def _read_by_group(path: Path) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame(index=pd.Index([], name="group_id"))
    return read_table(path, ("group_id",), strip=True).set_index("group_id")


def labels_of(rows: pd.DataFrame, *sources: str) -> pd.DataFrame:
    """The labels of the rows that have one of these sources, by group id; NaN where a cell is empty."""
    labels = rows[rows["source"].isin(sources)].drop(columns=_FRAME_COLUMNS)
    return labels.mask(labels.eq(""))


def extend_group_labels(path: Path, group_ids: Sequence[str]) -> None:
    """Give every group a row. Rows with anything in them stay, even of groups that are no longer there.

    Args:
        path: the sheet.
        group_ids: the groups there are, in the order the sheet should have.
    """
    rows = read_group_labels(path)
    filled = rows.drop(columns="confidence").ne("").any(axis=1)
    gone = rows.index[filled & ~rows.index.isin(group_ids)]
    _write(path, IDENTITY_ATTRIBUTES, rows.reindex([*group_ids, *gone], fill_value=""))


def fill_in_given(path: Path, labels: pd.DataFrame, agreement: pd.Series) -> None:
    """Write given labels into the sheet's rows that are nobody's: the empty, the suggested and the formerly given ones.

    Args:
        path: the sheet.
        labels: by group id, a column for each attribute that the sheet needs; NaN where none is given.
        agreement: the share of each group's portraits that its labels are right for.
    """
    _fill_in(path, labels, agreement, GIVEN, read_group_labels(path))


def fill_in_suggested(path: Path, labels: pd.DataFrame, confidence: pd.Series) -> None:
    """Write suggestions into the sheet's rows that are nobody's, and take back those of an earlier run.

    Args:
        path: the sheet.
        labels: by group id, a column for each attribute that the sheet needs; NaN where none is suggested.
        confidence: the least confidence in one of a group's suggestions, 0 to 1.
    """
    rows = read_group_labels(path)
    earlier = rows["source"].eq(SUGGESTED) & rows.index.isin(_read_by_group(path.with_name(FILLED_IN)).index)
    rows[earlier] = ""
    _fill_in(path, labels, confidence, SUGGESTED, rows)


def _fill_in(path: Path, labels: pd.DataFrame, confidence: pd.Series, source: str, rows: pd.DataFrame) -> None:
    memory = path.with_name(FILLED_IN)
    ours = _read_by_group(memory).index
    columns = list(dict.fromkeys([*labels.columns, *rows.columns]))
    rows = rows.reindex([*rows.index, *labels.index.difference(rows.index, sort=False)], fill_value="")
    rows = rows.reindex(columns=columns, fill_value="")
    replaceable = ["", source] if source == SUGGESTED else ["", GIVEN, SUGGESTED]
    from_elsewhere = rows["source"].eq(SUGGESTED) & ~rows.index.isin(ours)
    free = rows.index[rows.index.isin(labels.index) & rows["source"].isin(replaceable) & ~from_elsewhere]
    rows.loc[free] = labels.reindex(index=free, columns=columns).astype(object).fillna("")
    rows.loc[free, "source"] = source
    rows.loc[free, "confidence"] = confidence[free].map("{:.2f}".format)
    remembered = rows[rows["source"].isin([GIVEN, SUGGESTED]) & rows.index.isin(ours.union(free))]
    remembered = remembered.drop(columns="confidence")
    earlier = _read_by_group(memory)
    # Both, until the sheet is written: whatever ends this run, no row of the sheet passes for a person's.
    _remember(memory, pd.concat([earlier, remembered]).fillna(""))
    _write(path, labels.columns, rows)
    _remember(memory, remembered)


def _remember(memory: Path, rows: pd.DataFrame) -> None:
    write_table(memory, ("group_id", *rows.columns), rows.rename_axis("group_id").reset_index())


def _write(path: Path, attributes: Sequence[str], rows: pd.DataFrame) -> None:
    """Write the sheet with the columns it has, and those in `attributes`, what most needs a look first."""
    columns = [name for name in dict.fromkeys([*attributes, *rows.columns]) if name not in _FRAME_COLUMNS]
    rank = rows["source"].map({"": 0, SUGGESTED: 1, GIVEN: 2, MANUAL: 3})
    confidence = pd.to_numeric(rows["confidence"], errors="coerce").fillna(0).where(rank.isin([1, 2]), 0)
    order = np.lexsort((confidence, rank))  # stable
    write_table(path, ("group_id", *columns, *_FRAME_COLUMNS), rows.rename_axis("group_id").iloc[order].reset_index())
