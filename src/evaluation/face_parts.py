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

from src.device import pick_device
from src.evaluation.distances import Metric, halves, rounded, with_spread
from src.evaluation.face_finder import FaceFinder, FaceNetwork, have_mouth, have_two_eyes, train_face_finder
from src.evaluation.face_truth import EYE, MOUTH, PaintedFaces, painted_faces, painted_specs
from src.evaluation.kept_networks import kept_path, read_network, write_network

TAUGHT_SILHOUETTES, TAUGHT_RECOLOURS = 320, 4
"""Training portraits that the network learns on: drawing a silhouette again, to know its parts, takes 0.05 s."""

ASKED_SILHOUETTES, ASKED_RECOLOURS = 160, 2
"""Portraits of the validation split by which its precision and recall are measured."""

FEWEST_TAUGHT, FEWEST_ASKED = 60, 20
"""With fewer painted portraits than these the measure is left out."""

METRICS = ("two_eyes_found", "mouth_found")
"""Names of the metrics: shares of portraits, 0 to 1."""

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
    """The evaluator of a data folder's faces; None where its portraits are not the painter's.

    It is kept in the data folder, under the fingerprint and the seed, and read again; a file that cannot be read,
    or is of another version, is replaced.

    Args:
        data: folder that `build` wrote.
        train: what the network learns on.
        validation: what it is measured by.
        fingerprint: of the data set.
        seed: of the choice of portraits and of the network.
        log: gets a line when a network has been trained.
    """
    specs = painted_specs(data)
    if not specs:
        return None
    path, network = kept_path(data, "face_finder", fingerprint, seed), FaceNetwork()
    kept = read_network(path, network, VERSION)
    if kept is not None:
        return FaceEvaluator(FaceFinder(network, pick_device()), json.loads(kept["reliability"]))
    taught = painted_faces(specs, train.names, train.portraits, TAUGHT_SILHOUETTES, TAUGHT_RECOLOURS, seed)
    asked = painted_faces(specs, validation.names, validation.portraits, ASKED_SILHOUETTES, ASKED_RECOLOURS, seed)
    if len(taught.portraits) < FEWEST_TAUGHT or len(asked.portraits) < FEWEST_ASKED:
        return None
    finder = train_face_finder(taught, seed)
    evaluator = FaceEvaluator(finder, {"taught": len(taught.portraits), **reliability(finder, asked)})
    write_network(path, finder.network, VERSION, log, {"reliability": json.dumps(evaluator.reliability)})
    log(f"face finder trained on {len(taught.portraits):,} portraits")
    return evaluator


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
    return {name: rounded(part / whole) if whole else None for name, (part, whole) in ratios.items()}
