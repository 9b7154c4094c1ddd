import functools
import hashlib
import http.server
import itertools
import json
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.__main__ import main
from src.data.build import build_dataset
from src.data.folder import prepare_folder
from src.data.origin import Origin, read_origin, source_labels, write_origin
from src.data.sources import COLLECTIONS, download, prepare_lpc, prepare_packed_sheet, prepare_tinyhero
from src.data.sources.download import contents_sha256, download_archive, download_file
from src.data.sources.lpc import read_recipe, stack
from src.data.sources.packed_sheet import KENNEY_SHA256, without_spacing
from src.errors import InputError
from src.images import read_rgba, write_png
from tests.data.art import CLOTH, hero
from tests.tables import read_rows

DATASETS = Path(__file__).resolve().parents[3] / "shared" / "datasets"


@pytest.fixture
def views(tmp_path):
    """Six heroes from four sides, as TinyHero has them; all heroes share each side's silhouette."""
    folder = tmp_path / "tinyhero"
    for number in range(6):
        for view in range(4):
            colour = (40 + 30 * number, 90, 200 - 30 * number)
            write_png(folder / str(view) / f"{number}.png", hero(view, colour))
    (folder / "ATTRIBUTION.txt").write_text("drawn for this test")
    return folder


def members_by_group(data):
    groups = {}
    for row in read_rows(data / "sprites_raw.csv"):
        if row["status"] == "accepted":
            groups.setdefault(row["group_id"], set()).add(row["filename"])
    return groups


def test_a_hero_in_four_folders_is_one_group_and_the_folder_is_the_label(views, tmp_path, capsys):
    data = tmp_path / "data"
    report = prepare_tinyhero(views, data)
    assert (report.counts["accepted"], report.groups) == (24, 6)
    assert members_by_group(data)["hero_0003"] == {f"{view}/3.png" for view in range(4)}
    table = read_rows(data / "sprite_groups.csv")
    assert [row["group_id"] for row in table] == [f"hero_{number:04d}" for number in range(6)]
    assert {(row["size"], row["representative"][:2]) for row in table} == {("4", "2/")}  # the front stands for it
    assert [row["group_id"] for row in read_rows(data / "group_labels.csv")] == [row["group_id"] for row in table]
    assert [path.name for path in (data / "contact_sheets").iterdir()] == ["groups_001.png"]

    capsys.readouterr()
    assert main(["build", "--data", str(data), "--attributes", "view"]) == 0
    assert "warning" not in capsys.readouterr().err  # views differ within a hero by design
    final = read_rows(data / "sprites_final.csv")
    sides = {"0": "back", "1": "left", "2": "front", "3": "right"}
    assert len(final) == 24 and all(row["view"] == sides[row["filename"][0]] for row in final)
    validation = {row["group_id"] for row in read_rows(data / "sprites_val.csv")}
    assert validation and not validation & {row["group_id"] for row in read_rows(data / "sprites_train.csv")}


def test_a_duplicate_follows_its_portrait_and_a_second_run_gives_the_same(views, tmp_path):
    write_png(views / "1" / "5.png", read_rgba(views / "1" / "2.png"))  # hero 5 from the left looks like hero 2
    data = tmp_path / "data"
    prepare_tinyhero(views, data)
    rows = {row["filename"]: row for row in read_rows(data / "sprites_raw.csv")}
    assert rows["1/5.png"]["duplicate_of"] == "1/2.png" and rows["1/5.png"]["group_id"] == "hero_0002"
    assert len(members_by_group(data)["hero_0005"]) == 3
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    prepare_tinyhero(views.parent / "tinyhero", data)
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_the_projects_repository_may_be_given_as_it_is(views, tmp_path):
    (tmp_path / "repository").mkdir()
    views.rename(tmp_path / "repository" / "data")
    assert prepare_tinyhero(tmp_path / "repository", tmp_path / "prepared").groups == 6


def draw_sheet(rows, columns, tile, spacing):
    """A sheet whose tile (r, c) is a bar of r + 1 rows of the colour c; the last tile is empty."""
    step = tile + spacing
    sheet = np.zeros((rows * step - spacing, columns * step - spacing, 4), np.uint8)
    for row in range(rows):
        for column in range(columns):
            if (row, column) != (rows - 1, columns - 1):
                top, left = row * step, column * step
                sheet[top : top + row + 1, left : left + tile] = (50 * column, 200, 90, 255)
    return sheet


@pytest.mark.parametrize("spacing", [0, 1])
def test_a_packed_sheet_becomes_its_tiles(tmp_path, spacing):
    write_png(tmp_path / "sheet.png", draw_sheet(3, 4, 16, spacing))
    report = prepare_packed_sheet(tmp_path / "sheet.png", tmp_path / "data", spacing=spacing)
    assert report.counts["accepted"] == 11
    tile = read_rgba(tmp_path / "data" / "prepared" / "sheet_r01_c02.png")
    assert tile.shape == (64, 64, 4) and set(map(tuple, tile[tile[..., 3] > 0])) == {(100, 200, 90, 255)}
    assert build_dataset(tmp_path / "data").portraits == 11  # by palette alone
    assert read_origin(tmp_path / "data") is None  # nobody knows this sheet's licence


@pytest.mark.parametrize("place", ["packed_sheet/mine.png", "sheet.png", "prepared/mine.png"])
def test_the_sheet_that_was_given_stays_wherever_it_lies(tmp_path, place):
    sheet = tmp_path / place
    write_png(sheet, draw_sheet(3, 4, 16, 1))
    write_png(sheet.with_name("other.png"), draw_sheet(1, 1, 16, 0))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    if "prepared" in place:
        with pytest.raises(InputError, match="where prepared data is written"):
            prepare_packed_sheet(sheet, tmp_path, spacing=1)
    else:
        assert prepare_packed_sheet(sheet, tmp_path, spacing=1).counts["accepted"] == 11
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_wrong_spacing_is_told():
    sheet = draw_sheet(3, 4, 16, 1)
    assert np.array_equal(without_spacing(sheet, 16, 1), draw_sheet(3, 4, 16, 0))
    with pytest.raises(InputError, match="--spacing"):
        without_spacing(sheet, 16, 0)


RECIPE = {
    "frame": [1, 2],
    "frame_size": 64,
    "colours": {"cloth": ["warm", "cool"], "hair": ["dark", "muted", "purple"]},
    "kinds": [
        {
            "labels": {"gender": "feminine", "hero_class": "mage"},
            "layers": [["body.png"], ["robe/{cloth}.png", "coat/{cloth}.png"], ["hair/{hair}.png"]],
        },
        {
            "labels": {"gender": "masculine", "hero_class": "knight"},
            "layers": [["body.png"], ["", "robe/{cloth}.png"], ["hair/{hair}.png"], ["plate.png"]],
        },
    ],
}


@pytest.fixture
def layers(tmp_path):
    """Sheets of 2 x 3 frames; the frame of the recipe holds the part, the others a red cross."""

    def write(name, top, bottom, left, right, colour):
        sheet = np.zeros((128, 192, 4), np.uint8)
        sheet[:64] = (255, 0, 0, 255)
        sheet[64 + top : 64 + bottom, 128 + left : 128 + right] = (*colour, 255)
        write_png(tmp_path / "layers" / f"{name}.png", sheet)

    write("body", 10, 64, 20, 44, (225, 170, 130))
    for colour in ("warm", "cool"):
        write(f"robe/{colour}", 30, 64, 16, 48, CLOTH[colour])
        write(f"coat/{colour}", 34, 60, 18, 46, CLOTH[colour])
    for colour in ("dark", "muted"):  # purple hair is in the recipe, not in the collection
        write(f"hair/{colour}", 6, 14, 18, 46, CLOTH[colour])
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE))
    return tmp_path / "layers"


def test_layers_are_stacked_into_heroes_with_the_recipes_labels(layers, tmp_path):
    plate = np.zeros((128, 192, 4), np.uint8)
    plate[64 + 32 : 64 + 44, 128 + 22 : 128 + 42] = (190, 190, 200, 255)
    write_png(layers / "plate.png", plate)
    data = tmp_path / "data"
    report = prepare_lpc(layers, data, tmp_path / "recipe.json")
    # A mage in robe or coat, 2 cloths x 2 hairs each; a knight with a robe (4) or none (2 hairs).
    assert (report.counts["accepted"] + report.counts.get("duplicate", 0), report.groups) == (4 + 4 + 2 + 4, 4)
    labels = {row["filename"]: row for row in read_rows(data / "source_labels.csv")}
    picture = read_rgba(data / "prepared" / "kind00_000_00.png")
    assert not (picture[..., :3] == (255, 0, 0)).all(axis=-1).any()  # no pixel of another frame
    assert labels["kind00_000_00.png"]["hero_class"] == "mage"
    assert any((picture == (*CLOTH[cloth], 255)).all(axis=-1).any() for cloth in ("warm", "cool"))
    assert main(["build", "--data", str(data), "--attributes", "gender,hero_class"]) == 0
    final = read_rows(data / "sprites_final.csv")
    assert {(row["gender"], row["hero_class"]) for row in final} == {("feminine", "mage"), ("masculine", "knight")}


@pytest.mark.parametrize("asked", [None, "front"])
def test_a_hero_is_composed_in_every_view_of_the_recipe(tmp_path, asked):
    """The frame (r, c) of the only layer has a square at 8 (3 r + c) pixels from the left."""
    sheet = np.zeros((128, 192, 4), np.uint8)
    for row, column in itertools.product(range(2), range(3)):
        left = 64 * column + 8 * (3 * row + column)
        sheet[64 * row + 20 : 64 * row + 40, left : left + 8] = (200, 40 * row, 60 * column, 255)
    write_png(tmp_path / "layers" / "body.png", sheet)
    kind = {"labels": {"hero_class": "mage"}, "layers": [["body.png"]]}
    own = {**kind, "labels": {"hero_class": "bard"}, "views": {"back": [1, 0], "front": [0, 2]}}
    views = {"back": [0, 1], "front": [[1, 2], [1, 1]]}
    (tmp_path / "recipe.json").write_text(json.dumps({"frame_size": 64, "views": views, "kinds": [kind, own]}))
    data = tmp_path / "data"
    prepare_lpc(tmp_path / "layers", data, tmp_path / "recipe.json", views=asked)
    frames = {
        "kind00_000_00_back.png": ("mage", "back", 1),
        "kind00_000_00_front.png": ("mage", "front", 5),
        "kind00_000_00_front_01.png": ("mage", "front", 4),
        "kind01_000_00_back.png": ("bard", "back", 3),
        "kind01_000_00_front.png": ("bard", "front", 2),
    }
    rows = {row["filename"]: row for row in read_rows(data / "source_labels.csv")}
    assert set(rows) == {name for name, (_, view, _) in frames.items() if asked in (None, view)}
    for name, row in rows.items():
        left = read_rgba(data / "prepared" / name)[..., 3].any(axis=0).argmax()
        assert (row["hero_class"], row["view"], left // 8) == frames[name]
    assert set(members_by_group(data)) == {"hero_00_000", "hero_01_000"}
    with pytest.raises(InputError, match="choose from: back, front"):
        prepare_lpc(tmp_path / "layers", data, tmp_path / "recipe.json", views="above")


def test_a_kind_without_its_layer_is_left_out_aloud(layers, tmp_path):
    report = prepare_lpc(layers, tmp_path / "data", tmp_path / "recipe.json", heroes=1, recolours=3)
    assert report.counts["accepted"] == 3
    assert "masculine knight" in report.warnings[0] and "plate.png" in report.warnings[0]
    with pytest.raises(InputError, match="makrohn"):
        prepare_lpc(layers, tmp_path / "other")  # the default recipe knows none of these layers
    (layers / "body.png").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"body\.png"):
        prepare_lpc(layers, tmp_path / "data", tmp_path / "recipe.json")


def test_heroes_follow_the_seed(layers, tmp_path):
    tables = []
    for run, seed in enumerate((1, 1, 2)):
        prepare_lpc(layers, tmp_path / str(run), tmp_path / "recipe.json", heroes=1, recolours=2, seed=seed)
        files = sorted((tmp_path / str(run) / "prepared").iterdir())
        tables.append([path.read_bytes() for path in files])
    assert tables[0] == tables[1] != tables[2]


def test_stacking_keeps_what_lies_behind_where_nothing_lies_in_front():
    back, front = np.full((2, 2, 4), 255, np.uint8), np.zeros((2, 2, 4), np.uint8)
    front[0, 0] = (9, 8, 7, 255)
    assert stack([back, front])[0].tolist() == [[9, 8, 7, 255], [255, 255, 255, 255]]


ONE_KIND = {"labels": {"gender": "x"}, "layers": [["body.png"]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame": "1"}, "frame"),
        ({"frame": [0, -1]}, "frame"),
        ({"frame_size": 0}, "frame_size"),
        ({"frame_size": 10**6}, "frame_size"),
        ({"kinds": []}, "kinds"),
        ({"colours": {}}, "no values for"),
        ({"colours": {"cloth": 5, "hair": ["x"]}}, "valid array"),
        ({"colours": {"cloth": [], "hair": ["x"]}}, "at least 1 item"),
        ({"colours": {"cloth": ["../x"], "hair": ["x"]}}, "no path below"),
        ({"colours": {name: ["x"] * 1000 for name in ("cloth", "hair")}}, "1,000,000 ways to colour"),
        ({"kinds": [*RECIPE["kinds"], ONE_KIND]}, "the same labels"),
        ({"kinds": [ONE_KIND | {"labels": {"filename": "x"}}]}, "cannot name an attribute"),
        ({"kinds": [ONE_KIND | {"labels": {"view": "x"}}]}, "cannot name an attribute"),
        ({"kinds": [ONE_KIND | {"layers": [[""]]}]}, "no layer has a path"),
        ({"kinds": [ONE_KIND | {"layers": [[]]}]}, "at least 1 item"),
        ({"kinds": [ONE_KIND | {"layers": [["{cloth!z}.png"]]}]}, "something else than a name"),
        ({"kinds": [ONE_KIND | {"layers": [["{cloth:>9000000000}.png"]]}]}, "something else than a name"),
        ({"kinds": [ONE_KIND | {"layers": [["{cloth.__class__}.png"]]}]}, "something else than a name"),
        ({"kinds": [ONE_KIND | {"layers": [["{}.png"]]}]}, "something else than a name"),
        ({"kinds": [ONE_KIND | {"layers": [["{.png"]]}]}, "expected '}'"),
        ({"kinds": [ONE_KIND | {"layers": [["/etc/a.png"]]}]}, "no path below"),
        ({"kinds": [ONE_KIND | {"layers": [["a\0.png"]]}]}, "no path below"),
        ({"kinds": [ONE_KIND | {"views": {"back": [0, 0]}}]}, "the same views"),
        ({"kinds": [ONE_KIND | {"frames": [0, 0]}]}, "frames"),
        ({"frame": None}, "needs views or a frame"),
        ({"views": {"up": [0, 0]}}, "leave one out"),
        ({"frame": None, "views": {"../up": [0, 0]}}, "views"),
        ({"frame": None, "views": {"up": []}}, "views"),
    ],
)
def test_a_bad_recipe_is_an_error(tmp_path, change, message):
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE | change))
    with pytest.raises(InputError, match=message):
        read_recipe(tmp_path / "recipe.json")


def test_more_combinations_than_can_be_numbered(layers, tmp_path):
    kind = {"labels": {"gender": "x"}, "layers": [["body.png"], *[["", "robe/warm.png"]] * 70]}
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE | {"kinds": [kind]}))
    report = prepare_lpc(layers, tmp_path / "data", tmp_path / "recipe.json", heroes=3)
    assert report.counts == {"accepted": 1, "duplicate": 2}


def test_a_hero_of_no_layer_is_none(layers, tmp_path):
    kind = {"labels": {"gender": "x"}, "layers": [["", "body.png"]]}
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE | {"kinds": [kind]}))
    assert prepare_lpc(layers, tmp_path / "data", tmp_path / "recipe.json").counts["accepted"] == 1


def test_the_default_recipe_is_one():
    kinds = read_recipe(None).kinds
    assert {kind.labels["gender"] for kind in kinds} == {"feminine", "masculine"} and len(kinds) == 16


@pytest.mark.parametrize("name", list(COLLECTIONS))
def test_missing_files_are_one_line_that_says_where_to_get_them(tmp_path, capsys, name, monkeypatch):
    if COLLECTIONS[name].url:  # a closed network
        monkeypatch.setitem(COLLECTIONS, name, replace(COLLECTIONS[name], url="http://127.0.0.1:9/closed"))
    for extra in ([], ["--download"]):
        paths = ["--from", str(tmp_path / "nowhere"), "--data", str(tmp_path / "data")]
        assert main(["source", name, *paths, *extra]) == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1 and "licence: " in message
        assert ("github.com/" in message) or ("kenney.nl" in message)
    assert not (tmp_path / "data").exists() and not (tmp_path / "nowhere").exists()


@pytest.fixture
def server(tmp_path):
    """What lies in `served`, on this machine alone."""
    (tmp_path / "served").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_download_is_used_only_with_the_stated_checksum(tmp_path, server):
    served, target = tmp_path / "served" / "sheet.png", tmp_path / "got" / "sheet.png"
    write_png(served, draw_sheet(2, 2, 16, 0))
    download_file(f"{server}/sheet.png", sha256(served).upper(), target)
    assert target.read_bytes() == served.read_bytes()

    good = target.read_bytes()
    stated = sha256(served)
    served.write_bytes(good + b"planted")
    with pytest.raises(InputError, match="not used"):
        download_file(f"{server}/sheet.png", stated, target)
    assert target.read_bytes() == good and [path.name for path in target.parent.iterdir()] == ["sheet.png"]
    for url in (f"{server}/none.png", "nonsense", (tmp_path / "none").as_uri()):
        with pytest.raises(InputError, match="by hand"):
            download_file(url, stated, target)
    with pytest.raises(InputError, match="64 hex digits"):
        download_file(f"{server}/sheet.png", "abc", target)
    assert target.read_bytes() == good


def test_a_sheet_is_downloaded_and_prepared_by_one_command(tmp_path, server, capsys):
    served = tmp_path / "served" / "sheet.png"
    write_png(served, draw_sheet(2, 2, 16, 0))
    target = tmp_path / "sheet.png"
    command = ["source", "kenney", "--from", str(target), "--data", str(tmp_path / "data")]
    command += ["--download", f"{server}/sheet.png"]
    assert main(command) == 2  # not the checksum known of Kenney's sheet
    assert KENNEY_SHA256 in capsys.readouterr().err and not target.exists() and not (tmp_path / "data").exists()
    assert main([*command, "--sha256", sha256(served)]) == 0
    assert "3 accepted" in capsys.readouterr().out


def test_a_known_collection_is_downloaded_from_its_own_address(views, tmp_path, server, capsys, monkeypatch):
    served = tmp_path / "served"
    with zipfile.ZipFile(served / "hero.zip", "w") as zipped:
        for path in sorted(views.rglob("*.png")):
            zipped.write(path, f"hero-main/data/{path.relative_to(views).as_posix()}")
    with zipfile.ZipFile(served / "hero.zip") as zipped:
        contents = contents_sha256(zipped)
    lines = sorted(f"{sha256(path)}  {path.relative_to(views).as_posix()}\n" for path in views.rglob("*.png"))
    assert contents == hashlib.sha256("".join(lines).encode()).hexdigest()
    write_png(served / "sheet.png", draw_sheet(2, 2, 16, 0))
    known = {
        "tinyhero": {"url": f"{server}/hero.zip", "contents": contents},
        "kenney": {"url": f"{server}/sheet.png", "sha256": sha256(served / "sheet.png")},
    }
    for name, values in known.items():
        monkeypatch.setitem(COLLECTIONS, name, replace(COLLECTIONS[name], **values))
        command = ["source", name, "--from", str(tmp_path / f"got_{name}"), "--data", str(tmp_path / "data")]
        assert main([*command, "--download"]) == 0, name
        other = {key: value if key == "url" else "0" * 64 for key, value in values.items()}
        monkeypatch.setitem(COLLECTIONS, name, replace(COLLECTIONS[name], **other))
        command = ["source", name, "--from", str(tmp_path / f"bad_{name}"), "--data", str(tmp_path / "data")]
        assert main([*command, "--download"]) == 2
        assert "not used" in capsys.readouterr().err and not list((tmp_path / f"bad_{name}").glob("*"))


def test_tiles_may_be_chosen_by_density_and_made_monochrome(tmp_path, capsys):
    write_png(tmp_path / "sheet.png", draw_sheet(6, 4, 16, 0))  # 1 to 6 of 16 rows are filled
    data = tmp_path / "data"
    command = ["source", "kenney", "--from", str(tmp_path / "sheet.png"), "--data", str(data), "--size", "16"]
    assert main([*command, "--density", "0.15:0.3", "--colours", "1"]) == 0
    rows = [row for row in read_rows(data / "sprites_raw.csv") if row["filename"] != "sheet.png"]
    taken = {row["filename"] for row in rows if row["reason"] != "pixel density outside 0.15:0.3"}
    assert taken == {f"sheet_r0{row}_c0{column}.png" for row in (2, 3) for column in range(4)}
    tile = read_rgba(data / "prepared" / "sheet_r02_c00.png")
    assert set(map(tuple, tile.reshape(-1, 4))) == {(255, 255, 255, 255), (0, 0, 0, 0)}
    for wrong in ("0.15", "0.6:0.15", "a:b", "0:2"):
        assert main([*command, "--density", wrong]) == 2
        assert "LEAST:MOST" in capsys.readouterr().err


def test_an_archive_is_unpacked_without_its_outer_folder(views, tmp_path, server):
    archive = tmp_path / "served" / "hero.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(views.rglob("*.png")):
            zipped.write(path, f"hero-main/data/{path.relative_to(views).as_posix()}")
        zipped.writestr("hero-main/../../escaped.txt", "outside")
        zipped.writestr("hero-main/setup.py", "not wanted")
    folder = tmp_path / "unpacked-1.0"
    command = ["source", "tinyhero", "--from", str(folder), "--data", str(tmp_path / "data")]
    assert main([*command, "--download", f"{server}/hero.zip", "--sha256", sha256(archive)]) == 0
    assert len(list((tmp_path / "data" / "prepared").rglob("*.png"))) == 24
    assert not list(tmp_path.glob("escaped.txt")) and not list(folder.rglob("setup.py"))
    assert not (folder / ".download.zip").exists()

    with pytest.raises(InputError, match="has files already"):
        download_archive(archive.as_uri(), sha256(archive), folder)
    archive.write_bytes(b"no zip")
    with pytest.raises(InputError, match="not a zip"):
        download_archive(archive.as_uri(), sha256(archive), tmp_path / "other")


def zip_of(views, path, harm):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("data/notes.txt", "".join(map(str, range(3000))))
        for file in sorted(views.rglob("*.png")):
            zipped.write(file, f"data/{file.relative_to(views).as_posix()}")
        if harm == "long name":
            zipped.writestr(f"data/{'x' * 300}.png", "x")
    content = bytearray(path.read_bytes())
    if harm == "corrupt":
        content[60:120] = bytes(byte ^ 0xFF for byte in content[60:120])
    if harm == "encrypted":
        for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            place = content.find(signature)
            while place >= 0:
                content[place + flags] |= 1
                place = content.find(signature, place + 1)
    path.write_bytes(content)


@pytest.mark.parametrize("harm", ["corrupt", "encrypted", "long name", "cut short", "too much", "too many"])
def test_a_bad_archive_leaves_nothing_and_a_good_one_follows(views, tmp_path, monkeypatch, harm):
    archive, target = tmp_path / "hero.zip", tmp_path / "new" / "target"
    zip_of(views, archive, harm)
    if harm == "cut short":
        archive.write_bytes(archive.read_bytes()[:500])
    with monkeypatch.context() as patch, pytest.raises(InputError, match=r"by hand|not used"):
        if harm.startswith("too"):
            patch.setattr(download, "MAX_FILES" if harm == "too many" else "MAX_UNPACKED", 20)
        download_archive(archive.as_uri(), sha256(archive), target)
    assert not list((tmp_path / "new").iterdir())
    zip_of(views, archive, "none")
    download_archive(archive.as_uri(), sha256(archive), target)
    assert len(list(target.rglob("*.png"))) == 24 and [path.name for path in (tmp_path / "new").iterdir()] == ["target"]


def test_a_file_that_lies_where_a_download_goes_stays(tmp_path):
    served, target = tmp_path / "served.png", tmp_path / "sheet.png"
    write_png(served, draw_sheet(2, 2, 16, 0))
    target.write_bytes(b"mine")
    kenney = replace(COLLECTIONS["kenney"], url="http://localhost:1/never.png", sha256=sha256(served))
    with pytest.raises(InputError, match="none is overwritten"):
        kenney.fetch(target)
    assert target.read_bytes() == b"mine"
    kenney.fetch(target, sha256=sha256(target))  # it is here already


def test_an_address_with_control_characters_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be fetched"):
        download_file("http://127.0.0.1:1/a b\n", "0" * 64, tmp_path / "x")


def test_a_source_that_was_stopped_is_no_set_to_build_on(views, tmp_path, monkeypatch):
    data = tmp_path / "data"
    prepare_folder(views, data)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("src.data.sources.tinyhero.regroup", stop)
        prepare_tinyhero(views, data)
    with pytest.raises(InputError, match="`source tinyhero` was stopped"):
        build_dataset(data)
    prepare_tinyhero(views, data)
    assert build_dataset(data, attributes=["palette"]).groups == 6


def test_a_licence_is_stated_for_its_own_images_only(views, tmp_path):
    data = tmp_path / "data"
    prepare_tinyhero(views, data)
    assert read_origin(data).licence == "GPL 3.0 or CC-BY-SA 3.0" and source_labels(data) is not None
    write_png(tmp_path / "mine" / "portrait.png", hero(1, (1, 2, 3)))
    prepare_folder(tmp_path / "mine", data)
    assert read_origin(data) is None and source_labels(data) is None


def test_a_note_written_by_hand_counts_and_is_kept(tmp_path):
    note = tmp_path / "source.json"
    note.write_text('{"name": "my heroes", "where": "my desk", "licence": "CC0 1.0"}')
    assert read_origin(tmp_path).name == "my heroes"
    write_origin(tmp_path, Origin("other", "there", "MIT"), ["a.png"])
    assert "my heroes" in (tmp_path / "source_by_hand.json").read_text()
    note.write_text('{"name": "my others", "where": "my desk", "licence": "CC0 1.0"}')
    write_origin(tmp_path, Origin("other", "there", "MIT"), ["a.png"])
    assert "my heroes" in (tmp_path / "source_by_hand.json").read_text()
    assert "my others" in (tmp_path / "source_by_hand2.json").read_text()
    for broken in ("{", "[]", '{"name": "x"}', '{"name": 1, "where": "", "licence": ""}'):
        note.write_text(broken)
        with pytest.raises(InputError, match=r"source\.json"):
            read_origin(tmp_path)


@pytest.mark.skipif(not (DATASETS / "kenney_1bit").is_dir(), reason="the sheet is not here")
def test_the_known_sheet_is_known(tmp_path):
    report = prepare_packed_sheet(DATASETS / "kenney_1bit" / "colored-transparent_packed.png", tmp_path)
    assert report.counts["accepted"] + report.counts["duplicate"] <= 49 * 22
    assert read_origin(tmp_path).licence == "CC0 1.0"
