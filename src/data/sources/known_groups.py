"""Groups that a collection knows of itself, put in place of those found by silhouette."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from src.data.folder import CONTACT_SHEETS, GROUP_TABLE, PREPARED, RAW_TABLE, accepted_names
from src.data.group_labels import GROUP_LABELS, extend_group_labels
from src.data.groups import silhouette_hash
from src.data.intake import ACCEPTED
from src.data.sheets import page_names, write_contact_sheets
from src.images import read_rgba
from src.tables import Row, read_table, write_table


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
    rows = read_table(data / RAW_TABLE, ("filename", "status", "duplicate_of", "group_id"))
    names = accepted_names(rows)
    for row in rows:
        if row["status"] == ACCEPTED:
            row["group_id"] = group_of.get(row["filename"], row["group_id"])
    new_group = {row["filename"]: row["group_id"] for row in rows if row["status"] == ACCEPTED}
    members: dict[str, list[str]] = {}
    for filename, group in sorted(new_group.items()):
        members.setdefault(group, []).append(filename)
    for row in rows:
        if row["duplicate_of"] in new_group:
            row["group_id"] = new_group[row["duplicate_of"]]

    earlier = read_table(data / GROUP_TABLE)
    groups: list[Row] = []
    portraits = []
    for group, filenames in sorted(members.items()):
        standing = next((filename for filename in filenames if filename in preferred), filenames[0])
        portrait = read_rgba(data / PREPARED / names[standing])
        portraits.append(portrait)
        groups.append(
            {
                "group_id": group,
                "size": str(len(filenames)),
                "silhouette_hash": silhouette_hash(portrait),
                "representative": names[standing],
            }
        )
    captions = [(row["group_id"], "1 portrait" if row["size"] == "1" else f"{row['size']} portraits") for row in groups]
    write_contact_sheets(data / CONTACT_SHEETS, portraits, captions)
    for page in page_names(len(earlier))[len(page_names(len(groups))) :]:
        (data / CONTACT_SHEETS / page).unlink(missing_ok=True)
    write_table(data / GROUP_TABLE, tuple(earlier[0]), groups)
    extend_group_labels(data / GROUP_LABELS, list(members))
    write_table(data / RAW_TABLE, tuple(rows[0]), rows)
    return len(groups)
