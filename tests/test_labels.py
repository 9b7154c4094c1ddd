import json

import pytest

from src.errors import InputError
from src.labels import LabelSpecification, read_label_mappings

SPECIFICATION = LabelSpecification.from_values({"view": ["side", "front", "side"], "palette": ["warm", "cool"]})


def test_classes_are_indexed_by_sorted_name_whatever_order_they_come_in():
    assert SPECIFICATION.attributes == {"view": ("front", "side"), "palette": ("cool", "warm")}
    assert SPECIFICATION.names == ("view", "palette")
    assert SPECIFICATION.sizes == (2, 2)
    assert SPECIFICATION.to_mapping()["view"] == {"front": 0, "side": 1}


def test_encoding_and_decoding_are_inverse():
    row = {"palette": "warm", "view": "front", "other": "ignored"}
    assert SPECIFICATION.encode(row) == [0, 1]
    assert SPECIFICATION.decode([0, 1]) == {"view": "front", "palette": "warm"}


def test_a_mapping_survives_the_file(tmp_path):
    path = tmp_path / "label_mappings.json"
    path.write_text(json.dumps(SPECIFICATION.to_mapping()), encoding="utf-8")
    assert read_label_mappings(path) == SPECIFICATION


def test_unknown_names_are_told_what_there_is():
    with pytest.raises(InputError, match="view, palette"):
        SPECIFICATION.index("gender", "feminine")
    with pytest.raises(InputError, match="front, side"):
        SPECIFICATION.index("view", "back")
    with pytest.raises(InputError, match="view, palette"):
        SPECIFICATION.restricted_to(["gender"])


def test_restricting_keeps_the_order_of_the_specification():
    assert SPECIFICATION.restricted_to(["palette", "view"]).names == ("view", "palette")
    assert SPECIFICATION.restricted_to([]).names == ()


@pytest.mark.parametrize("content", ["[1, 2]", "not json", '{"view": {"front": 1, "side": 0}}', '{"view": 3}'])
def test_a_bad_mapping_file_is_an_input_error(tmp_path, content):
    path = tmp_path / "label_mappings.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="again"):
        read_label_mappings(path)


def test_a_missing_mapping_file_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match="build"):
        read_label_mappings(tmp_path / "label_mappings.json")
