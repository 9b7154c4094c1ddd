"""Groups that a collection knows of itself, put in place of those found by silhouette."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from src.data.contact_sheets import page_names, write_contact_sheets
from src.data.folder import CONTACT_SHEETS, GROUP_COLUMNS, GROUP_TABLE, PREPARED, RAW_TABLE, accepted_names
from src.data.group_labels import GROUP_LABELS, extend_group_labels
from src.data.groups import silhouette_hash
from src.data.intake import ACCEPTED, RAW_COLUMNS
from src.images import read_rgba
from src.tables import read_table, write_table


def regroup(data: Path, group_of: Mapping[str, str], preferred: Collection[str] = ()) -> int:
    """Rewrite the groups of a prepared data folder: tables, contact sheets and the sheet of labels.

    A file that is not named keeps the group it has. A duplicate belongs to the group of the portrait it is a duplicate
    of. Labels that a person gave a group stay, as ever.

    Args:
        data: the data folder that `prepare_folder` wrote.
        group_of: file name, as in `sprites_raw.csv` -> group id.
        preferred: file names of portraits that should stand for their groups in pictures.

    Returns:
        The number of groups.
    """
    raw = read_table(data / RAW_TABLE, ("filename", "status", "duplicate_of", "group_id"))
    names = accepted_names(raw)
    accepted = raw["status"].eq(ACCEPTED)
    known = raw["filename"].map(group_of)
    raw["group_id"] = raw["group_id"].mask(accepted & known.notna(), known)
    portraits = raw[accepted].sort_values("filename")
    of_original = raw["duplicate_of"].map(portraits.set_index("filename")["group_id"])
    raw["group_id"] = of_original.fillna(raw["group_id"])

    groups = []
    pictures = []
    for group, filenames in portraits.groupby("group_id")["filename"]:
        standing = next(filter(preferred.__contains__, filenames), filenames.iloc[0])
        pictures.append(read_rgba(data / PREPARED / names[standing]))
        groups.append((group, len(filenames), silhouette_hash(pictures[-1]), names[standing]))
    captions = [(group, "1 portrait" if size == 1 else f"{size} portraits") for group, size, *_ in groups]
    write_contact_sheets(data / CONTACT_SHEETS, pictures, captions)
    earlier = read_table(data / GROUP_TABLE)
    for page in page_names(len(earlier))[len(page_names(len(groups))) :]:
        (data / CONTACT_SHEETS / page).unlink(missing_ok=True)
    write_table(data / GROUP_TABLE, GROUP_COLUMNS, pd.DataFrame(groups, columns=list(GROUP_COLUMNS)))
    extend_group_labels(data / GROUP_LABELS, list(portraits["group_id"].unique()))
    write_table(data / RAW_TABLE, RAW_COLUMNS, raw)
    return len(groups)
