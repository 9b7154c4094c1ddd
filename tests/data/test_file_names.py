import numpy as np
import pytest

from src.data.file_names import folder_pattern, guess_heroes, heroes_by_name, joined, match_names
from src.errors import InputError


@pytest.mark.parametrize(
    ("pattern", "filename", "values"),
    [
        ("{hero_class}/*", "knight/deep/h1.png", {"hero_class": "knight"}),
        ("{gender}_{hero_class}_*", "feminine_mage_03.png", {"gender": "feminine", "hero_class": "mage"}),
        ("*_{view}", "sub/hero01_front.gif", {"view": "front"}),
        ("*/{hero}-*", "a/b/orc-walk-1.png", {"hero": "orc"}),
        ("{hero_class}\\*", "knight/h1.png", {"hero_class": "knight"}),
    ],
)
def test_a_pattern_reads_classes_out_of_a_name(pattern, filename, values):
    assert match_names(pattern, [filename, "other"]) == {filename: values}


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("{hero}_*", "no file name matches"),
        ("knight/*", "no pattern"),
        ("{a}{a}", "each attribute once"),
        ("{a", "no pattern"),
        ("{1}/*", "no word"),
    ],
)
def test_a_bad_pattern_is_one_line(pattern, complaint):
    with pytest.raises(InputError, match=complaint):
        match_names(pattern, ["a/b.png"])


IDENTITY = ("gender", "hero_class")


@pytest.mark.parametrize(
    ("folders", "attributes", "pattern"),
    [
        ("knight mage", IDENTITY, "{hero_class}/*"),
        ("01_knight 02_mage", IDENTITY, "{hero_class}/*"),
        ("hero01 hero02", IDENTITY, ""),  # numbered, not named
        ("0 1", IDENTITY, ""),
        ("knight", IDENTITY, ""),
        ("Female male", IDENTITY, "{gender}/*"),
        ("Female male", ("hero_class",), "{gender}/*"),
        ("knight mage", ("gender",), "{gender}/*"),
        ("female/knight male/knight female/mage male/mage", IDENTITY, "{gender}/{hero_class}/*"),
        ("elf/knight orc/knight elf/mage orc/mage", IDENTITY, "{hero_class}/*"),
        ("elf/knight orc/knight elf/mage orc/mage", ("race", "hero_class"), "{race}/{hero_class}/*"),
        ("female/ann female/eve male/bob male/tom", IDENTITY, "{gender}/*"),  # a folder a hero
        ("knight/ann knight/eve mage/bob mage/tom", IDENTITY, "{hero_class}/*"),
        ("2024/knight/idle 2024/mage/idle", IDENTITY, "2024/{hero_class}/*"),
        ("a{b/knight a{b/mage", IDENTITY, "a*b/{hero_class}/*"),
        ("train/knight train/mage val/knight val/mage", IDENTITY, "{split}/{hero_class}/*"),
        ("train val", IDENTITY, ""),
    ],
)
def test_folders_look_like_classes_where_they_are_words(folders, attributes, pattern):
    names = [f"{folder}/{number}.png" for folder in folders.split() for number in range(5)]
    found, classes = folder_pattern(names, attributes, {})
    assert found == pattern
    if pattern:
        assert len(match_names(pattern, names)) == len(names)
        assert all(f"{{{name}}}" in pattern and len(counts) > 1 for name, counts in classes.items())
    # One file of many may lie beside, and a folder may have one alone; so may not every second file.
    assert folder_pattern([*names, "top.png"], attributes, {})[0] == pattern
    assert folder_pattern([*names, *(f"{number}.png" for number in range(9))], attributes, {}) == ("", {})


def test_single_files_and_very_many_folders_are_no_classes():
    assert folder_pattern(["ann/1.png", "bob/1.png", "eve/1.png", "eve/2.png"], IDENTITY, {}) == ("", {})
    for count, found in ((50, True), (51, False)):
        folders = [chr(97 + number // 26) + chr(97 + number % 26) for number in range(count)]
        names = [f"{folder}/{number}.png" for folder in folders for number in range(2)]
        assert bool(folder_pattern(names, IDENTITY, {})[0]) == found


def test_folders_of_an_attribute_with_classes_have_these():
    names = [f"{folder}/{number}.png" for folder in ("elf", "orc") for number in range(3)]
    assert folder_pattern(names, IDENTITY, {"hero_class": {"elf"}})[1] == {"hero_class": {"elf": 3, "orc": 3}}
    assert folder_pattern(names, ("hero_class", "race"), {"hero_class": {"mage"}})[1] == {"race": {"elf": 3, "orc": 3}}


def test_heroes_by_folder_or_pattern():
    names = ["a/1.png", "a/2.png", "b/1.png", "top.png"]
    assert heroes_by_name(names, "folder") == {"a/1.png": "a", "a/2.png": "a", "b/1.png": "b"}
    assert joined(heroes_by_name(names, "*/{hero}")) == [["a/1.png", "b/1.png"]]


NAMES = {
    "frames in a folder a hero": [(f"hero{h:02d}/walk_{k}.png", h) for h in range(8) for k in range(4)],
    "folders in folders": [(f"hero{h}/{act}/{k}.png", h) for h in range(8) for act in ("walk", "idle") for k in (0, 1)],
    "a flat folder": [(f"orc{h}_walk_{k}.png", h) for h in range(8) for k in range(3)],
    "views in a folder a view": [(f"{view}/{h:03d}.png", h) for view in ("back", "front", "0") for h in range(9)],
}


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("shared", [True, False])
def test_heroes_are_guessed_where_names_and_colours_agree(case, shared):
    hero_of = dict(NAMES[case])
    number = {name: index for index, name in enumerate(hero_of)}

    def colours_of(name):  # frames of one hero share nine colours of ten; else no two files share any
        return np.arange(10) + 100 * (hero_of[name] if shared else number[name]) - (number[name] % 2 if shared else 0)

    heroes, _ = guess_heroes(sorted(hero_of), colours_of)
    if not shared:
        assert heroes == {}
        return
    pairs = {(hero_of[one], hero_of[other]) for names in joined(heroes) for one in names for other in names}
    assert pairs == {(hero, hero) for hero in hero_of.values()}
    assert len(joined(heroes)) == len(set(hero_of.values()))  # no hero in parts
    assert guess_heroes(sorted(hero_of), lambda _: np.arange(10))[0] == {}  # one palette for all


@pytest.mark.parametrize(
    "names",
    [
        [f"{folder}/{number}.png" for folder in ("aldric", "merlin") for number in range(6)],
        [f"h{hero:02d}_{frame}.png" for hero in range(10) for frame in range(2 if hero < 2 else 1)],
    ],
    ids=["two folders", "few with a second frame"],
)
def test_few_heroes_are_no_guess(names):
    heroes = [name[:3] for name in names]
    assert guess_heroes(names, lambda name: np.arange(10) + 100 * heroes.index(name[:3])) == ({}, "")


def test_a_hint_names_the_reading_that_joins_most():
    hero_of = dict(NAMES["folders in folders"])
    number = {name: index for index, name in enumerate(hero_of)}

    def colours_of(name):  # 8 of 14 are common to a hero's
        return np.concatenate([100 * hero_of[name] + np.arange(8), 1000 + 10 * number[name] + np.arange(3)])

    assert guess_heroes(sorted(hero_of), colours_of) == ({}, "folder they lie in")


def test_classes_and_numbered_files_are_no_heroes():
    generator = np.random.default_rng(0)
    names = [f"{folder}/{number}.png" for folder in ("knight", "mage", "bard") for number in range(4)]
    colours = {name: np.unique(generator.integers(0, 30, 12)) for name in names}
    assert guess_heroes(names, colours.__getitem__) == ({}, "")
    assert guess_heroes([f"hero_{number:04d}.png" for number in range(50)], pytest.fail) == ({}, "")
