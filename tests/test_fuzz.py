"""Whatever stands in a file that a person can touch, it is read, or refused in one line: a long suite."""

import io
import json

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from src.__main__ import main
from src.data.curate import HISTORY
from src.data.folder import prepare_folder
from src.data.packed import load_portraits
from src.data.sources.lpc import read_recipe
from src.data.vocabulary import check_vocabulary
from src.errors import InputError
from src.labels import read_label_mappings
from src.palettes.files import read_palette, write_palette
from src.tables import read_table, write_table
from src.training.checkpoint import load_checkpoint, save_checkpoint
from tests.conftest import make_portraits, stored_content

pytestmark = pytest.mark.slow


def examples(hundreds: int) -> settings:
    """So many examples, and more in the profile `nightly`."""
    return settings(
        max_examples=hundreds * settings().max_examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


FUZZ = examples(5)
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
    (data_folder / "portraits.npz").write_bytes(damaged(whole, place, bit, cut))
    portraits = read_or_refuse(load_portraits, data_folder)
    (data_folder / "portraits.npz").write_bytes(whole)
    if portraits is not None:
        assert portraits.images.dtype == np.uint8 and (portraits.labels >= 0).all()


def damaged(whole: bytes, place: float, bit: int, cut: bool) -> bytes:
    content = bytearray(whole)
    at = int(place * len(content))
    content[at] ^= 1 << bit
    return bytes(content[:at] if cut else content)


def images_of_every_kind() -> dict[str, bytes]:
    """File name -> bytes: a still picture in every format, and animations."""
    first, second = (Image.fromarray(image) for image in make_portraits(2)[0])
    ways = {"png": {}, "bmp": {}, "gif": {}, "webp": {"lossless": True}, "jpg": {}}
    files = {}
    for ending, options in ways.items():
        for name, frames in (("still", {}), ("moving", {"save_all": True, "append_images": [second]})):
            buffer = io.BytesIO()
            picture = first.convert("RGB") if ending in ("jpg", "bmp") else first
            if not frames or ending in ("png", "gif", "webp"):
                picture.save(buffer, Image.registered_extensions()[f".{ending}"], **options, **frames)
                files[f"{name}.{ending}"] = buffer.getvalue()
    return files


IMAGES = images_of_every_kind()


@examples(3)
@given(
    name=st.sampled_from(sorted(IMAGES)),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    cut=st.booleans(),
)
def test_any_damage_to_an_image(tmp_path, name, place, bit, cut):
    """It becomes a portrait or has a row that says why not; the good one beside it is always taken."""
    images = tmp_path / "images"
    images.mkdir(exist_ok=True)
    for file in images.iterdir():
        file.unlink()
    (images / "good.png").write_bytes(IMAGES["still.png"])
    (images / name).write_bytes(damaged(IMAGES[name], place, bit, cut))
    report = prepare_folder(images, tmp_path / "data", 16)
    table = read_table(tmp_path / "data" / "sprites_raw.csv", ("filename", "status", "reason"))
    assert set(table.filename) == {"good.png", name} and report.counts["accepted"] >= 1
    assert all(row.status in ("accepted", "duplicate") or row.reason for row in table.itertuples())


@FUZZ
@given(
    ending=st.sampled_from(["gpl", "hex", "pal"]),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    cut=st.booleans(),
)
def test_any_damage_to_a_palette(tmp_path, ending, place, bit, cut):
    path = tmp_path / f"p.{ending}"
    write_palette(path, np.arange(24, dtype=np.uint8).reshape(8, 3))
    path.write_bytes(damaged(path.read_bytes(), place, bit, cut))
    read_or_refuse(read_palette, path)


@FUZZ
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_any_damage_to_a_checkpoint(tmp_path, place, bit, cut):
    """Refused, or every weight is what it was."""
    content = stored_content()
    path = save_checkpoint(tmp_path, content, images_seen=64, keep=1)
    path.write_bytes(damaged(path.read_bytes(), place, bit, cut))
    found = read_or_refuse(load_checkpoint, path)
    if found is not None:
        assert all(torch.equal(weight, content["average"][name]) for name, weight in found["average"].items())


@examples(2)
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
