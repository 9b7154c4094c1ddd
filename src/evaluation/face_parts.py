"""Have samples two eyes and a mouth? A network looks for them that learned where they are on painted heroes.

The painter's record says where eyes and mouths are (`face_truth`), so this measure is for sets that the project's own
painter painted into the data folder. Not every hero shows them: helmets, hoods, beards and weapons cover faces. So what
counts is the share among samples beside the share among portraits of the validation split, under the same network; how
far that network is to be trusted is stated beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from src.device import pick_device
from src.evaluation.distances import Metric, halves, with_spread
from src.evaluation.face_finder import FaceFinder, FaceNetwork, have_mouth, have_two_eyes, train_face_finder
from src.evaluation.face_truth import EYE, MOUTH, PaintedFaces, painted_faces, painted_specs
from src.files import replacing

TAUGHT_SILHOUETTES, TAUGHT_RECOLOURS = 320, 4
"""Training portraits that the network learns on: drawing a silhouette again, to know its parts, takes 0.05 s."""

ASKED_SILHOUETTES, ASKED_RECOLOURS = 160, 2
"""Portraits of the validation split by which its precision and recall are measured."""

FEWEST_TAUGHT, FEWEST_ASKED = 60, 20
"""With fewer painted portraits than these the measure is left out."""

METRICS = ("two_eyes_found", "mouth_found")
"""Names of the figures: shares of portraits, 0 to 1."""

VERSION = "1"
"""Of the network and its training: a kept network of another version is trained anew."""


@dataclass(frozen=True)
class Split:
    """One split of a data set.

    Args:
        names: file name of each portrait.
        portraits: uint8 [N, H, W, 4].
    """

    names: Sequence[str]
    portraits: np.ndarray


@dataclass(frozen=True)
class FaceEvaluator:
    """A face finder, and how well it finds.

    Args:
        finder: the network.
        reliability: `two_eyes` and `mouth` (is it seen in a portrait?) and `eye_pixels` and `mouth_pixels`, each with
            `precision` and `recall` on portraits of the validation split, and `truth` and `found`: the share of
            portraits (of pixels) that have it and that it is found in. A ratio without a denominator is null. `taught`
            and `asked` count portraits.
    """

    finder: FaceFinder
    reliability: dict[str, object]

    def metrics(self, portraits: np.ndarray, groups: np.ndarray | None = None) -> dict[str, Metric]:
        """`METRICS` with their standard errors.

        Args:
            portraits: uint8 [N, H, W, 4].
            groups: [N], which are recolours of one silhouette; None: none is of another.
        """
        parts = self.finder.parts(portraits)
        cuts = halves(len(portraits), groups)
        return {
            name: with_spread(lambda rows: float(rows.mean()), found, cuts)
            for name, found in zip(METRICS, (have_two_eyes(parts), have_mouth(parts)), strict=True)
        }


def face_evaluator(
    data: Path, train: Split, validation: Split, fingerprint: str, seed: int = 0, log: Callable[[str], None] = print
) -> FaceEvaluator | None:
    """The judge of a data folder's faces; None where its portraits are not the painter's.

    A judge is kept in the data folder, under the fingerprint and the seed, and read again; a file that cannot be read,
    or is of another version, is replaced.

    Args:
        data: folder that `build` wrote.
        train: what the network learns on.
        validation: what it is measured by.
        fingerprint: of the data set.
        seed: of the choice of portraits and of the network.
        say: gets a line when a judge has been trained.
    """
    specs = painted_specs(data)
    if not specs:
        return None
    path = kept_evaluator(data, fingerprint, seed)
    evaluator = _read(path)
    if evaluator is not None:
        return evaluator
    taught = painted_faces(specs, train.names, train.portraits, TAUGHT_SILHOUETTES, TAUGHT_RECOLOURS, seed)
    asked = painted_faces(specs, validation.names, validation.portraits, ASKED_SILHOUETTES, ASKED_RECOLOURS, seed)
    if len(taught.portraits) < FEWEST_TAUGHT or len(asked.portraits) < FEWEST_ASKED:
        return None
    finder = train_face_finder(taught, seed)
    evaluator = FaceEvaluator(finder, {"taught": len(taught.portraits), **reliability(finder, asked)})
    _write(path, evaluator)
    log(f"face finder trained on {len(taught.portraits):,} portraits")
    return evaluator


def kept_evaluator(data: Path, fingerprint: str, seed: int) -> Path:
    """Where the judge of a data set and seed is kept."""
    return Path(data) / f"face_finder_{fingerprint[:16]}_{seed}.safetensors"


def reliability(finder: FaceFinder, faces: PaintedFaces) -> dict[str, object]:
    """Precision and recall of a finder on portraits whose eyes and mouths are known (see `FaceEvaluator`)."""
    found = finder.parts(faces.portraits)
    return {
        "asked": len(faces.portraits),
        "two_eyes": _agreement(have_two_eyes(faces.parts), have_two_eyes(found)),
        "mouth": _agreement(have_mouth(faces.parts), have_mouth(found)),
        "eye_pixels": _agreement(faces.parts == EYE, found == EYE),
        "mouth_pixels": _agreement(faces.parts == MOUTH, found == MOUTH),
    }


def _agreement(truth: np.ndarray, found: np.ndarray) -> dict[str, float | None]:
    both = int((truth & found).sum())
    ratios = {"precision": (both, found.sum()), "recall": (both, truth.sum())}
    ratios |= {"truth": (truth.sum(), truth.size), "found": (found.sum(), found.size)}
    return {name: float(f"{part / whole:.5g}") if whole else None for name, (part, whole) in ratios.items()}


def _read(path: Path) -> FaceEvaluator | None:
    """The judge in a file; None where there is none that can be used."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        if metadata["version"] != VERSION:
            return None
        network = FaceNetwork()
        network.load_state_dict(weights)
        return FaceEvaluator(FaceFinder(network, pick_device()), json.loads(metadata["reliability"]))
    except (SafetensorError, OSError, RuntimeError, KeyError, ValueError):
        return None


def _write(path: Path, evaluator: FaceEvaluator) -> None:
    weights = {
        name: weight.detach().cpu().contiguous() for name, weight in evaluator.finder.network.state_dict().items()
    }
    metadata = {"version": VERSION, "reliability": json.dumps(evaluator.reliability)}
    with replacing(path) as temporary:
        save_file(weights, temporary, metadata)
