import pytest

from src.data.vocabulary import check_classes
from src.errors import InputError

ATTRIBUTES = ("gender", "hero_class")


def test_a_class_that_the_vocabulary_lacks_is_an_error_that_names_the_row(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("group_id,gender,note\ng1,feminine,x\ng2,,y\ng3,feminin,z\n")
    known = {"gender": ("feminine", "masculine")}
    assert check_classes(path, ATTRIBUTES, {"hero_class": ("mage",)}) == {
        "gender": {"feminine", "feminin"},
        "hero_class": set(),
    }
    assert check_classes(path, ("note",), known) == {"note": {"x", "y", "z"}}
    assert check_classes(path, ATTRIBUTES, known, groups={"g1", "g2"})["gender"] == {"feminine"}
    message = (
        r"row 4 \(g3\): unknown gender 'feminin' \(did you mean 'feminine'\?\); .*: feminine, masculine.*--new-classes"
    )
    with pytest.raises(InputError, match=message):
        check_classes(path, ATTRIBUTES, known)


@pytest.mark.parametrize("name", ['"a\nb"', "a\x1bb", "a\x00b"])
def test_a_class_with_a_line_break_or_the_like_is_refused(tmp_path, name):
    (tmp_path / "labels.csv").write_text(f"group_id,gender\ng1,{name}\n")
    with pytest.raises(InputError, match=r"row 2: gender .* has a line break") as caught:
        check_classes(tmp_path / "labels.csv", ATTRIBUTES, {})
    assert "\n" not in str(caught.value)
