"""The gallery: one page that needs nothing else, in which names are text and nothing more."""

import base64
import html.parser
import io
import json
import re
import shlex
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from PIL import Image

from src.__main__ import main, make_parser
from src.errors import InputError
from src.export.gallery import redraw_command, write_gallery
from src.export.portraits import read_portraits
from src.training.checkpoint import file_hash
from src.training.weights import OWN_WEIGHTS
from tests.conftest import SPECIFICATION, make_portraits
from tests.export.art import few_colours, visible, write_folder

HOSTILE = (
    "</script><script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 2'>",
    "\"'&quot;{{ 7 * 7 }}",
    "\u202egnp.exe \ud800",
)


def entries_of(count, checkpoint="0" * 64):
    """A manifest: every third portrait of a hostile class, and attributes that JavaScript has a use for."""
    kinds = ("mage", "half elf")
    entries = {}
    for number in range(count):
        kind = HOSTILE[number // 3 % len(HOSTILE)] if number % 3 == 2 else kinds[number % 3]
        labels = {"kind": kind, "__proto__": "ab"[number % 2], "constructor": "same"}
        entries[f"hero_{number:06d}.png"] = {"seed": number, "labels": labels, "checkpoint": checkpoint}
    return entries


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """The page's path and the portraits of it: 12, of which number 4 is a training portrait, mirrored."""
    folder = tmp_path_factory.mktemp("<b>gallery")
    images, labels = make_portraits(24, seed=1)
    portraits = few_colours(12)
    portraits[4] = images[3, :, ::-1]
    (folder / "data").mkdir()
    np.savez(
        folder / "data" / "portraits.npz",
        images=images,
        labels=labels,
        split=(np.arange(24) >= 16).astype(np.uint8),
        label_mappings=json.dumps(SPECIFICATION.to_mapping()),
        fingerprint="planted",
    )
    own = file_hash(OWN_WEIGHTS)
    write_folder(folder / "<in> &amp;", portraits, entries_of(12, own))
    assert main(["gallery", str(folder / "<in> &amp;"), "--data", str(folder / "data")]) == 0
    return folder / "<in> &amp;" / "gallery.html", portraits


def as_read(name):
    return name.replace("\ud800", "?")


class Elements(html.parser.HTMLParser):
    """Every element of a page with its attributes, the title and the scripts' texts."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts = [], {"script": [], "title": []}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.found and self.found[-1][0] in self.texts:
            self.texts[self.found[-1][0]].append(data)


def test_the_page_is_alone_and_names_are_text(gallery):
    path, portraits = gallery
    text = path.read_text(encoding="utf-8")
    page = Elements(text)
    assert [attributes.get("type") for tag, attributes in page.found if tag == "script"] == ["application/json", None]
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]
    assert not {"link", "iframe", "base", "object"} & {tag for tag, _ in page.found}
    assert not [name for _, attributes in page.found for name in attributes if name in ("src", "href", "style")]
    assert page.texts["title"][0] == "<in> &amp;: heroes"
    policy = next(attributes["content"] for tag, attributes in page.found if "http-equiv" in attributes)
    nonce = page.found[-1][1].get("nonce") or next(
        attributes["nonce"] for tag, attributes in page.found if tag == "script" and "nonce" in attributes
    )
    assert policy.startswith("default-src 'none'; img-src data:;") and f"script-src 'nonce-{nonce}'" in policy
    content = json.loads(page.texts["script"][0])
    labels = [{**each["labels"], "kind": as_read(each["labels"]["kind"])} for each in entries_of(12).values()]
    assert [each["labels"] for each in content["portraits"]] == labels
    for each, portrait in zip(content["portraits"], portraits, strict=True):
        assert np.array_equal(decoded(each["source"]), portrait)
    copy = content["portraits"][4]
    assert (copy["distance"], copy["mirrored"], copy["close"]) == (0, True, True)
    assert np.array_equal(decoded(content["real"][copy["nearest"]]), make_portraits(24, seed=1)[0][3])
    assert len(content["real"]) <= 12 and all(each["distance"] > 0.1 for each in content["portraits"][:4])


def decoded(address):
    kind, content = address.split(",")
    assert kind == "data:image/png;base64"
    return visible(Image.open(io.BytesIO(base64.b64decode(content))))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "--seed 3 --label kind=mage"),
        ({"labels": {"kind": "half elf", "a,b": "é"}}, '--seed 3 --label "kind=half elf" --label "a,b=é"'),
        ({"truncation": 0.5, "guidance": 2.0}, "--seed 3 --label kind=mage --truncation 0.5 --guidance 2.0"),
        ({"palette_snap": "16", "snap": 8}, "--seed 3 --label kind=mage --snap 8 --palette_snap 16"),
        ({"labels": {"kind": "mage", "palette": "cool"}, "palette_file": "my own.hex"}, None),
        ({"keep": 2.0}, "--seed 3 --label kind=mage"),
        ({"varied_from": {"kind": "bard"}, "keep": 2.0}, "--seed 3 --vary kind --label kind=bard --keep 2.0"),
    ],
)
def test_the_command_asks_for_the_same_portrait(entry, words):
    words = words or '--seed 3 --label kind=mage --palette_file "my own.hex"'
    command = redraw_command({"seed": 3, "labels": {"kind": "mage"}, "checkpoint": "0" * 64, **entry}, "runs/a.pt")
    words = re.sub("--palette_", "--palette-", words)
    assert command == f"python run.py sample --checkpoint runs/a.pt --out redrawn -n 1 {words}"
    make_parser().parse_args(shlex.split(command)[2:])


@pytest.mark.parametrize(
    "entry",
    [
        *({"labels": {"kind": name}} for name in HOSTILE),
        *({"labels": {"kind": f"a{character}b"}} for character in "\"'`$&|;<>()%!^\n\r\t\0*?~#[]{}@\\"[:-1]),
        {"labels": {"a=b": "c"}},
        {"labels": {"kind": "ends in \\"}},
        {"seed": "3; reboot"},
        {"seed": None},
        {"checkpoint": None},
        {"palette_file": "$(reboot).hex"},
        {"redrawn_from": 7},
    ],
)
def test_what_a_shell_could_act_on_is_in_no_command(entry):
    assert redraw_command({"seed": 3, "labels": {"kind": "mage"}, "checkpoint": "0" * 64, **entry}) == ""


def test_commands_name_the_checkpoint_where_it_is_known(tmp_path):
    checkpoint = tmp_path / "a.pt"
    checkpoint.write_bytes(b"weights")

    def commands(folder, checkpoint=None):
        write_gallery(folder, tmp_path / "page.html", checkpoint=checkpoint)
        script = Elements((tmp_path / "page.html").read_text()).texts["script"][0]
        return {(each["command"].partition(" --out")[0], each["note"]) for each in json.loads(script)["portraits"]}

    labels = {"labels": {"kind": "mage"}, "seed": 1}
    of_file = write_folder(tmp_path / "in", few_colours(1), {"a.png": {**labels, "checkpoint": file_hash(checkpoint)}})
    assert commands(of_file, checkpoint) == {(f"python run.py sample --checkpoint {checkpoint}", "")}
    (unknown,) = commands(of_file)
    assert unknown[0] == "python run.py sample --checkpoint CHECKPOINT" and file_hash(checkpoint)[:12] in unknown[1]
    own = write_folder(tmp_path / "own", few_colours(1), {"a.png": {**labels, "checkpoint": file_hash(OWN_WEIGHTS)}})
    assert commands(own) == {("python run.py sample", "")}
    with pytest.raises(InputError, match="no portrait was sampled from"):
        commands(own, checkpoint)
    numbers = {**labels, "checkpoint": [7]}
    ((command, _),) = commands(write_folder(tmp_path / "odd", few_colours(1), {"a.png": numbers}))
    assert command == ""
    (tmp_path / "in" / "manifest.json").unlink()
    ((command, note),) = commands(of_file)
    assert command == "" and "no command" in note
    with pytest.raises(InputError, match="does not exist"):
        commands(of_file, tmp_path / "missing.pt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}/nowhere"], "is not a folder"),
        (["{tmp}", "--out", "{tmp}/page.txt"], "must end in .html"),
        (["{tmp}"], "holds no pictures"),
    ],
)
def test_bad_requests_are_one_line(tmp_path, capsys, arguments, message):
    assert main(["gallery", *(argument.replace("{tmp}", str(tmp_path)) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=4000", "--dump-dom"),
)
# What a person does, and what the page then shows; the answers go into the page as JSON.
VISIT = """
const said = {}, blobs = {};
const press = key => (document.activeElement || document.body)
  .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const choose = (select, value) => { select.value = value; select.dispatchEvent(new Event("change")); };
const all = selector => [...document.querySelectorAll(selector)];
const numbers = set => [...set].sort((a, b) => a - b);
URL.createObjectURL = blob => "blob:" + blob.type;
HTMLAnchorElement.prototype.click = function () { blobs[this.download] = saved; };
let saved;
const Kept = Blob;
window.Blob = function (parts, options) {
  saved = btoa(parts.map(part => String.fromCharCode(...part)).join(""));
  return new Kept(parts, options);
};

said.start = $("count").textContent;
said.options = all("#filters select").map(select => [...select.options].map(each => each.text));
said.pixelated = getComputedStyle(document.querySelector("#grid img")).imageRendering;
press("ArrowRight"); press(" ");
said.second = [current, numbers(picked), $("picked").textContent, $("command").textContent];
press("ArrowDown");
said.below = current - columns();
press("End"); press("Enter"); press("Home"); press("ArrowLeft");
said.ends = [current, numbers(picked)];
cards[3].click(); cards[5].dispatchEvent(new MouseEvent("click", { shiftKey: true, bubbles: true }));
said.clicked = numbers(picked);
said.labels = cards.map((_, number) => { go(number); return all("dd").map(each => each.textContent); });
go(4);
said.copy = [document.querySelector(".warning").textContent, all(".pair img").length];
press("u");
const kind = document.querySelector("#filters select");
choose(kind, [...kind.options].find(each => each.text.startsWith("half elf")).value);
press("a");
said.filtered = [$("count").textContent, numbers(picked), cards.filter(card => !card.hidden).length];
press("d");
choose(kind, ""); choose($("order"), String(orders.length - 1));
said.nearest = [document.querySelector("#grid > div").id, shown.length];
press("b"); press("+"); press("?");
said.help = [$("help").open, $("size").value, document.documentElement.style.getPropertyValue("--stage")];
$("help").close();
said.owned = window.owned === undefined;
said.fetched = performance.getEntriesByType("resource").map(each => each.name).filter(name => !/^data:/.test(name));
setTimeout(() => {
  said.blobs = blobs;
  document.body.append(make("pre", { id: "said", textContent: JSON.stringify(said) }));
}, 1000);
"""


@pytest.fixture(scope="module")
def visit(gallery, tmp_path_factory):
    """What a browser with nobody before it says of the page."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: `apt-get install chromium`")
    folder = tmp_path_factory.mktemp("browser")
    text = gallery[0].read_text(encoding="utf-8")
    nonce = re.search('script nonce="(\\w+)"', text)[1]
    (folder / "page.html").write_text(text.replace("</body>", f'<script nonce="{nonce}">{VISIT}</script></body>'))
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", (folder / "page.html").as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert '<pre id="said">' in dumped, dumped[-2000:]
    return json.loads(html.unescape(re.search('<pre id="said">(.*?)</pre>', dumped, re.DOTALL)[1]))


@pytest.mark.slow
def test_in_a_browser_keys_and_mouse_pick(visit):
    assert visit["start"] == "12 portraits" and visit["pixelated"] == "pixelated"
    number, picked, text, command = visit["second"]
    assert (number, picked, text) == (1, [1], "1 picked")
    assert command.endswith('--seed 1 --label "kind=half elf" --label __proto__=b --label constructor=same')
    assert visit["below"] == 1
    assert visit["ends"] == [0, [1, 11]]
    assert visit["clicked"] == [1, 3, 4, 5, 11]
    assert visit["help"] == [True, "6", "#202226"]


@pytest.mark.slow
def test_in_a_browser_filters_leave_what_has_the_label(visit):
    kinds, prototypes = visit["options"]  # `constructor` is the same for all
    assert kinds[0] == "any kind" and "half elf (4)" in kinds and len(kinds) == 1 + 2 + len(HOSTILE)
    assert prototypes == ["any __proto__", "a (6)", "b (6)"]
    assert visit["filtered"] == ["4 of 12 portraits", [1, 4, 7, 10], 4]


@pytest.mark.slow
def test_in_a_browser_names_are_shown_and_nothing_is_fetched(visit):
    for shown, entry in zip(visit["labels"], entries_of(12).values(), strict=True):
        assert shown[:3] == [as_read(name) for name in entry["labels"].values()]
    assert visit["owned"] and visit["fetched"] == []


@pytest.mark.slow
def test_in_a_browser_a_copy_is_named_and_comes_first(visit):
    assert "perhaps a copy" in visit["copy"][0] and visit["copy"][1] == 2
    assert visit["nearest"] == ["p4", 12]


@pytest.mark.slow
def test_in_a_browser_the_download_is_the_picked_portraits(visit, gallery, tmp_path):
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(visit["blobs"]["heroes.zip"]))) as file:
        assert file.testzip() is None
        file.extractall(tmp_path)
    sheet, content = visible(Image.open(tmp_path / "heroes.png")), json.loads((tmp_path / "heroes.json").read_text())
    numbers, names = (1, 4, 7, 10), [f"hero_{number:06d}.png" for number in (1, 4, 7, 10)]
    assert content["meta"]["size"] == {"w": 32, "h": 32} and sheet.shape == (32, 32, 4)
    assert list(content["frames"]) == names
    for number, frame in zip(numbers, content["frames"].values(), strict=True):
        left, top = frame["frame"]["x"], frame["frame"]["y"]
        assert np.array_equal(sheet[top : top + 16, left : left + 16], gallery[1][number])
    picked = read_portraits(tmp_path / "portraits")
    assert np.array_equal(picked.images, gallery[1][list(numbers)])
    assert dict(zip(picked.files, picked.entries, strict=True)) == {
        name: entries_of(12, file_hash(OWN_WEIGHTS))[name] for name in names
    }
    lines = (tmp_path / "commands.txt").read_text().splitlines()
    assert lines[::2] == [f"# {name}" for name in names]
    assert all(f"--seed {number} " in line for number, line in zip(numbers, lines[1::2], strict=True))
