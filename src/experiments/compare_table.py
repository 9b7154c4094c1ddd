"""A comparison's table, and what it shows in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from src.experiments.markdown_tables import number, table
from src.families import FAMILIES
from src.training.own_process import EARLY, TRAINED

Row = dict[str, object]

MEASURES = (
    (
        "frechet_times_reals",
        1,
        "Nearest to the training portraits (Fréchet distance, times that of as many validation portraits)",
    ),
    ("coverage", -1, "Most of the training portraits have a sample near them (coverage)"),
    ("recall", -1, "Widest: training portraits that lie among the samples (recall)"),
    ("copies_share", 1, "Fewest samples that copy a training portrait"),
    ("colours_median", 1, "Fewest colours a sample"),
    ("seconds_per_kimg", 1, "Quickest to train, seconds a kimg"),
    ("seconds_to_sample_64", 1, "Quickest to sample, seconds for 64 samples"),
)
"""What the findings are about: a column, 1 where less is better and -1 where more is, and what it is in words."""

HEADINGS = {
    "family": "family",
    "status": "state",
    "kimg": "kimg",
    "training_minutes": "minutes",
    "parameters": "parameters",
    "seconds_per_kimg": "s a kimg",
    "peak_memory_gb": "memory, GB",
    "seconds_to_sample_64": "s for 64",
    "evaluated": "evaluated",
}
"""Columns that every comparison has, by their names in `compare.csv`; the metrics follow them."""


def table_columns(rows: Sequence[Row]) -> list[str]:
    """The columns of `compare.csv`: those of every comparison, the measures in the order they come, the note."""
    measures = dict.fromkeys(name for row in rows for name in row if name not in HEADINGS and name != "note")
    return [*HEADINGS, *measures, "note"]


def markdown_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, numbers to three digits; notes below it."""
    columns = [
        name for name in table_columns(rows) if name != "note" and any(row.get(name) is not None for row in rows)
    ]
    headings = [HEADINGS.get(name, name.replace("_", " ")) for name in columns]
    words = sum(name in ("family", "status") for name in columns)
    shown = table(headings, [[_cell(row.get(name)) for name in columns] for row in rows], words)
    notes = [f"- {row['family']}: {row['note']}" for row in rows if row.get("note")]
    return "\n".join([shown, *(["", *notes] if notes else [])]) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and value >= 1_000_000:
        return f"{value / 1e6:.3g} M"
    if isinstance(value, float):
        return number(value)
    return str(value)


def findings(rows: Sequence[Row]) -> list[str]:
    """The table in sentences: what is best at what, beside the real portraits; who did not finish.

    Args:
        rows: of `compare`.
    """
    # A distance depends on how many samples it is taken from: families are ranked beside as many validation portraits.
    rows = [dict(row) for row in rows]
    for row in rows:
        if row.get("frechet_reals"):
            row["frechet_times_reals"] = row["frechet_random"] / row["frechet_reals"]
    families = [row for row in rows if row["family"] in FAMILIES]
    reals = next((row for row in rows if row["family"] not in FAMILIES), {})
    sentences = []
    for column, sign, meaning in MEASURES:
        ranking = ", ".join(f"{row['family']} ({_cell(row[column])})" for row in _ranked(families, column, sign))
        if ranking:
            real = f"; validation portraits have {_cell(reals[column])}" if column in reals else ""
            sentences.append(f"{meaning}: {ranking}{real}.")
    for column in dict.fromkeys(name for row in families for name in row if name.startswith("accuracy_")):
        ranking = ", ".join(f"{row['family']} ({row[column]:.0%})" for row in _ranked(families, column, -1))
        real = f"; of validation portraits it reads {reals[column]:.0%}" if column in reals else ""
        requested = column.removeprefix("accuracy_")
        sentences.append(f"Share of samples in which a classifier reads the requested {requested}: {ranking}{real}.")
    sentences += [
        f"{row['family']} {row['status']}: {row['note']}." for row in families if row["status"] not in (TRAINED, EARLY)
    ]
    return sentences


def _ranked(rows: Sequence[Row], column: str, sign: int) -> list[Row]:
    """The rows that have a value in the column, the smallest first, or with sign -1 the largest."""
    return sorted((row for row in rows if row.get(column) is not None), key=lambda row: sign * row[column])
