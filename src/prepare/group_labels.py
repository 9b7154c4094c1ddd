"""`group_labels.csv`: the sheet a person curates, one row a group, and the care taken never to lose what they wrote.

A row's `source` says whose it is: `given` (filled in from a CSV of labels), `suggested` (a machine's guess), anything
else with labels in it is a person's (`manual`). People also correct a `given` row and leave its source as it is. So
what was filled in is remembered beside the sheet, and a row that differs from it is the person's from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from src.errors import InputError
from src.tables import Row, read_table, write_table

GROUP_LABELS = "group_labels.csv"
FILLED_IN = ".group_labels_given.csv"
"""The `given` rows as last written, beside the sheet."""

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
    memory = path.with_name(FILLED_IN)
    filled_in = {row["group_id"]: row for row in read_table(memory, ("group_id",))} if memory.exists() else {}
    rows: dict[str, Row] = {}
    for row in read_table(path, ("group_id",), strip=True):
        group = row["group_id"]
        if group in rows:
            raise InputError(f"{path} has two rows for group {group}; keep one")
        rows[group] = row | {"source": _source(row, filled_in.get(group)), "confidence": row.get("confidence", "")}
    return rows


def _source(row: Row, filled_in: Row | None) -> str:
    source = row.get("source", "").lower()
    labels = labels_of(row)
    if source == "suggested" or not (labels or source):
        return source
    if source == "given" and (filled_in is None or labels == labels_of(filled_in)):
        return source
    return "manual"


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
    """Write given labels into the sheet's rows that are nobody's: the empty and the formerly given ones.

    Args:
        path: the sheet.
        attributes: columns the sheet needs.
        given: group id -> its labels, and the share of its portraits that they are right for.
    """
    rows = read_group_labels(path)
    for group, (labels, share) in given.items():
        row = rows.setdefault(group, {"group_id": group, "source": ""})
        if row["source"] in ("", "given"):
            emptied = {name: "" for name in labels_of(row)}
            rows[group] = row | emptied | labels | {"source": "given", "confidence": f"{share:.2f}"}
    _write(path, attributes, rows)
    remembered = [row for row in rows.values() if row["source"] == "given"]
    write_table(path.with_name(FILLED_IN), ("group_id", *attributes), remembered)


def _write(path: Path, attributes: Sequence[str], rows: Mapping[str, Row]) -> None:
    """Write the sheet with the columns it has, and those in `attributes`."""
    columns = dict.fromkeys(attributes)
    for row in rows.values():
        columns.update(dict.fromkeys(name for name in row if name not in _FRAME_COLUMNS))
    write_table(path, ("group_id", *columns, "source", "confidence"), rows.values())
