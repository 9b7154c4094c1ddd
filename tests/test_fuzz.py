"""Whatever stands in a file that a person can touch, it is read, or refused in one line: a long suite."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from src.__main__ import main
from src.data.curate import HISTORY
from src.data.packed import load_portraits
from src.data.sources.lpc import read_recipe
from src.data.vocabulary import check_vocabulary
from src.errors import InputError
from src.labels import read_label_mappings
from src.tables import read_table, write_table

pytestmark = pytest.mark.slow

FUZZ = settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = ("a", '"', ",", ";", "\t", "\n", "\r", " ", "filename", "group_id", "é", "\0", "\ufeff")
CSV_LIKE = st.lists(st.sampled_from(WORDS), max_size=40).map("".join)
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def read_or_refuse(read, *arguments):
    try:
        return read(*arguments)
    except InputError as error:
        assert str(error)


@FUZZ
@given(content=st.binary(max_size=60) | CSV_LIKE.map(lambda text: text.encode()))
@example(content=b'""')
def test_any_table(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    read_or_refuse(read_table, tmp_path / "t.csv", (), True)


@FUZZ
@given(content=JSON_LIKE, key=st.sampled_from(["frame", "frame_size", "colours", "kinds", None]))
def test_any_json(tmp_path, content, key):
    path = tmp_path / "t.json"
    recipe = {"frame": [0, 0], "frame_size": 64, "colours": {}, "kinds": [{"labels": {}, "layers": [["a.png"]]}]}
    path.write_text(json.dumps(content if key is None else recipe | {key: content}))
    read_or_refuse(read_recipe, path)
    read_or_refuse(read_label_mappings, path)


@FUZZ
@given(before=JSON_LIKE, after=JSON_LIKE, action=st.sampled_from(["correct", "undo", ""]))
def test_any_history(tmp_path, before, after, action):
    write_table(
        tmp_path / HISTORY,
        ("action", "before", "after"),
        [{"action": action, "before": json.dumps(before), "after": json.dumps(after)}],
    )
    read_or_refuse(check_vocabulary, tmp_path, None, set(), ("gender",), False)


@FUZZ
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_any_damage_to_a_packed_set(data_folder, place, bit, cut):
    whole = (data_folder / "portraits.npz").read_bytes()
    content = bytearray(whole)
    at = int(place * len(content))
    content[at] ^= 1 << bit
    (data_folder / "portraits.npz").write_bytes(content[:at] if cut else content)
    portraits = read_or_refuse(load_portraits, data_folder)
    (data_folder / "portraits.npz").write_bytes(whole)
    if portraits is not None:
        assert portraits.images.dtype == np.uint8 and (portraits.labels >= 0).all()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    command=st.sampled_from(["paint --out", "prepare --images . --data", "build --data", "source lpc --from . --data"]),
    folder=st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=5),
    option=st.sampled_from(
        ["-n", "--seed", "--size", "--tiles", "--heroes", "--val-fraction", "--labels", "--hold-out"]
    ),
    value=st.text("-+.e_0x =,\n", max_size=4) | st.sampled_from(["nan", "inf", "9" * 5000, str(10**9), str(2**64)]),
)
def test_any_arguments(tmp_path, monkeypatch, capsys, command, folder, option, value):
    """A number is never above nought and in its range: nothing long begins."""
    monkeypatch.chdir(tmp_path)
    count = ["-n", "1"] if command.startswith("paint") and option != "-n" else []
    try:
        status = main([*command.split(), f"./{folder}", *count, option, value])
    except SystemExit as left:
        status = left.code
    error = capsys.readouterr().err.rstrip("\n").splitlines()
    assert status == 0 or (status == 2 and error[-1].startswith("error: "))
