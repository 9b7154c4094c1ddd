"""Tables and small JSON files: UTF-8 CSV with a header, written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from src.errors import InputError
from src.files import replacing

Row = dict[str, str]

# Spreadsheet programs of some countries save "CSV" with these.
_DELIMITERS = ",;\t"


def read_table(path: Path, required: Sequence[str] = (), strip: bool = False) -> list[Row]:
    """Read a CSV: one dict a row, blank lines left out.

    A byte-order mark and `;` or tabs between the cells are understood.

    Args:
        path: the file.
        required: columns that must be there.
        strip: take blanks around cells for slips, in a table that people wrote; a file name may begin with one.

    Raises:
        InputError: no such file, not UTF-8, no header, a column missing or there twice, a row of another length.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; save it as 'CSV UTF-8'") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    first_line = text.lstrip().split("\n", 1)[0]
    if not first_line.strip():
        raise InputError(f"{path} is empty; it needs a header line{_naming(required)}")
    delimiter = max(_DELIMITERS, key=first_line.count)
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(line)]
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV file: {error}") from None
    header = [name.strip() for name in lines[0]]
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise InputError(f"{path} has the column {doubled[0]!r} twice; keep one")
    missing = [name for name in required if name not in header]
    if missing:
        raise InputError(f"{path} has no column {missing[0]!r}; its columns are: {', '.join(header)}")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise InputError(
                f"{path}, row {number}: {len(line)} cells where the header has {len(header)}; mend the row"
            )
        rows.append({name: cell.strip() if strip else cell for name, cell in zip(header, line, strict=True)})
    return rows


def _naming(columns: Sequence[str]) -> str:
    return f" with: {', '.join(columns)}" if columns else ""


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV with these columns in this order; a column that a row does not have stays empty."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON, keys in the order given."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
