"""Tables and small JSON files: UTF-8, read against a schema, written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from src.errors import InputError
from src.files import write_text

# Spreadsheet programs of some countries save "CSV" with these.
_DELIMITERS = ",;\t"


def read_table(path: Path, required: Sequence[str] = (), strip: bool = False) -> pd.DataFrame:
    """Read a CSV: every cell is text, an empty one is "", blank lines are left out.

    A byte-order mark and `;` or tabs between the cells are understood.

    Args:
        path: the file.
        required: columns that must be there.
        strip: for a table that people write. Blanks around cells are taken off (a file name may begin with one), and a
            cell that holds whole rows is an error: a stray quote swallowed them.

    Raises:
        InputError: no such file, not UTF-8, no header, a column missing or there twice, a row of another length, a
            quote that is not closed.
    """
    path = Path(path)
    text = _read_text(path, "save it as 'CSV UTF-8'")
    first_line = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    try:
        # The header is read as a row, or pandas would rename a column that is there twice. Its Python engine tells an
        # empty cell, "", from one that is not there, NaN, and an unclosed quote from the end of the file.
        table = pd.read_csv(
            io.StringIO(text, newline=""), sep=delimiter, header=None, engine="python", dtype=str, keep_default_na=False
        )
    except pd.errors.EmptyDataError:
        table = pd.DataFrame()
    except ValueError as error:  # ParserError, and what pandas makes of a quote behind two byte-order marks
        raise InputError(f"{path} is not a CSV file: {error}; mend the row, or close its quote") from None
    table = table[table.ne("").any(axis=1)]
    if table.empty:
        naming = f" with: {', '.join(required)}" if required else ""
        raise InputError(f"{path} is empty; it needs a header line{naming}")
    table.columns = table.iloc[0].str.replace("\ufeff", "").str.strip().tolist()
    table = table.iloc[1:].reset_index(drop=True)
    _check_columns(path, table, required)
    lacking = table.isna().sum(axis=1)
    if lacking.any():
        row, width = lacking.idxmax(), table.shape[1]
        raise InputError(
            f"{path}, row {row + 2}: {width - lacking[row]} cells where the header has {width}; mend the row"
        )
    # Spreadsheet programs leave empty columns behind.
    table = table.loc[:, (table.columns != "") | table.ne("").any().to_numpy()]
    if (table.columns == "").sum() > 1:
        raise InputError(f"{path} has several columns without a name; name them in the header")
    if strip:
        if '"' in text:  # no other cell has several lines
            _check_swallowed(path, table, delimiter)
        table = table.apply(lambda column: column.str.strip())
    return table


def _read_text(path: Path, advice: str) -> str:
    if path.is_char_device() or path.is_block_device():
        raise InputError(f"{path} is a device, not a file")  # some of them never end
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; {advice}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _check_columns(path: Path, table: pd.DataFrame, required: Sequence[str]) -> None:
    names = table.columns
    for name in names[names.duplicated() & (names != "")]:
        raise InputError(f"{path} has the column {name!r} twice; keep one")
    for name in names[names.str.contains(r"[\x00-\x1f\x7f]")]:
        raise InputError(f"{path} has a column called {name!r}: remove the line break, or the stray quote before it")
    for name in required:
        if name not in names:
            raise InputError(f"{path} has no column {name!r}; its columns are: {', '.join(names)}")


def _check_swallowed(path: Path, table: pd.DataFrame, delimiter: str) -> None:
    """Refuse a cell of several lines that holds as many delimiters as a row."""
    for name, column in table.items():
        rows = column.str.contains("\n") & (column.str.count(delimiter) >= max(table.shape[1] - 1, 1))
        if rows.any():
            raise InputError(
                f"{path}, row {rows.idxmax() + 2}: a quote in column {name!r} swallows the rows below; remove it"
            )


def write_table(path: Path, columns: Sequence[str], rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV with these columns in this order; a column that a row does not have stays empty."""
    write_text(path, table_text(columns, rows))


def table_text(columns: Sequence[str], rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> str:
    """What `write_table` writes: lines end with a line feed, cells with any kind of line break are quoted."""
    # dtype=object: beside an empty cell, a column of whole numbers would become one of floats.
    table = pd.DataFrame(rows if isinstance(rows, pd.DataFrame) else list(rows), columns=list(columns), dtype=object)
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")  # so that it quotes cells with either
    writer.writerow(columns)
    writer.writerows(table.where(table.notna(), "").itertuples(index=False, name=None))
    return "".join(lines)


class _Lines(list[str]):
    """Takes the lines of a CSV writer, each with a line feed alone at its end."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


Content = TypeVar("Content")


def read_json(path: Path, schema: type[Content], advice: str) -> Content:
    """Read a JSON file of a known shape.

    Args:
        path: the file.
        schema: what it holds, as pydantic takes it: a model, `dict[str, str]`, ... Types are strict.
        advice: what to do where the file is missing or of another shape.

    Raises:
        InputError: no such file, not UTF-8, not JSON, nested without end, or of another shape.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} is missing; {advice}")
    return parse_json(_read_text(path, "save it as UTF-8"), schema, path, advice)


def parse_json(text: str, schema: type[Content], source: object, advice: str) -> Content:
    """The same for a text that `source` holds."""
    return _checked(_adapter(schema).validate_json, text, source, advice)


def check_content(content: object, schema: type[Content], source: object, advice: str) -> Content:
    """The same for what was read by other means."""
    return _checked(_adapter(schema).validate_python, content, source, advice)


def _checked(validate: Callable[..., Content], content: object, source: object, advice: str) -> Content:
    try:
        return validate(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        problem = "".join(f"{part}: " for part in first["loc"]) + first["msg"].removeprefix("Value error, ")
        raise InputError(f"{source} is not what it should be ({problem}); {advice}") from None


@lru_cache
def _adapter(schema: type[Content]) -> TypeAdapter[Content]:
    return TypeAdapter(schema)


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON, keys in the order given."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """What `write_json` writes."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
