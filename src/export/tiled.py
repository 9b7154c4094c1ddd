"""A sheet for Tiled: a tileset in its XML, `.tsx`, with the labels as properties of the tiles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from src.export.sheet import Layout

# What XML 1.0 cannot hold, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def tileset(
    layout: Layout, names: Sequence[str], entries: Sequence[Mapping[str, object]], image: str, name: str
) -> str:
    """The tileset.

    Every cell of the sheet is a tile, those left over in the last row too: so Tiled counts. A portrait's tile has the
    properties `name`, `seed` where it is known, and one an attribute.

    Args:
        layout: of the sheet.
        names: of the portraits.
        entries: of the manifest, one a portrait.
        image: the sheet's file, beside the `.tsx`.
        name: the tileset's.
    """
    width, height = layout.size
    root = ElementTree.Element(
        "tileset",
        version="1.10",
        tiledversion="1.10.2",
        name=name,
        tilewidth=str(layout.width),
        tileheight=str(layout.height),
        spacing=str(layout.spacing),
        margin=str(layout.margin),
        tilecount=str(layout.columns * layout.rows),
        columns=str(layout.columns),
    )
    ElementTree.SubElement(root, "image", source=image, width=str(width), height=str(height))
    for number, (portrait, entry) in enumerate(zip(names, entries, strict=True)):
        tile = ElementTree.SubElement(root, "tile", id=str(number))
        properties = ElementTree.SubElement(tile, "properties")
        known = {"seed": entry["seed"]} if "seed" in entry else {}
        for key, value in sorted({**known, **entry["labels"], "name": portrait}.items()):
            # Tiled's numbers have 32 bits, and a seed may be larger.
            kind = {"type": "int"} if isinstance(value, int) and value < 2**31 else {}
            ElementTree.SubElement(properties, "property", name=_xml(key), **kind, value=_xml(str(value)))
    ElementTree.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
