"""Numbers and tables as a person writes them, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

REALS = "validation portraits"
"""The name of their row in every table."""


def number(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A Markdown table.

    Args:
        headings: of the columns.
        rows: cells as text.
        words: so many columns from the left hold words, the others numbers, which stand at the right.
    """
    rules = ["---" if column < words else "---:" for column in range(len(headings))]
    return "\n".join("| " + " | ".join(line) + " |" for line in (headings, rules, *rows))
