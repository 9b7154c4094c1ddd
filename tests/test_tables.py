import pytest

from src.errors import InputError
from src.files import replacing
from src.tables import read_table, write_table


def test_a_table_survives_the_file(tmp_path):
    rows = [{"filename": " a, b.png", "reason": 'say "no"\nwhy'}, {"filename": "ü.png", "reason": ""}]
    write_table(tmp_path / "t.csv", ("filename", "reason"), rows)
    assert read_table(tmp_path / "t.csv", ("filename",)) == rows
    assert (tmp_path / "t.csv").read_bytes().startswith(b"filename,reason\n")


def test_what_spreadsheets_write_is_understood(tmp_path):
    (tmp_path / "t.csv").write_bytes("\ufefffilename;gender\r\na.png; feminine \r\n\r\n;\r\n".encode())
    assert read_table(tmp_path / "t.csv", ("filename",), strip=True) == [{"filename": "a.png", "gender": "feminine"}]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"name,gender\na,b\n", "no column 'filename'; its columns are: name, gender"),
        (b"filename,gender\na\n", "row 2: 1 cells"),
        (b"filename,gender,gender\na,b,c\n", "twice"),
        ("filename\nü\n".encode("latin-1"), "UTF-8"),
    ],
)
def test_a_malformed_table_says_what_is_wrong_in_one_line(tmp_path, content, told):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=told) as caught:
        read_table(tmp_path / "t.csv", ("filename",))
    assert "\n" not in str(caught.value)


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
