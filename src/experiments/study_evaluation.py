"""The study's judge: one set of references and one label classifier for all runs, every figure with its spread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from src.data.packed import TRAIN, VALIDATION, PackedPortraits, intra_class_distance, load_portraits
from src.device import pick_device
from src.errors import InputError
from src.evaluation.copies import check_copies
from src.evaluation.distances import Metric, compare, halves, with_spread
from src.evaluation.features import SEEDS, RandomSpace
from src.evaluation.label_accuracy import measure_label_accuracy
from src.evaluation.label_classifier import LabelClassifier, LabelNetwork, train_classifier
from src.files import replacing
from src.images import count_colours
from src.sampling import LoadedModel, load_model
from src.training.checkpoint import load_checkpoint
from src.training.grids import sample_portraits

FEWEST = 8
"""Validation portraits below which there is nothing to compare with."""

COPIES_CHECKED = 300
"""Samples that the copy check looks at; it compares each with every training portrait."""


class StudyEvaluator:
    """Judges sets of samples against the whole data set, also those of a model that has seen a part of it.

    All sets are as large as the held-out one, or `count`: distances depend on it.

    Args:
        data: folder with `portraits.npz`.
        count: the most samples to judge.
        classifier: file in which the label classifier is kept for the next time.

    Raises:
        InputError: too few validation portraits.
    """

    def __init__(self, data: Path, count: int, classifier: Path) -> None:
        self.portraits = load_portraits(data)
        with np.load(Path(data) / "portraits.npz", allow_pickle=False) as packed:
            self.groups = packed["group_ids"]
        split = self.portraits.split
        self.train, self.validation = (np.flatnonzero(split == side) for side in (TRAIN, VALIDATION))
        if len(self.validation) < FEWEST:
            raise InputError(
                f"{data} holds out {len(self.validation)} portraits, at least {FEWEST} are needed to compare with; "
                "run `build` with another --val-fraction"
            )
        self.unseen = np.random.RandomState(0).permutation(self.validation)[:count]
        self.spaces = [RandomSpace.of(self.portraits.images[self.train], seed) for seed in SEEDS]
        self.real_diversity = intra_class_distance(self.portraits)
        self.classifier = self._classifier(classifier) if self.portraits.specification.names else None

    def ceiling(self) -> dict[str, Metric]:
        """The measures of validation portraits: what a perfect generator would reach."""
        # Half of the groups are looked for among the rest, or every portrait would be its own copy.
        one = np.zeros(len(self.unseen), bool)
        one[halves(len(one), self.groups[self.unseen])[0]] = True
        samples, others = (self.portraits.images[self.unseen[side]] for side in (one, ~one))
        metrics = self.metrics(self.unseen_images, self.unseen_labels, self.groups[self.unseen])
        return metrics | {"copies_share": self._copies(samples, others)}

    def evaluator(self, model: LoadedModel, seed: int) -> dict[str, Metric]:
        """The measures of samples for the labels of the validation portraits.

        Args:
            model: from `load_model` or `load_raw_model`.
            seed: of the latents.
        """
        labels = self.unseen_labels
        columns = [self.portraits.specification.names.index(name) for name in model.labels.names]
        shape = (len(labels), model.family.latent_dim)
        latents = np.random.RandomState(seed).standard_normal(shape).astype(np.float32)
        requested = torch.from_numpy(labels[:, columns])
        samples = sample_portraits(model.family, model.sampler, torch.from_numpy(latents), requested)
        copies = self._copies(samples, self.portraits.images[self.validation])
        return self.metrics(samples, labels) | {"copies_share": copies}

    def metrics(self, samples: np.ndarray, labels: np.ndarray, groups: np.ndarray | None = None) -> dict[str, Metric]:
        """All measures but that of copies.

        `frechet_random`, `kid_random`, `coverage` and `recall`: against training portraits, means over two random
        networks. `accuracy_ATTRIBUTE`: share of samples that show the class asked for. `colours_median`: of the
        number of colours. `variety`: the mean difference between two samples of one label, as a share of that between
        training portraits of one label.

        Args:
            samples: uint8 [N, H, W, 4].
            labels: int64 [N, A], all attributes, also those that the model was not told.
            groups: [N], of reals: which are recolourings of one another.
        """
        parts = halves(len(samples), groups)
        metrics = self._distances(samples, parts)
        if self.classifier is not None:
            nobody = samples[:0], labels[:0]
            found = measure_label_accuracy(samples, labels, *nobody, self.classifier, self.portraits.specification)
            for name, entry in found.items():
                metrics[f"accuracy_{name}"] = Metric(entry["accuracy"], entry["spread"])
        colours = np.array([count_colours(sample) for sample in samples], np.float64)
        metrics["colours_median"] = with_spread(lambda rows: float(np.median(rows)), colours, parts)

        def diversity(rows: np.ndarray) -> float:
            everything = np.full(len(rows), TRAIN, np.uint8)
            part = PackedPortraits(samples[rows], labels[rows], everything, self.portraits.specification, "")
            return intra_class_distance(part) / self.real_diversity

        metrics["diversity"] = with_spread(diversity, np.arange(len(samples)), parts)
        return metrics

    @property
    def unseen_images(self) -> np.ndarray:
        """uint8 [N, H, W, 4], the validation portraits that samples are compared with."""
        return self.portraits.images[self.unseen]

    @property
    def unseen_labels(self) -> np.ndarray:
        """int64 [N, A]."""
        return self.portraits.labels[self.unseen]

    def _distances(self, samples: np.ndarray, parts: list[np.ndarray]) -> dict[str, Metric]:
        spaces = [compare(space(samples), space.reference, parts) for space in self.spaces]
        titles = {"frechet": "frechet_random", "kid": "kid_random", "coverage": "coverage", "recall": "recall"}
        # The networks see the same samples: their errors go together, and the mean is no surer than either.
        return {
            title: Metric(
                float(np.mean([space[name].value for space in spaces])),
                float(np.mean([space[name].spread for space in spaces])),
            )
            for name, title in titles.items()
        }

    def _copies(self, samples: np.ndarray, validation: np.ndarray) -> Metric:
        samples = samples[:COPIES_CHECKED]
        share = check_copies(samples, self.portraits.images[self.train], validation).share
        return Metric(share, (share * (1 - share) / len(samples)) ** 0.5)

    def _classifier(self, path: Path) -> LabelClassifier:
        """Trained once a data set, then read from its file."""
        specification, device = self.portraits.specification, pick_device()
        if path.is_file():
            kept = torch.load(path, map_location=device, weights_only=True)
            if kept["data_fingerprint"] == self.portraits.fingerprint:
                network = LabelNetwork(self.portraits.images.shape[-1], specification.sizes)
                network.load_state_dict(kept["weights"])
                return LabelClassifier(network.to(device, memory_format=torch.channels_last), device)
        images, labels = self.portraits.images[self.train], self.portraits.labels[self.train]
        classifier = train_classifier(images, labels, specification)
        with replacing(path) as temporary:
            weights = classifier.network.state_dict()
            torch.save({"data_fingerprint": self.portraits.fingerprint, "weights": weights}, temporary)
        return classifier


def load_raw_model(checkpoint: Path) -> LoadedModel:
    """Like `load_model`, but samples with the network that was trained instead of its moving average."""
    model = load_model(checkpoint)
    model.family.load_state_dict(load_checkpoint(checkpoint)["state"])
    return replace(model, sampler=model.family.sampler.eval())
