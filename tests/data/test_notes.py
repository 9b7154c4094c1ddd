import pandas as pd

from src.data.intake import ACCEPTED, REJECTED, RawRow
from src.data.notes import reasons_of, warnings_of, with_examples, without_details

ROWS = [
    RawRow("a.png", ACCEPTED, "key colour left in: 4 pixels of magenta"),
    RawRow("b.png", ACCEPTED, "flat background made transparent; looks like a sheet: --tiles 16"),
    RawRow("c.png", REJECTED, "looks like a sheet: --tiles 24x32"),
    RawRow("d.png", ACCEPTED, "flat background made transparent"),
    RawRow("e.png", ACCEPTED),
]


def test_reasons_are_counted_without_details_the_commonest_first():
    assert reasons_of(ROWS) == {
        (ACCEPTED, "flat background made transparent"): ["b.png", "d.png"],
        (ACCEPTED, "key colour left in"): ["a.png (4 pixels of magenta)"],
        (ACCEPTED, "looks like a sheet"): ["b.png (--tiles 16)"],
        (REJECTED, "looks like a sheet"): ["c.png (--tiles 24x32)"],
    }
    assert next(iter(reasons_of(ROWS)))[1] == "flat background made transparent"
    assert without_details(pd.Series([row.reason for row in ROWS])).tolist()[1:3] == [
        "flat background made transparent; looks like a sheet",
        "looks like a sheet",
    ]
    one = pd.Series(["larger art cut: 90x90 to 40x40; flat background made transparent"])
    assert without_details(one).tolist() == ["larger art cut; flat background made transparent"]


def test_what_a_person_may_mend_is_one_line_whatever_became_of_the_files():
    key, sheet = warnings_of(reasons_of(ROWS))
    assert key.startswith("1 image: key colour left in, e.g. a.png (4 pixels of magenta); ") and "--remove-key" in key
    assert sheet.startswith("2 images: looks like a sheet, e.g. b.png (--tiles 16), c.png (--tiles 24x32); --tiles")
    assert warnings_of({(REJECTED, "hardly larger than it looks"): ["a.png"]}) == []  # advice is for beginnings
    assert with_examples("odd", list("abcd")) == "odd, e.g. a, b, c"
