"""Tables as lists of rows, for tests that change or compare single cells."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from src.tables import read_table


def read_rows(path: Path, required: Sequence[str] = (), strip: bool = False) -> list[dict[str, str]]:
    """The rows of a CSV, each a dict: column -> cell."""
    return read_table(path, required, strip).to_dict("records")


def labels_table(rows: dict[str, dict[str, str]]) -> pd.DataFrame:
    """Labels as the data modules hold them: a row for each key, NaN where there is no label."""
    return pd.DataFrame.from_dict(rows, orient="index", dtype=object)


def known(labels: pd.DataFrame) -> dict[str, dict[str, str]]:
    """The labels that are there: key -> attribute -> class."""
    return {key: row.dropna().to_dict() for key, row in labels.iterrows()}
