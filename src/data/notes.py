"""What the rows of `sprites_raw.csv` say, counted for a person: each kind of note once, with three files and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from src.data.clean import KEY_LEFT, NOISE_LEFT
from src.data.intake import CUT_THROUGH, ONE_FRAME, SHEET, RawRow
from src.data.native_grid import PHOTOGRAPH

CUT_TILES = "cut_tiles.png"
"""A picture of the first sheet that the tiles cut badly."""

SAME_PIXELS = "same pixels as another file"
ENLARGED = "enlarged unlike most"

ADVICE = {
    ONE_FRAME: "--frames all takes every frame",
    NOISE_LEFT: "--remove-noise gives each drawn colour one again",
    KEY_LEFT: "where it stands for transparency, --remove-key makes it so",
    SHEET: "--tiles, --margin and --spacing cut a sheet",
    CUT_THROUGH: f"see {CUT_TILES}, and check --tiles, --margin and --spacing",
    ENLARGED: "--enlarge 1 gives all one scale",
    PHOTOGRAPH.partition(":")[0]: "--remove-noise takes pixel art that was saved as JPEG",
    "larger than": "--reduce mode scales art down, --tiles cuts sheets",
}
"""Beginnings of notes that a person may do something about, and what."""

EXAMPLES = 3


def reasons_of(rows: Sequence[RawRow]) -> dict[tuple[str, str], list[str]]:
    """(status, reason) -> the files, the commonest first; what differs from file to file stands with the file."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for note in row.reason.split("; ") if row.reason else ():
            reason, _, detail = note.partition(": ")
            reasons.setdefault((row.status, reason), []).append(
                f"{row.filename} ({detail})" if detail else row.filename
            )
    return dict(sorted(reasons.items(), key=lambda item: -len(item[1])))


def without_details(reasons: pd.Series) -> pd.Series:
    """The column `reason` of `sprites_raw.csv` without what differs from file to file."""
    return reasons.str.replace(r": [^;]*", "", regex=True)


def warnings_of(reasons: Mapping[tuple[str, str], Sequence[str]]) -> list[str]:
    """A line for each reason that a person may do something about, whatever became of the files."""
    files_of: dict[str, list[str]] = {}
    for (_, reason), files in reasons.items():
        files_of.setdefault(reason, []).extend(files)
    lines = []
    for reason, files in files_of.items():
        advice = advice_for(reason)
        if advice is not None:
            images = "image" if len(files) == 1 else "images"
            lines.append(f"{len(files):,} {images}: {with_examples(reason, files)}; {advice}")
    return lines


def with_examples(reason: str, files: Sequence[str]) -> str:
    """The reason and the first files."""
    return f"{reason}, e.g. {', '.join(files[:EXAMPLES])}"


def advice_for(reason: str) -> str | None:
    """What a person may do about it; None where there is nothing to do."""
    return next((advice for beginning, advice in ADVICE.items() if reason.startswith(beginning)), None)
