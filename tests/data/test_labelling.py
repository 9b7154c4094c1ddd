import numpy as np
import pandas as pd

from src.data.given_labels import GivenLabels
from src.data.labelling import join_labels, label_portraits, labels_of_groups
from src.tables import write_table
from tests.data.art import CLOTH, hero
from tests.tables import known, labels_table

ATTRIBUTES = ("gender", "hero_class")


def test_the_first_source_that_has_a_label_gives_it():
    names = pd.Index(["a", "b", "c", "d"])
    first = labels_table({"a": {"gender": "x"}, "d": {}})
    second = labels_table({"a": {"gender": "y", "hero_class": "mage", "note": "?"}, "b": {"gender": "y"}})
    labels, sources = join_labels(names, ATTRIBUTES, (("manual", first), ("given", second), ("given", first)))
    assert known(labels) == {"a": {"gender": "x", "hero_class": "mage"}, "b": {"gender": "y"}, "c": {}, "d": {}}
    assert known(sources) == {
        "a": {"gender": "manual", "hero_class": "given"},
        "b": {"gender": "given"},
        "c": {},
        "d": {},
    }


def test_a_group_is_labelled_by_most_of_its_members():
    group_ids = pd.Series("g", index=["0", "1", "2", "3"])
    by_file = labels_table({str(index): {"gender": name} for index, name in enumerate("xyx")})
    labels, agreement = labels_of_groups(group_ids, by_file, labels_table({}), ATTRIBUTES)
    assert known(labels) == {"g": {"gender": "x"}}
    assert agreement.to_dict() == {"g": 2 / 3}


def test_of_equally_common_classes_the_first_by_name_labels_a_group_and_a_files_own_label_beats_its_groups():
    group_ids = pd.Series(["g", "g", "h", "h", "i"], index=list("abcde"))
    by_file = labels_table({"a": {"gender": "y"}, "b": {"gender": "x"}, "c": {"gender": "x"}})
    by_group = labels_table({"h": {"gender": "y", "hero_class": "mage"}})
    labels, agreement = labels_of_groups(group_ids, by_file, by_group, ATTRIBUTES)
    assert known(labels) == {"g": {"gender": "x"}, "h": {"gender": "x", "hero_class": "mage"}}
    assert agreement.to_dict() == {"g": 1 / 2, "h": 1 / 2}


def test_manual_beats_given_beats_suggested_beats_pixels(tmp_path):
    sheet = tmp_path / "group_labels.csv"
    sources = {"m": "manual", "f": "suggested", "o": "given", "s": "suggested"}
    rows = [{"group_id": group, "gender": f"by {source}", "source": source} for group, source in sources.items()]
    write_table(sheet, ("group_id", "gender", "source"), rows)
    names = [f"{group}.png" for group in "fgmops"]
    portraits = pd.DataFrame({"filename": names, "group_id": list("fgmops"), "duplicates": [[]] * 6}, index=names)
    given = GivenLabels(
        labels_table(
            {"m.png": {"gender": "file", "hero_class": "file"}, "f.png": {"gender": "file", "palette": "odd"}}
        ),
        labels_table({"f": {"gender": "group"}, "g": {"gender": "group"}}),
        tmp_path / "labels.csv",
    )
    images = np.stack([hero(shape, CLOTH["cool"]) for shape in range(6)])
    palettes = pd.Series("cool", index=names)
    found = label_portraits(portraits, images, palettes, (*ATTRIBUTES, "palette"), given, sheet, min_confidence=0.8)
    assert {name[0]: labels.get("gender") for name, labels in known(found.labels).items()} == {
        "m": "by manual", "f": "file", "g": "group", "o": "by given", "s": "by suggested", "p": None,
    }  # fmt: skip
    assert found.labels.loc["m.png", "hero_class"] == "file"  # the person left that cell empty
    assert found.labels["palette"].tolist() == ["odd", "cool", "cool", "cool", "cool", "cool"]
    counts = {attribute: found.sources[attribute].value_counts().to_dict() for attribute in found.sources}
    assert counts == {
        "gender": {"manual": 1, "given": 3, "suggested": 1},
        "hero_class": {"given": 1},
        "palette": {"given": 1, "pixels": 5},
    }
