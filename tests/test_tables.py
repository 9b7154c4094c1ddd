import csv

import pytest

from src.errors import InputError
from src.files import replacing
from src.tables import read_json, read_table, write_table
from tests.tables import read_rows


def test_a_table_survives_the_file(tmp_path):
    rows = [{"filename": " a, b.png", "reason": 'say "no"\nwhy'}, {"filename": "ü.png", "reason": ""}]
    write_table(tmp_path / "t.csv", ("filename", "reason"), rows)
    assert read_rows(tmp_path / "t.csv", ("filename",)) == rows
    assert (tmp_path / "t.csv").read_bytes().startswith(b"filename,reason\n")
    write_table(tmp_path / "again.csv", ("filename", "reason"), read_table(tmp_path / "t.csv"))
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "t.csv").read_bytes()


def test_every_cell_is_text(tmp_path):
    cells = ["2024", "007", "1e5", "NA", "nan", "None", "True", ""]
    write_table(tmp_path / "t.csv", ("name", "folder"), [{"name": "x", "folder": cell} for cell in cells])
    assert read_table(tmp_path / "t.csv")["folder"].tolist() == cells


def test_whole_numbers_stay_whole_beside_empty_cells(tmp_path):
    rows = [{"kimg": 1, "loss": 0.1}, {"kimg": 2, "extra": 3}, {"kimg": None}]
    write_table(tmp_path / "t.csv", ("kimg", "loss", "extra"), rows)
    assert (tmp_path / "t.csv").read_text() == "kimg,loss,extra\n1,0.1,\n2,,3\n,,\n"


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    write_table(tmp_path / "t.csv", ("filename", "gender"), [])
    assert read_table(tmp_path / "t.csv", ("gender",), strip=True).empty


def test_what_spreadsheets_write_is_understood(tmp_path):
    (tmp_path / "t.csv").write_bytes("\ufefffilename;gender\r\na.png; feminine \r\n\r\n;\r\n".encode())
    assert read_rows(tmp_path / "t.csv", ("filename",), strip=True) == [{"filename": "a.png", "gender": "feminine"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b'""', "empty"),
        (b'"filename\ngender",note\na,b\n', "has a column called"),
        ('\ufeff\ufeff"a'.encode(), "not a CSV file"),
        (b"filename,,\na,b,c\n", "several columns without a name"),
        (b'""\n""\n', "empty"),
        (b"name,gender\na,b\n", "no column 'filename'; its columns are: name, gender"),
        (b"filename,gender\na\n", "row 2: 1 cells"),
        (b"filename,gender\n\na,b\nc\n", "row 3: 1 cells"),
        (b"filename,gender\na,b,c\n", "saw 3"),
        (b"filename,gender,gender\na,b,c\n", "twice"),
        ("filename\nü\n".encode("latin-1"), "UTF-8"),
        (b'filename,gender\na,"b\nc,d\n', "quote"),
        (b'filename,gender\na,"b\nc,"d\n', "quote"),
        (b'filename,gender\nx,y\na,"b\nc,d\ne,f"\ng,h\n', "row 3: a quote in column 'gender' swallows"),
        (b'filename;gender;note\r\na;b;"c\r\nd;e;f"\r\n', "row 2: a quote in column 'note' swallows"),
    ],
)
def test_a_malformed_table_says_what_is_wrong_in_one_line(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_table(tmp_path / "t.csv", ("filename",), strip=True)
    assert "\n" not in str(caught.value)


def test_a_note_of_several_lines_is_no_stray_quote(tmp_path):
    (tmp_path / "t.csv").write_text('filename,gender,note\na.png,x,"see page 2,\nthen 3"\n')
    assert read_rows(tmp_path / "t.csv", strip=True)[0]["note"] == "see page 2,\nthen 3"


def test_a_missing_table_or_a_folder_is_an_input_error(tmp_path):
    for path in (tmp_path / "t.csv", tmp_path):
        with pytest.raises(InputError):
            read_table(path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_empty_columns_without_a_name_are_left_out_and_one_with_notes_stays(tmp_path):
    (tmp_path / "t.csv").write_text("filename,,,gender\na.png,,note,x\nb.png,,,\n")
    assert read_table(tmp_path / "t.csv").columns.tolist() == ["filename", "", "gender"]


@pytest.mark.parametrize("name", ["a\rb.png", "a\r\nb", "\r", "a\nb", "\u2028", '"'])
def test_any_kind_of_line_break_stays_in_its_cell(tmp_path, name):
    write_table(tmp_path / "t.csv", ("filename", "note"), [{"filename": f"x{name}x", "note": name}])
    assert read_rows(tmp_path / "t.csv") == [{"filename": f"x{name}x", "note": name}]
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [{"filename": f"x{name}x", "note": name}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "EOF"),
        (b"{", "EOF"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "recursion"),
        (b"[1]", "object"),
        (b'{"gender": 5}', "gender: Input should be a valid array"),
        (b'{"gender": ["a", 1]}', "gender: 1: Input should be a valid string"),
        (None, "is missing; run `build`"),
    ],
)
def test_json_of_another_shape_says_what_is_wrong_in_one_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_json(tmp_path / "t.json", dict[str, list[str]], "run `build`")
    assert "\n" not in str(caught.value)


def test_json_is_read_with_a_byte_order_mark_too(tmp_path):
    (tmp_path / "t.json").write_bytes(b'\xef\xbb\xbf{"a": "\xc3\xa9"}')
    assert read_json(tmp_path / "t.json", dict[str, str], "") == {"a": "é"}
