"""What stays of a hero when one attribute changes, on models whose answer is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from src.evaluation.changed_attribute import change_attributes, similarity
from src.labels import LabelSpecification

LABELS = LabelSpecification({"gender": ("feminine", "masculine"), "palette": ("cool", "warm", "dark")})


def model(sample):
    """A model that samples portraits [N, 4, 16, 16] in [-1, 1] by a function of latents and labels."""

    def vary(sampler, latents, labels, changed):
        return sample(sampler, latents, changed)

    return SimpleNamespace(family=SimpleNamespace(latent_dim=5, sample=sample, vary=vary), sampler=None, labels=LABELS)


def kept_of(model, count):
    return {name: change.kept for name, change in change_attributes(model, count=count).items()}


def noise(*parts):
    """Figures that depend on every number given, and on nothing else: one row a portrait."""
    rows = torch.cat([part.double() for part in parts], dim=1).numpy()
    sampled = [np.random.RandomState(abs(hash(row.tobytes())) % 2**32).rand(4, 16, 16) * 2 - 1 for row in rows]
    return torch.from_numpy(np.stack(sampled)).float()


def test_a_drawing_that_follows_the_latent_alone_is_kept_whole():
    kept = kept_of(model(lambda sampler, latents, labels: noise(latents)), 40)
    assert {name: figure.value for name, figure in kept.items()} == {"gender": 1.0, "palette": 1.0}


def test_one_that_changes_altogether_keeps_nothing():
    kept = kept_of(model(lambda sampler, latents, labels: noise(latents, labels)), 40)
    assert all(abs(figure.value) < 0.05 and 0 < figure.spread < 0.05 for figure in kept.values())


def test_an_attribute_that_changes_half_of_the_drawing_keeps_the_other_half():
    def sample(sampler, latents, labels):
        portraits = noise(latents)
        portraits[:, :, 8:] = noise(latents, labels[:, :1])[:, :, 8:]
        return portraits

    kept = kept_of(model(sample), 60)
    assert kept["palette"].value == 1.0
    # Shares of edges in common are no mean over the two halves: 1/2 of them the same is less than half on the scale.
    assert 0.3 < kept["gender"].value < 0.5


def test_one_figure_a_label_is_no_hero_kept():
    kept = kept_of(model(lambda sampler, latents, labels: noise(labels)), 20)
    assert {name: figure.value for name, figure in kept.items()} == {"gender": 0.0, "palette": 0.0}


def test_a_model_without_labels_has_nothing_to_change():
    unlabelled = model(lambda sampler, latents, labels: noise(latents))
    unlabelled.labels = LabelSpecification({})
    assert change_attributes(unlabelled, count=8) == {}


def test_a_family_that_varies_in_its_own_way_is_measured_by_it():
    stubborn = model(lambda sampler, latents, labels: noise(latents, labels))
    stubborn.family.vary = lambda sampler, latents, labels, changed: stubborn.family.sample(sampler, latents, labels)
    assert {name: figure.value for name, figure in kept_of(stubborn, 20).items()} == {"gender": 1.0, "palette": 1.0}


def test_every_hero_gets_another_class_of_the_one_attribute():
    asked = []
    watched = model(lambda sampler, latents, labels: noise(latents))
    watched.family.vary = lambda sampler, latents, labels, changed: (
        asked.append((labels, changed)) or noise(latents, changed)
    )
    changes = change_attributes(watched, count=30)
    for column, ((labels, changed), change) in enumerate(zip(asked, changes.values(), strict=True)):
        assert (labels != changed).sum(dim=0).tolist() == [30 * (column == 0), 30 * (column == 1)]
        assert np.array_equal(change.labels, changed.numpy()) and change.portraits.shape == (30, 16, 16, 4)


def test_similarity_by_hand():
    first = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    second = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    assert similarity(first, second) == pytest.approx([1 / 3, 1, 1])
