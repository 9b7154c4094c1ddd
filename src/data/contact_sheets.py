"""Contact sheets: pictures of the groups with their ids, for a person to curate labels by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.images import over_background, write_png
from src.progress import track

COLUMNS, ROWS = 10, 10
GROUPS_A_PAGE = COLUMNS * ROWS
SCALE = 2
CAPTION_HEIGHT = 28
BACKGROUND = 200


def page_names(groups: int) -> list[str]:
    """The file names of the contact sheets of that many groups."""
    return [f"groups_{page:03d}.png" for page in range(1, math.ceil(groups / GROUPS_A_PAGE) + 1)]


def contact_sheet(portraits: Sequence[np.ndarray], captions: Sequence[tuple[str, str]]) -> Image.Image:
    """A page of portraits, each over two lines of text.

    Args:
        portraits: uint8 `[size, size, 4]` each, at least one.
        captions: two short lines a portrait.
    """
    side = portraits[0].shape[0] * SCALE
    # Wide enough for an id of 13 letters whatever the portraits' size.
    cell_width, cell_height = max(side, 88) + 8, side + CAPTION_HEIGHT
    rows = math.ceil(len(portraits) / COLUMNS)
    page = Image.new("RGB", (COLUMNS * cell_width, rows * cell_height), (BACKGROUND,) * 3)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=11)
    for index, (portrait, lines) in enumerate(zip(portraits, captions, strict=True)):
        left, top = index % COLUMNS * cell_width, index // COLUMNS * cell_height
        picture = over_background(portrait, BACKGROUND).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
        page.paste(Image.fromarray(picture), (left + (cell_width - side) // 2, top))
        for number, line in enumerate(lines):
            draw.text((left + 4, top + side + 13 * number), line, fill=(20, 20, 20), font=font)
    return page


def write_contact_sheets(folder: Path, portraits: Sequence[np.ndarray], captions: Sequence[tuple[str, str]]) -> None:
    """Write one PNG for every hundred groups: `groups_001.png`, ...

    Args:
        folder: where to.
        portraits: the groups' representatives, uint8 `[size, size, 4]` each.
        captions: two short lines a group.
    """
    for page, name in enumerate(track(page_names(len(portraits)), "contact sheets", delay=2.0)):
        part = slice(page * GROUPS_A_PAGE, (page + 1) * GROUPS_A_PAGE)
        write_png(folder / name, np.asarray(contact_sheet(portraits[part], captions[part])))
