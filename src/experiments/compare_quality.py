"""Samples of every family under the same judge, beside real portraits that nobody trained on."""

from __future__ import annotations

import time

import numpy as np
import torch

from src.data.packed import TRAIN, VALIDATION, PackedPortraits
from src.evaluation.copies import check_copies
from src.evaluation.distances import frechet_distance, precision_recall_density_coverage
from src.evaluation.features import SEEDS, RandomSpace
from src.evaluation.label_accuracy import measure_label_accuracy
from src.evaluation.label_classifier import train_classifier
from src.images import count_colours
from src.sampling import LoadedModel
from src.training.grids import sample_portraits

# Samples judged: at most so many, or as many whole chunks as are drawn in the time. Times to draw are a chunk's.
EVALUATED = 1000
CHUNK = 64
SAMPLING_SECONDS = 120.0
BATCH = 8


def sample_like_the_reals(
    model: LoadedModel, portraits: PackedPortraits, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Samples whose labels are as frequent as the training portraits': those of portraits picked at random.

    They are drawn in chunks of `CHUNK`; after `SAMPLING_SECONDS` no further chunk is begun, so there may be fewer.

    Args:
        model: the trained family.
        portraits: the packed data with all their attributes.
        count: how many.
        seed: of labels and latents.

    Returns:
        uint8 [N, H, W, 4]; int64 [N, A], the labels of the portraits picked, also those that the family does not take;
        and the seconds that the quickest chunk took.
    """
    taken = [portraits.specification.names.index(name) for name in model.labels.names]
    train_labels = portraits.labels[portraits.split == TRAIN]
    random = np.random.RandomState(seed)
    samples, labels, seconds = [], [], []
    while len(samples) * CHUNK < count and sum(seconds) < SAMPLING_SECONDS:
        picked = train_labels[random.randint(len(train_labels), size=CHUNK)]
        latents = random.standard_normal((CHUNK, model.family.latent_dim)).astype(np.float32)
        requested = torch.from_numpy(picked[:, taken])
        start = time.perf_counter()
        samples.append(sample_portraits(model.family, model.sampler, torch.from_numpy(latents), requested, BATCH))
        seconds.append(time.perf_counter() - start)
        labels.append(picked)
    return np.concatenate(samples)[:count], np.concatenate(labels)[:count], min(seconds)


class Evaluator:
    """Quality measures of samples against the training portraits, the same for every family.

    Every set is measured at one count, that of the validation portraits or `EVALUATED`, because the distances depend
    on it; where a family has fewer samples, the reals beside it are as few. The label classifier is trained here, once.

    Args:
        portraits: the packed data with all their attributes.
    """

    def __init__(self, portraits: PackedPortraits) -> None:
        self.specification = portraits.specification
        # As they lie: the copy check wants portraits of one group next to each other.
        self.train, self.validation = (np.flatnonzero(portraits.split == part) for part in (TRAIN, VALIDATION))
        self.images, self.labels = portraits.images, portraits.labels
        order = np.random.RandomState(0).permutation(self.validation)[:EVALUATED]
        self.unseen, self.unseen_labels = self.images[order], self.labels[order]
        self.count = len(self.unseen) or EVALUATED
        self.spaces = [RandomSpace.of(self.images[self.train], seed) for seed in SEEDS]
        self.classifier = None
        if self.specification.names:
            self.classifier = train_classifier(self.images[self.train], self.labels[self.train], self.specification)

    def ceiling(self) -> dict[str, float]:
        """The measures of the validation portraits: what samples as good as real ones would get. Empty without any."""
        if not len(self.unseen):
            return {}
        return self.quality_of(self.unseen, self.unseen_labels, self.specification.names)

    def quality_of(self, samples: np.ndarray, labels: np.ndarray, asked: tuple[str, ...]) -> dict[str, float]:
        """The measures, by the names of their columns.

        `frechet_random`, `coverage` and `recall` are means over two random networks; `frechet_reals` is what as many
        unseen reals get. `colours_median`: of the number of colours of a sample. `accuracy_ATTRIBUTE`: the share of
        samples that show the class asked for. `copies_share`: of samples too close to a training portrait.

        Args:
            samples: uint8 [N, H, W, 4].
            labels: int64 [N, A], all attributes.
            asked: the attributes that the samples were asked to obey.
        """
        distances = [self._distances(samples, space) for space in self.spaces]
        row = {name: float(np.mean([found[name] for found in distances])) for name in distances[0]}
        row["colours_median"] = float(np.median([count_colours(sample) for sample in samples]))
        if asked:
            nobody = self.images[:0], self.labels[:0]
            verdicts = measure_label_accuracy(samples, labels, *nobody, self.classifier, self.specification)
            row |= {f"accuracy_{name}": verdicts[name]["accuracy"] for name in asked}
        # Validation portraits are judged as samples too; then the others of them have to say what is normal.
        others = self.images[self.validation]
        if samples is self.unseen:
            samples, others = self.unseen[::2], self.unseen[1::2]
        if len(others):
            row["copies_share"] = check_copies(samples, self.images[self.train], others).share
        return row

    def _distances(self, samples: np.ndarray, space: RandomSpace) -> dict[str, float]:
        vectors, reference = space(samples), space.reference
        # Neighbourhoods depend on how dense a set is: as many of the training portraits, always the same ones.
        few = reference[np.random.RandomState(0).permutation(len(reference))[: len(vectors)]]
        shares = precision_recall_density_coverage(vectors, few)
        found = {"frechet_random": frechet_distance(vectors, reference)}
        if len(self.unseen):
            found["frechet_reals"] = frechet_distance(space(self.unseen[: len(samples)]), reference)
        return found | {name: shares[name] for name in ("coverage", "recall")}
