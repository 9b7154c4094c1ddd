import json

import numpy as np
import pytest

from src.errors import InputError
from src.labels import LabelSpecification, read_label_mappings
from src.prepare import build_dataset, prepare_folder
from src.prepare.build import fingerprint
from src.tables import read_table, write_table
from tests.prepare.art import CLOTH, hero, write_heroes


@pytest.fixture
def data(tmp_path):
    """Twelve silhouettes in five colours, prepared; their labels beside them in `labels.csv`."""
    rows = write_heroes(tmp_path / "images", shapes=12)
    write_table(tmp_path / "labels.csv", tuple(rows[0]), rows)
    prepare_folder(tmp_path / "images", tmp_path / "data")
    return tmp_path / "data"


def packed(data):
    with np.load(data / "portraits.npz") as file:
        return dict(file)


def relabel(data, **columns):
    """Change or add columns of labels.csv: column -> function of the row."""
    path = data.parent / "labels.csv"
    rows = read_table(path)
    for row in rows:
        row.update({name: make(row) for name, make in columns.items()})
    write_table(path, tuple(rows[0]), rows)
    return path


def test_the_packed_file_holds_what_training_reads(data):
    report = build_dataset(data, data.parent / "labels.csv")
    arrays = packed(data)
    assert (arrays["images"].shape, arrays["images"].dtype) == ((60, 64, 64, 4), np.uint8)
    assert (arrays["labels"].shape, arrays["labels"].dtype) == ((60, 3), np.int64)
    assert arrays["split"].dtype == np.uint8 and arrays["split"].sum() == report.validation
    assert arrays["filenames"].tolist() == sorted(arrays["filenames"].tolist())

    text = str(arrays["label_mappings"])
    assert text == (data / "label_mappings.json").read_text(encoding="utf-8")
    specification = LabelSpecification.from_mapping(json.loads(text))
    assert specification == read_label_mappings(data / "label_mappings.json")
    assert specification.attributes["palette"] == ("cool", "dark", "muted", "neutral", "warm")

    row = arrays["filenames"].tolist().index("heroes/07_warm.png")
    assert np.array_equal(arrays["images"][row], hero(7, CLOTH["warm"]))
    assert specification.decode(arrays["labels"][row]) == {
        "gender": "masculine",
        "hero_class": "knight",
        "palette": "warm",
    }
    assert str(arrays["fingerprint"]) == report.fingerprint
    assert report.fingerprint == fingerprint(arrays["images"], arrays["labels"], arrays["split"], text)
    assert json.loads((data / "dataset_config.json").read_text())["fingerprint"] == report.fingerprint


def test_the_split_cuts_no_group_and_the_tables_say_the_same(data):
    build_dataset(data, data.parent / "labels.csv", val_fraction=0.25)
    arrays = packed(data)
    groups = [set(arrays["group_ids"][arrays["split"] == side]) for side in (0, 1)]
    assert not groups[0] & groups[1] and len(groups[1]) == 3
    final, train, validation = (read_table(data / f"sprites_{name}.csv") for name in ("final", "train", "val"))
    assert [row["filename"] for row in final] == arrays["filenames"].tolist()
    assert [row["filename"] for row in validation] == arrays["filenames"][arrays["split"] == 1].tolist()
    assert len(train) + len(validation) == len(final)


def test_the_palette_is_worked_out_unless_it_is_given(data):
    path = data.parent / "labels.csv"
    build_dataset(data, path)
    for row in read_table(data / "sprites_final.csv"):
        assert row["palette"] == row["palette_pixels"] == row["filename"].split("_")[-1].removesuffix(".png")
        assert float(row["palette_lightness"]) < 0.42 or row["palette"] != "dark"

    report = build_dataset(data, relabel(data, palette=lambda row: "odd" if "cool" in row["filename"] else ""))
    assert report.sources["palette"] == {"given": 12, "pixels": 48}
    rows = {row["filename"]: row for row in read_table(data / "sprites_final.csv")}
    assert (rows["heroes/00_cool.png"]["palette"], rows["heroes/00_cool.png"]["palette_pixels"]) == ("odd", "cool")


def test_the_same_input_gives_the_same_content(data):
    build_dataset(data, data.parent / "labels.csv", seed=3)
    names = ("portraits.npz", "sprites_final.csv", "sprites_val.csv", "dataset_config.json", "group_labels.csv")
    before = [(data / name).read_bytes() for name in names]
    build_dataset(data, data.parent / "labels.csv", seed=3)
    assert [(data / name).read_bytes() for name in names] == before


def test_the_fingerprint_tells_images_labels_and_split(data):
    first = build_dataset(data, data.parent / "labels.csv")
    assert build_dataset(data, data.parent / "labels.csv").fingerprint == first.fingerprint
    assert build_dataset(data, data.parent / "labels.csv", seed=1).fingerprint != first.fingerprint
    path = relabel(data, gender=lambda row: {"feminine": "a", "masculine": "b"}[row["gender"]])
    assert build_dataset(data, path).fingerprint != first.fingerprint


def test_an_attribute_that_nobody_labelled_is_left_out_with_a_warning(data):
    report = build_dataset(data)
    assert list(report.class_counts) == ["palette"]
    assert sum("left out: nobody" in warning for warning in report.warnings) == 2
    assert packed(data)["labels"].shape == (60, 1)


def test_a_set_without_labels(data):
    report = build_dataset(data, attributes=())
    assert packed(data)["labels"].shape == (60, 0)
    assert report.portraits == 60 and 0 < report.validation < 20
    assert (data / "label_mappings.json").read_text() == "{}\n"


def test_other_attributes_are_data(data):
    report = build_dataset(data, relabel(data, view=lambda row: "front"), attributes=("view", "hero_class"))
    assert read_label_mappings(data / "label_mappings.json").attributes == {
        "view": ("front",),
        "hero_class": ("bard", "knight", "mage"),
    }
    assert any("one class only" in warning for warning in report.warnings)


def test_a_person_beats_the_given_labels_for_the_whole_group(data):
    rows = read_table(data / "group_labels.csv")
    rows[4].update(hero_class="rogue", source="manual")
    write_table(data / "group_labels.csv", tuple(rows[0]), rows)
    report = build_dataset(data, data.parent / "labels.csv")
    found = [row for row in read_table(data / "sprites_final.csv") if row["hero_class"] == "rogue"]
    assert {row["group_id"] for row in found} == {rows[4]["group_id"]} and len(found) == 5
    assert {row["gender"] for row in found} == {"feminine"}  # the cell left empty is still the given label
    assert report.sources["hero_class"] == {"given": 55, "manual": 5}
    after = read_table(data / "group_labels.csv")
    assert after[-1] == rows[4]  # what a person wrote is looked through last
    others = {row["group_id"]: row for row in after}
    other = others[rows[5]["group_id"]]
    assert (other["gender"], other["hero_class"], other["source"]) == ("masculine", "mage", "given")


def test_labels_by_group_and_by_other_endings(data):
    groups = read_table(data / "sprite_groups.csv")
    write_table(
        data.parent / "by_group.csv",
        ("group_id", "gender"),
        [{"group_id": row["group_id"], "gender": "ab"[index % 2]} for index, row in enumerate(groups)],
    )
    assert build_dataset(data, data.parent / "by_group.csv").class_counts["gender"]["a"][0] > 0
    path = relabel(data, filename=lambda row: row["filename"].replace(".png", ".jpg"))
    assert build_dataset(data, path).sources["hero_class"] == {"given": 60}


def test_portraits_of_a_group_share_its_label_and_those_without_any_are_left_out_and_counted(data):
    # The first silhouette has a label on one file of five, the second on none.
    def keep(row):
        shape, colour = row["filename"].removeprefix("heroes/").split("_")
        return "" if shape == "01" or (shape == "00" and colour != "cool.png") else row["hero_class"]

    report = build_dataset(data, relabel(data, hero_class=keep))
    assert (report.portraits, report.left_out) == (55, 5)
    assert any("5 portraits have no label of 'hero_class'" in warning for warning in report.warnings)
    assert not [row for row in read_table(data / "sprites_final.csv") if row["filename"].startswith("heroes/01")]


def test_slips_are_warned_of(data):
    path = relabel(
        data,
        filename=lambda row: row["filename"].replace("heroes/11", "lost/11"),
        gender=lambda row: "Feminine" if "00_" in row["filename"] else row["gender"],
        hero_class=lambda row: "mage" if row["filename"] == "heroes/03_warm.png" else row["hero_class"],
    )
    warnings = "\n".join(build_dataset(data, path).warnings)
    assert "5 of 60 keys in labels.csv match no accepted portrait, e.g. 'lost/11_cool.png'" in warnings
    assert "upper and lower case: Feminine, feminine" in warnings
    assert "1 groups hold portraits with different given labels" in warnings


def test_bad_input_is_one_line_that_says_what_to_do(data, tmp_path):
    labels = data.parent / "labels.csv"
    lost = relabel(data, filename=lambda row: "elsewhere/" + row["filename"]).rename(tmp_path / "lost.csv")
    for arguments, told in [
        ({"data": tmp_path / "nothing"}, "prepare"),
        ({"labels": labels}, "does not exist"),
        ({"labels": lost}, "matches no portrait"),
        ({"val_fraction": 1.0}, "fraction"),
        ({"attributes": ("gender", "gender")}, "twice"),
        ({"attributes": ("filename",)}, "filename"),
    ]:
        with pytest.raises(InputError, match=told) as caught:
            build_dataset(**({"data": data} | arguments))
        assert "\n" not in str(caught.value)
    (data / "prepared" / "heroes" / "00_cool.png").unlink()
    with pytest.raises(InputError, match="again"):
        build_dataset(data)


def test_groups_that_nobody_labelled_get_suggestions_of_which_the_sure_ones_are_used(tmp_path):
    rows = write_heroes(tmp_path / "images", shapes=50, palettes=("cool", "warm"))
    for row in rows:
        row["gender"] = "feminine" if int(row["filename"][7:9]) < 25 else "masculine"  # a banner of 12 pixels or more
    labelled = [row for row in rows if int(row["filename"][7:9]) % 3 == 0]
    write_table(tmp_path / "labels.csv", ("filename", "gender"), labelled)
    data = tmp_path / "data"
    prepare_folder(tmp_path / "images", data)

    report = build_dataset(data, tmp_path / "labels.csv", attributes=("gender",), min_confidence=0.0)
    sheet = {row["group_id"]: row for row in read_table(data / "group_labels.csv")}
    assert report.portraits == 100 and report.sources["gender"]["suggested"] == 66
    assert any("66 portraits have a suggested 'gender'" in warning for warning in report.warnings)
    assert sum(row["source"] == "suggested" for row in sheet.values()) == 33
    assert all(0.5 <= float(row["confidence"]) <= 1 for row in sheet.values())
    truth = {row["filename"]: row["gender"] for row in rows}
    final = read_table(data / "sprites_final.csv")
    assert sum(truth[row["filename"]] == row["gender"] for row in final) > 85

    least = sorted(float(row["confidence"]) for row in sheet.values())[16]
    fewer = build_dataset(data, tmp_path / "labels.csv", attributes=("gender",), min_confidence=least + 0.01)
    assert 34 <= fewer.portraits < 100 and fewer.left_out == 100 - fewer.portraits


def test_a_class_outside_the_vocabulary_names_the_row(data):
    labels = data.parent / "labels.csv"
    build_dataset(data, labels)
    mappings = (data / "label_mappings.json").rename(data.parent / "vocabulary.json")
    rows = read_table(data / "group_labels.csv")
    rows[3].update(hero_class="knigt", source="manual")
    write_table(data / "group_labels.csv", tuple(rows[0]), rows)
    with pytest.raises(InputError, match=rf"row 5 \({rows[3]['group_id']}\): unknown hero_class 'knigt'.*'knight'"):
        build_dataset(data, labels, vocabulary=mappings)
    assert read_table(data / "group_labels.csv") == rows
