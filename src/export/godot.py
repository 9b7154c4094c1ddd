"""A sheet for Godot 4: `SpriteFrames` with an `AtlasTexture` a portrait, as the text of a `.tres` file."""

from __future__ import annotations

import json
from collections.abc import Sequence

from src.export.sheet import Layout, Tag

SHEET = "1_sheet"
"""The sheet's name within the file."""


def sprite_frames(layout: Layout, tags: Sequence[Tag], image: str, milliseconds: int) -> str:
    """The resource: an animation `default` of all portraits, and one of each tag.

    Args:
        layout: of the sheet.
        tags: of neighbouring portraits; names of letters, digits and `_.-`.
        image: the sheet's file, beside the `.tres`: Godot takes a relative path as beginning there.
        milliseconds: how long an animation shows each.
    """
    blocks = [
        # The sheet, the portraits, the resource itself.
        f'[gd_resource type="SpriteFrames" load_steps={layout.count + 2} format=3]',
        f'[ext_resource type="Texture2D" path={json.dumps(image)} id="{SHEET}"]',
    ]
    for number, (left, top) in enumerate(layout.places):
        blocks.append(
            f'[sub_resource type="AtlasTexture" id="AtlasTexture_{number}"]\n'
            f'atlas = ExtResource("{SHEET}")\n'
            f"region = Rect2({left}, {top}, {layout.width}, {layout.height})"
        )
    of_all = Tag("default", 0, layout.count - 1)
    animations = ", ".join(_animation(tag, 1000 / milliseconds) for tag in (of_all, *tags))
    blocks.append(f"[resource]\nanimations = [{animations}]")
    return "\n\n".join(blocks) + "\n"


def _animation(tag: Tag, per_second: float) -> str:
    frames = ", ".join(
        f'{{\n"duration": 1.0,\n"texture": SubResource("AtlasTexture_{number}")\n}}'
        for number in range(tag.first, tag.last + 1)
    )
    return (
        f'{{\n"frames": [{frames}],\n"loop": true,\n'
        f'"name": &{json.dumps(tag.name, ensure_ascii=False)},\n"speed": {per_second}\n}}'
    )
