"""`group_labels.csv`: the sheet a person curates, one row a group, and the care taken never to lose what they wrote.

A row's `source` says whose it is: `given` (filled in from a CSV of labels), `suggested` (a machine's guess), anything
else with labels in it is a person's (`manual`). People also correct a `given` or `suggested` row and leave its source
as it is. So what was filled in is remembered beside the sheet, and a row that differs is the person's from then on.
A `suggested` row that is not remembered came from elsewhere: it stays as it is too.

Rows are sorted by what most needs a look: without labels, suggested with the least confidence first, given, a person's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from src.errors import InputError
from src.tables import Row, read_table, write_table

GROUP_LABELS = "group_labels.csv"
FILLED_IN = ".group_labels_filled_in.csv"
"""The `given` and `suggested` rows as last written, beside the sheet."""

GIVEN, SUGGESTED, MANUAL = "given", "suggested", "manual"

IDENTITY_ATTRIBUTES = ("gender", "hero_class")
"""The columns a fresh sheet has; a person or `build` may add others."""

_FRAME_COLUMNS = ("group_id", "source", "confidence")


def read_group_labels(path: Path) -> dict[str, Row]:
    """Group id -> its row; empty where there is no sheet yet. The source of a person's row is `manual`.

    Raises:
        InputError: not such a table, or two rows for one group.
    """
    path = Path(path)
    if not path.exists():
        return {}
    filled_in = _remembered(path)
    rows: dict[str, Row] = {}
    for row in read_table(path, ("group_id",), strip=True):
        group = row["group_id"]
        if group in rows:
            raise InputError(f"{path} has two rows for group {group}; keep one")
        rows[group] = row | {"source": _source(row, filled_in.get(group)), "confidence": row.get("confidence", "")}
    return rows


def _remembered(path: Path) -> dict[str, Row]:
    """Group id -> its row as last filled in."""
    memory = path.with_name(FILLED_IN)
    return {row["group_id"]: row for row in read_table(memory, ("group_id",))} if memory.exists() else {}


def _source(row: Row, filled_in: Row | None) -> str:
    source = row.get("source", "").lower()
    labels = labels_of(row)
    if not labels:
        return "" if source == SUGGESTED else source and MANUAL  # an emptied suggestion is an empty row
    if source in (GIVEN, SUGGESTED) and (filled_in is None or labels == labels_of(filled_in)):
        return source
    return MANUAL


def labels_of(row: Row) -> dict[str, str]:
    """The labels that are filled in: attribute -> class."""
    return {name: value for name, value in row.items() if name not in _FRAME_COLUMNS and value}


def extend_group_labels(path: Path, group_ids: Sequence[str]) -> None:
    """Give every group a row. Rows with anything in them stay, even of groups that are no longer there.

    Args:
        path: the sheet.
        group_ids: the groups there are, in the order the sheet should have.
    """
    rows = read_group_labels(path)
    ordered = {group: rows.get(group, {"group_id": group}) for group in group_ids}
    for group, row in rows.items():
        if group not in ordered and (labels_of(row) or row["source"]):
            ordered[group] = row
    _write(path, IDENTITY_ATTRIBUTES, ordered)


def fill_in_given(path: Path, attributes: Sequence[str], given: Mapping[str, tuple[dict[str, str], float]]) -> None:
    """Write given labels into the sheet's rows that are nobody's: the empty, the suggested and the formerly given ones.

    Args:
        path: the sheet.
        attributes: columns the sheet needs.
        given: group id -> its labels, and the share of its portraits that they are right for.
    """
    _fill_in(path, attributes, GIVEN, given, read_group_labels(path))


def fill_in_suggested(
    path: Path, attributes: Sequence[str], suggested: Mapping[str, tuple[dict[str, str], float]]
) -> None:
    """Write suggestions into the sheet's rows that are nobody's, and take back those of an earlier run.

    Args:
        path: the sheet.
        attributes: columns the sheet needs.
        suggested: group id -> its labels, and the least confidence in one of them, 0 to 1.
    """
    rows = read_group_labels(path)
    for group in _remembered(path):
        if group in rows and rows[group]["source"] == SUGGESTED:
            emptied = {name: "" for name in labels_of(rows[group])}
            rows[group] = rows[group] | emptied | {"source": "", "confidence": ""}
    _fill_in(path, attributes, SUGGESTED, suggested, rows)


def _fill_in(
    path: Path,
    attributes: Sequence[str],
    source: str,
    filled_in: Mapping[str, tuple[dict[str, str], float]],
    rows: dict[str, Row],
) -> None:
    ours = _remembered(path)
    for group, (labels, confidence) in filled_in.items():
        row = rows.setdefault(group, {"group_id": group, "source": "", "confidence": ""})
        replaceable = {"", source} if source == SUGGESTED else {"", GIVEN, SUGGESTED}
        if row["source"] == SUGGESTED and group not in ours:
            continue
        if row["source"] in replaceable:
            emptied = {name: "" for name in labels_of(row)}
            rows[group] = row | emptied | labels | {"source": source, "confidence": f"{confidence:.2f}"}
            ours[group] = rows[group]
    _write(path, attributes, rows)
    remembered = [row for group, row in rows.items() if row["source"] in (GIVEN, SUGGESTED) and group in ours]
    columns = dict.fromkeys(name for row in remembered for name in labels_of(row))
    write_table(path.with_name(FILLED_IN), ("group_id", *columns, "source"), remembered)


def _look_first(row: Row) -> tuple[int, float]:
    """The place of a row in the sheet: what most needs a look comes first."""
    source = row.get("source", "")
    rank = (SUGGESTED, GIVEN, MANUAL).index(source) + 1 if source else 0
    try:
        return rank, float(row.get("confidence") or 0) if source in (SUGGESTED, GIVEN) else 0.0
    except ValueError:
        return rank, 0.0


def _write(path: Path, attributes: Sequence[str], rows: Mapping[str, Row]) -> None:
    """Write the sheet with the columns it has, and those in `attributes`, what most needs a look first."""
    columns = dict.fromkeys(attributes)
    for row in rows.values():
        columns.update(dict.fromkeys(name for name in row if name not in _FRAME_COLUMNS))
    write_table(path, ("group_id", *columns, "source", "confidence"), sorted(rows.values(), key=_look_first))
