import numpy as np
import pytest

from src.data.groups import SAME_SILHOUETTE_SIMILARITY, make_groups, silhouette_hash, structure_of
from src.data.similarity import colour_layout, similarity
from tests.data.art import CLOTH, hero

COLOURS = np.random.default_rng(0).integers(30, 226, (40, 3), dtype=np.uint8)


def figure(seed=0, palette=0, armour=0, ears=0):
    """A figure of many colours: the seed decides its outline, the armour what fills it, the ears a few pixels."""
    outline, filling = np.random.default_rng(seed), np.random.default_rng(armour)
    layout = np.zeros((64, 64), int)
    for row in range(8, 64):
        left, right = 10 + outline.integers(0, 8), 54 - outline.integers(0, 8)
        layout[row, left:right] = 1
    blocks = filling.integers(1, 9, (16, 16)).repeat(4, axis=0).repeat(4, axis=1)
    layout = np.where(layout > 0, blocks, 0)
    layout[20 : 20 + ears, 5:60] = 9
    image = np.zeros((64, 64, 4), np.uint8)
    image[..., :3] = np.roll(COLOURS, 10 * palette, axis=0)[layout]
    image[..., 3] = 255
    image[layout == 0] = 0
    return image


def grouped(**portraits):
    """The groups as sets of names."""
    structures = {name: structure_of(image) for name, image in portraits.items()}
    return {frozenset(group.members) for group in make_groups(structures)}


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
    assert grouped(one=one, recoloured=recoloured, other=other) == {
        frozenset({"one", "recoloured"}),
        frozenset({"other"}),
    }


def test_colours_are_numbered_by_first_appearance_from_one():
    image = np.array([[[9, 9, 9, 255], [5, 5, 5, 255], [9, 9, 9, 255]], [[1, 1, 1, 255], [5, 5, 5, 255], [0, 0, 0, 0]]])
    assert colour_layout(image.astype(np.uint8)).tolist() == [[1, 2, 1], [3, 2, 0]]


def test_likeness_is_the_share_of_pixels_that_a_change_of_palette_explains():
    one = np.array([[1, 1, 2, 2], [1, 1, 2, 2]])
    assert similarity(one, np.array([[5, 5, 3, 3], [5, 5, 3, 3]])) == 1
    assert similarity(one, np.ones((2, 4), int)) == pytest.approx(3 / 7)  # read backwards, one colour means two
    assert similarity(one, np.array([[5, 5, 3, 0], [5, 5, 3, 0]])) == 6 / 8  # two pixels are in one of them only
    assert similarity(np.zeros((2, 4), int), np.zeros((2, 4), int)) == 0


def test_pictures_where_every_pixel_has_a_colour_of_its_own_are_not_alike():
    everything = np.arange(1, 1601).reshape(40, 40)
    assert similarity(everything, everything[::-1]) == 0
    few = np.random.default_rng(0).integers(1, 300, (2, 40, 40))  # the same by sorting as by the table of pairs
    assert similarity(few[0], few[0]) == 1 and similarity(*few) < 0.2


def test_a_mirrored_twin_is_found():
    one = figure(palette=0)
    assert len(grouped(a=one, b=one[:, ::-1], c=figure(palette=1)[:, ::-1])) == 1
    touched_up = figure(palette=2)[:, ::-1].copy()
    touched_up[30, 30] = touched_up[40, 40] = 255
    assert len(grouped(a=one, b=touched_up)) == 1


def test_a_palette_swap_is_found_even_where_some_pixels_took_another_colour():
    one, other = figure(palette=0), figure(palette=1)
    assert len(grouped(a=one, b=other)) == 1
    colours = np.unique(other[other[..., 3] > 0], axis=0)
    rows, columns = np.nonzero((other == colours[0]).all(axis=2))
    other[rows[:40], columns[:40]] = colours[1]
    assert structure_of(one).layout.tolist() != structure_of(other).layout.tolist()
    assert len(grouped(a=one, b=other)) == 1
    for colour in colours[:4]:  # five colours became one: much of the drawing is gone
        other[(other == colour).all(axis=2)] = colours[4]
    assert len(grouped(a=one, b=other)) == 2


def test_a_recolour_in_which_two_colours_became_one_is_found_under_the_same_outline_only():
    one, other = figure(palette=0), figure(palette=1)
    colours = np.unique(other[other[..., 3] > 0], axis=0)
    other[(other == colours[0]).all(axis=2)] = colours[1]
    assert similarity(colour_layout(one), colour_layout(other)) < SAME_SILHOUETTE_SIMILARITY
    assert len(grouped(a=one, b=other)) == 1
    other[8, 20:24] = 0
    assert len(grouped(a=one, b=other)) == 2


def test_a_near_twin_with_two_pixels_changed_is_found():
    one, other = figure(palette=0), figure(palette=3)
    other[20, 30] = (1, 2, 3, 255)
    other[8, 31] = 0  # in the outline
    assert silhouette_hash(one) != silhouette_hash(other)
    assert len(grouped(a=one, b=other)) == 1


def test_other_armour_under_one_outline_and_other_outlines_are_other_groups():
    assert silhouette_hash(figure(armour=0)) == silhouette_hash(figure(armour=1))
    assert len(grouped(a=figure(armour=0), b=figure(armour=1))) == 2
    assert len(grouped(a=figure(seed=0), b=figure(seed=1))) == 2


def test_a_stray_joins_the_larger_group_that_it_is_like_but_groups_of_like_size_stay_apart():
    def variants(count, name, **shape):
        return {f"{name}{index}": figure(palette=index % 4, **shape) for index in range(count)}

    human, orc = variants(6, "human"), variants(6, "orc", ears=4)
    assert 0.85 < similarity(colour_layout(human["human0"]), colour_layout(orc["orc0"])) < 0.98
    assert len(grouped(**human, **orc)) == 2
    assert len(grouped(**human, orc0=orc["orc0"], orc1=orc["orc1"])) == 1
    assert len(grouped(**human, other=figure(seed=9, armour=9))) == 2


def test_groups_are_listed_by_their_first_member_and_a_common_member_stands_for_them():
    portraits = {
        "b": figure(ears=4),
        **{f"c{index}": figure(palette=index) for index in range(4)},
        "a": figure(seed=5, armour=5),
    }
    groups = make_groups({name: structure_of(image) for name, image in portraits.items()})
    assert [group.members for group in groups] == [("a",), ("b", "c0", "c1", "c2", "c3")]
    assert [group.representative for group in groups] == ["a", "c0"]


def test_ids_do_not_change_when_recolours_strays_or_other_groups_come_or_go():
    portraits = {f"x{index}": figure(palette=index) for index in range(4)} | {"y": figure(seed=2, armour=2)}

    def ids(portraits):
        groups = make_groups({name: structure_of(image) for name, image in portraits.items()})
        return {name: group.group_id for group in groups for name in group.members}

    before = ids(portraits)
    more = {"a": figure(palette=2)[:, ::-1], "b": figure(ears=4), "z": figure(seed=3, armour=3), "w": figure(armour=4)}
    after = ids(portraits | more)
    assert after["a"] == after["b"] == after["x0"] == before["x0"]
    assert after["y"] == before["y"]
    assert len({after[name] for name in ("x0", "y", "z", "w")}) == 4
