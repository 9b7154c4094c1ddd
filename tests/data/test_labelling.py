import pandas as pd

from src.data.labelling import join_labels, labels_of_groups
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
