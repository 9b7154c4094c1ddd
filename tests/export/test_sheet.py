"""Sheets and their descriptions: Aseprite's JSON, Godot's resource, Tiled's tileset."""

import itertools
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from src.errors import InputError
from src.export.godot import sprite_frames
from src.export.sheet import Tag, describe_sheet, draw_sheet, plan_layout, tag_by_labels
from src.export.tiled import tileset
from tests.export.art import few_colours, labelled

LAYOUTS = [(1, None, 0, 0), (7, None, 0, 0), (7, 3, 2, 1), (6, 6, 0, 3), (5, 99, 15, 15), (4, 1, 3, 0)]


@pytest.mark.parametrize(("count", "columns", "margin", "spacing"), LAYOUTS)
def test_portraits_lie_where_the_layout_says_and_where_tiled_looks(count, columns, margin, spacing):
    images = few_colours(count)
    layout = plan_layout(images.shape[:3], columns, margin, spacing)
    sheet = draw_sheet(images, layout)
    assert sheet.shape == (*layout.size[::-1], 4)
    for image, (left, top) in zip(images, layout.places, strict=True):
        assert np.array_equal(sheet[top : top + 16, left : left + 16], image)
        sheet[top : top + 16, left : left + 16] = 0
    assert not sheet.any()
    # Tiled's own loop over a tileset's picture (Tileset::loadFromImage).
    width, height = layout.size
    tops, lefts = (range(margin, side - 16 + 1, 16 + spacing) for side in (height, width))
    cells = [(left, top) for top in tops for left in lefts]
    assert cells[:count] == layout.places and len(lefts) == layout.columns
    root = ElementTree.fromstring(tileset(layout, ["a"] * count, [{"labels": {}}] * count, "heroes.png", "heroes"))
    assert int(root.get("tilecount")) == len(cells) and int(root.get("columns")) == len(lefts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": 0}, "at least one column"),
        ({"margin": 16}, "margin must be 0 to 15"),
        ({"spacing": -1}, "spacing must be 0 to 15"),
    ],
)
def test_bad_layouts_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        plan_layout((4, 16, 16), **arguments)


def test_tags_are_the_runs_of_equal_labels():
    labels = [{"a": "x", "b": "y"}] * 2 + [{"a": "x"}] + [{}] * 2 + [{"a": "default"}, {"a": "../X!"}, {"a": "x"}]
    assert tag_by_labels(labels, ["a", "b"]) == [
        Tag("x_y", 0, 1),
        Tag("x", 2, 2),
        Tag("default_2", 5, 5),
        Tag("X_2", 6, 6),
        Tag("x_3", 7, 7),
    ]
    assert tag_by_labels(labels, ["b"]) == [Tag("y", 0, 1)]


@pytest.fixture(scope="module")
def nine():
    """Layout, names, tags and entries of nine portraits in order."""
    portraits = labelled(few_colours(9)).sorted_by(["gender", "hero_class"])
    layout = plan_layout((9, 16, 16), None, 2, 1)
    return layout, portraits.names, tag_by_labels(portraits.labels, ["gender", "hero_class"]), portraits.entries


@pytest.mark.parametrize("as_array", [False, True])
def test_the_json_has_asepite_s_fields(nine, as_array):
    layout, names, tags, _ = nine
    content = json.loads(json.dumps(describe_sheet(layout, names, tags, "heroes.png", True, 150, as_array)))
    frames, meta = content["frames"], content["meta"]
    assert isinstance(frames, list if as_array else dict)
    found = [frame.pop("filename") for frame in frames] if as_array else list(frames)
    assert found == [f"{name}.png" for name in names]
    for frame, (left, top) in zip(frames if as_array else frames.values(), layout.places, strict=True):
        assert frame == {
            "frame": {"x": left, "y": top, "w": 16, "h": 16},
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": {"x": 0, "y": 0, "w": 16, "h": 16},
            "sourceSize": {"w": 16, "h": 16},
            "duration": 150,
        }
    assert (meta["image"], meta["format"], meta["scale"]) == ("heroes.png", "I8", "1")
    assert meta["size"] == dict(zip("wh", layout.size, strict=True))
    # Every frame is in one tag, the tags in order: their labels are in the frames' names.
    covered = [range(tag["from"], tag["to"] + 1) for tag in meta["frameTags"]]
    assert list(itertools.chain(*covered)) == list(range(9))
    for tag, numbers in zip(meta["frameTags"], covered, strict=True):
        assert tag["direction"] == "forward"
        assert all(names[number].startswith(f"hero_{tag['name']}_") for number in numbers)


def test_the_godot_resource_is_whole(nine):
    layout, _, tags, _ = nine
    text = sprite_frames(layout, tags, "heroes.png", 200)
    header, *blocks = text.strip().split("\n\n")
    assert re.fullmatch(r'\[gd_resource type="SpriteFrames" load_steps=(\d+) format=3\]', header)[1] == "11"
    assert blocks[0] == '[ext_resource type="Texture2D" path="heroes.png" id="1_sheet"]'
    regions = {}
    for block in blocks[1:-1]:
        found = re.fullmatch(
            r'\[sub_resource type="AtlasTexture" id="(\w+)"\]\n'
            r'atlas = ExtResource\("1_sheet"\)\nregion = Rect2\((\d+), (\d+), 16, 16\)',
            block,
        )
        regions[found[1]] = (int(found[2]), int(found[3]))
    assert list(regions.values()) == layout.places
    # The rest is JSON but for references and names.
    value = blocks[-1].removeprefix("[resource]\nanimations = ")
    animations = json.loads(re.sub(r'SubResource\("(\w+)"\)', r'"\1"', value).replace('&"', '"'))
    frames = {each["name"]: [frame["texture"] for frame in each["frames"]] for each in animations}
    assert frames.pop("default") == list(regions)
    assert frames == {tag.name: list(regions)[tag.first : tag.last + 1] for tag in tags}
    assert {(each["speed"], each["loop"]) for each in animations} == {(5.0, True)}


def test_the_tileset_says_what_each_tile_is(nine):
    layout, names, _, entries = nine
    hostile = {"labels": {"<&\"'>": "a\0b\ud800]]>", "seed": "text"}, "seed": 7}
    text = tileset(layout, names, [*entries[:-1], hostile], "heroes.png", "heroes")
    root = ElementTree.fromstring(text.encode())
    expected = {"tilewidth": "16", "tileheight": "16", "margin": "2", "spacing": "1", "columns": "3", "name": "heroes"}
    assert expected.items() <= root.attrib.items() and root.tag == "tileset"
    width, height = layout.size
    assert root.find("image").attrib == {"source": "heroes.png", "width": str(width), "height": str(height)}
    tiles = [{each.get("name"): each.get("value") for each in tile.iter("property")} for tile in root.iter("tile")]
    assert [tile.get("id") for tile in root.iter("tile")] == [str(number) for number in range(9)]
    for tile, name, entry in zip(tiles[:-1], names, entries, strict=False):
        assert tile == {**entry["labels"], "name": name, "seed": str(entry["seed"])}
    assert tiles[-1] == {"<&\"'>": "a\ufffdb\ufffd]]>", "seed": "text", "name": names[-1]}
    assert {each.get("type") for each in root.iter("property") if each.get("name") == "seed"} == {"int", None}


@pytest.mark.parametrize(("seed", "kind"), [(2**31 - 1, "int"), (2**31, None)])
def test_a_seed_that_is_no_number_of_tiled_is_a_text(nine, seed, kind):
    layout, names, _, entries = nine
    root = ElementTree.fromstring(tileset(layout, names, [{**entries[0], "seed": seed}] * 9, "heroes.png", "heroes"))
    (found,) = {(each.get("type"), each.get("value")) for each in root.iter("property") if each.get("name") == "seed"}
    assert found == (kind, str(seed))
