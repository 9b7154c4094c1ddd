"""The gallery: one HTML page that holds a folder's portraits and everything it needs to choose among them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined
from PIL import Image

from src.errors import InputError
from src.evaluation.copies import check_copies
from src.export.indexed import MOST_VISIBLE, index, visible_colours
from src.export.portraits import Portraits, read_portraits
from src.export.sheet import APP
from src.files import write_text
from src.images import png_bytes
from src.manifest import plain_text
from src.progress import track

TEMPLATE = Path(__file__).with_name("gallery.html")

# What any shell takes as it is between double quotes, and what it takes without them.
_HARMLESS = re.compile(r"[\w .,=+:/\\-]*[\w.,=+:/-]")
_BARE = re.compile(r"[\w.=:/\\-]+")

UNKNOWN = "CHECKPOINT"
"""Stands in a command for a checkpoint of which only the hash is known."""

OPTIONS = ("truncation", "guidance", "keep", "snap", "palette_snap", "palette_file")
"""Of `sample`, as a manifest has them."""

KNOWN = {"seed", "labels", "checkpoint", "varied_from", *OPTIONS}
"""What a manifest says of portraits that `sample` gives again; of others it says more."""


def write_gallery(folder: Path, page: Path, data: Path | None = None, checkpoint: Path | None = None) -> int:
    """Write the page. It needs no other file and no server, and may not ask for any.

    Args:
        folder: of portraits, see `read_portraits`.
        page: an `.html` file.
        data: data folder; each portrait's nearest training portrait is then beside it.
        checkpoint: that the portraits are of; the page's commands name it. None: the project's own, where it is the
            one.

    Returns:
        How many portraits it shows.

    Raises:
        InputError: as `read_portraits` and `check_copies`; a page with another ending; a checkpoint that no portrait
            is of.
    """
    page = Path(page)
    if page.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{page} must end in .html")
    portraits = read_portraits(folder)
    paths = _checkpoints(portraits, checkpoint)
    shown = [
        {
            "name": name,
            "file": file,
            "source": _address(image),
            "labels": entry["labels"],
            "seed": str(entry.get("seed", "")),
            "rest": "".join(
                f", {json.dumps({name: value})[1:-1]}" for name, value in entry.items() if name != "labels"
            ),
            **_command(entry, paths),
        }
        for name, file, image, entry in track(
            zip(portraits.names, portraits.files, portraits.images, portraits.entries, strict=True),
            "writing",
            len(portraits.files),
            delay=2.0,
        )
    ]
    real = _add_nearest(shown, portraits.images, data) if data else []
    height, width = portraits.images.shape[1:3]
    content = {
        "app": APP,
        "attributes": portraits.attributes,
        "width": width,
        "height": height,
        "portraits": shown,
        "real": real,
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=plain_text(Path(folder).resolve().name),
        content=content,
        # Scripts and styles without it do not run; nobody can write a name that holds a hash of itself.
        nonce=hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32],
    )
    write_text(page, text)
    return len(shown)


def redraw_command(entry: Mapping[str, object], checkpoint: str = "") -> str:
    """The command that samples a portrait anew, harmless in any shell.

    Args:
        entry: of the manifest.
        checkpoint: path for `--checkpoint`; empty: the project's own.

    Returns:
        Empty for a portrait that comes from elsewhere, and where a name has characters that some shell would act on.
    """
    seed, hero = entry.get("seed"), entry.get("varied_from")
    labels = dict(hero if isinstance(hero, Mapping) else entry["labels"])
    sampled = isinstance(seed, int) and isinstance(entry.get("checkpoint"), str) and entry.keys() <= KNOWN
    if not sampled or any("=" in name for name in labels):
        return ""
    if "palette_file" in entry:  # the category follows from its colours
        labels.pop("palette", None)
    words = ["--checkpoint", checkpoint] if checkpoint else []
    words += ["--out", "redrawn", "-n", "1", "--seed", str(seed)]
    if isinstance(hero, Mapping):
        changed = [name for name, value in entry["labels"].items() if hero.get(name) != value]
        words += ["--vary", *changed[:1]]
    for name, value in labels.items():
        words += ["--label", f"{name}={value}"]
    for name in OPTIONS:
        # `--keep` is refused without `--vary`, and in its own class a hero is the same with both and with neither.
        if name in entry and (name != "keep" or isinstance(hero, Mapping)):
            words += [f"--{name.replace('_', '-')}", str(entry[name])]
    if not all(_HARMLESS.fullmatch(word) for word in words):
        return ""
    return " ".join(["python run.py sample", *(word if _BARE.fullmatch(word) else f'"{word}"' for word in words)])


def _command(entry: Mapping[str, object], paths: Mapping[str, str]) -> dict[str, str]:
    """The command, and what to know of it."""
    digest = str(entry.get("checkpoint"))
    command = redraw_command(entry, paths.get(digest, UNKNOWN))
    if "seed" not in entry or not entry.keys() <= KNOWN:
        note = "Not a portrait of `sample` alone: there is no command for it."
    elif not command:
        note = "A name in the manifest has characters that a shell could act on, so there is no command."
    elif digest in paths:
        note = ""
    else:
        note = f"{UNKNOWN} is the file whose SHA-256 begins with {digest[:12]}; `gallery --checkpoint` fills it in."
    return {"command": command, "note": note}


def _checkpoints(portraits: Portraits, checkpoint: Path | None) -> dict[str, str]:
    """Hash -> path for the command: of the project's own weights none, and of the checkpoint given."""
    # A manifest is anybody's: it may name something that is no hash.
    digests = {str(entry["checkpoint"]) for entry in portraits.entries if "checkpoint" in entry}
    if not digests and checkpoint is None:
        return {}
    from src.training.checkpoint import file_hash
    from src.training.weights import OWN_WEIGHTS

    paths = {file_hash(OWN_WEIGHTS): ""} if OWN_WEIGHTS.is_file() else {}
    if checkpoint is not None:
        if not checkpoint.is_file():
            raise InputError(f"{checkpoint} does not exist; name the checkpoint that the portraits were sampled from")
        if (digest := file_hash(checkpoint)) not in digests:
            raise InputError(f"no portrait was sampled from {checkpoint}; leave --checkpoint out, or name another")
        paths[digest] = str(checkpoint)
    return paths


def _add_nearest(shown: list[dict[str, object]], images: np.ndarray, data: Path) -> list[str]:
    """Give each portrait its nearest training portrait, by the evaluation's check for copies.

    Returns:
        Those training portraits, of which `nearest` of a portrait has the number.
    """
    from src.data.packed import TRAIN, VALIDATION, load_portraits

    packed = load_portraits(data)
    train = packed.images[packed.split == TRAIN]
    check = check_copies(images, train, packed.images[packed.split == VALIDATION])
    used, numbers = np.unique(check.pairs[:, 1], return_inverse=True)
    for (portrait, _), number, mirrored in zip(check.pairs, numbers.reshape(-1), check.mirrored, strict=True):
        shown[portrait] |= {
            "nearest": int(number),
            "distance": round(float(check.distances[portrait]), 3),
            "mirrored": bool(mirrored),
            "close": bool(check.too_close[portrait]),
        }
    return [_address(image) for image in train[used]]


def _address(image: np.ndarray) -> str:
    """Pixels uint8 [H, W, 4] as the `data:` address of a PNG."""
    palette = visible_colours(image)
    picture = index(image, palette) if len(palette) <= MOST_VISIBLE else Image.fromarray(image)
    return f"data:image/png;base64,{base64.b64encode(png_bytes(picture, optimize=True)).decode()}"
