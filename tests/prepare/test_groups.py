import numpy as np

from src.prepare.groups import colour_layout, make_groups, silhouette_hash
from tests.prepare.art import CLOTH, hero


def test_recolours_share_a_silhouette_and_other_shapes_do_not():
    recolours = {silhouette_hash(hero(5, colour)) for colour in CLOTH.values()}
    shapes = {silhouette_hash(hero(shape, CLOTH["warm"])) for shape in range(20)}
    assert len(recolours) == 1
    assert len(shapes) == 20


def test_pictures_without_an_outline_are_told_apart_by_the_layout_of_their_colours():
    layout = np.random.default_rng(0).integers(0, 3, (64, 64))
    palettes = np.random.default_rng(1).integers(0, 256, (2, 3, 4), dtype=np.uint8)
    palettes[..., 3] = 255
    one, recoloured = palettes[0][layout], palettes[1][layout]
    other = palettes[0][layout[::-1]]
    assert silhouette_hash(one) == silhouette_hash(recoloured) != silhouette_hash(other)
    # The same with transparent padding around: still no outline.
    for image in (one, recoloured, other):
        image[:, :10] = image[:5] = 0
    assert silhouette_hash(one) == silhouette_hash(recoloured) != silhouette_hash(other)


def test_colours_are_numbered_by_first_appearance():
    image = np.array([[[9, 9, 9, 255], [5, 5, 5, 255], [9, 9, 9, 255]], [[1, 1, 1, 255], [5, 5, 5, 255], [0, 0, 0, 0]]])
    assert colour_layout(image.astype(np.uint8)).tolist() == [[0, 1, 0], [2, 1, 3]]


def test_sharing_a_key_on_any_rung_joins_even_through_others():
    keys = {"d": ["s1", "p1"], "a": ["s2", "p1"], "c": ["s2", "p3"], "b": ["s4", "p4"], "e": ["p4", "s1"]}
    groups = make_groups(keys)
    # e's keys are the words of b's and d's on the other rung: they join nothing.
    assert [group.members for group in groups] == [("a", "c", "d"), ("b",), ("e",)]
    assert [group.representative for group in groups] == ["a", "b", "e"]


def test_ids_do_not_change_when_recolours_or_other_groups_come_or_go():
    keys = {name: [silhouette_hash(hero(shape, CLOTH["cool"]))] for name, shape in (("x", 1), ("y", 2))}
    before = {group.members[0]: group.group_id for group in make_groups(keys)}
    more = keys | {"a": keys["x"], "z": [silhouette_hash(hero(3, CLOTH["cool"]))]}
    after = {name: group.group_id for group in make_groups(more) for name in group.members}
    assert after["x"] == after["a"] == before["x"]
    assert after["y"] == before["y"]
    assert len(set(after.values())) == 3
