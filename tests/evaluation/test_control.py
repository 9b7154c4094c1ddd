"""What stays of a hero when one attribute changes, on artists whose answer is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from src.evaluation.control import held_latents, likeness
from src.labels import LabelSpecification

LABELS = LabelSpecification({"gender": ("feminine", "masculine"), "palette": ("cool", "warm", "dark")})


def artist(draw):
    """An artist that draws portraits [N, 4, 16, 16] in [-1, 1] by a function of latents and labels."""
    return SimpleNamespace(family=SimpleNamespace(latent_dim=5, draw=draw), sampler=None, labels=LABELS)


def noise(*parts):
    """Figures that depend on every number given, and on nothing else: one row a portrait."""
    rows = torch.cat([part.double() for part in parts], dim=1).numpy()
    drawn = [np.random.RandomState(abs(hash(row.tobytes())) % 2**32).rand(4, 16, 16) * 2 - 1 for row in rows]
    return torch.from_numpy(np.stack(drawn)).float()


def test_a_drawing_that_follows_the_latent_alone_is_kept_whole():
    kept = held_latents(artist(lambda sampler, latents, labels: noise(latents)), count=40)
    assert {name: figure.value for name, figure in kept.items()} == {"gender": 1.0, "palette": 1.0}


def test_one_that_changes_altogether_keeps_nothing():
    kept = held_latents(artist(lambda sampler, latents, labels: noise(latents, labels)), count=40)
    assert all(abs(figure.value) < 0.05 and 0 < figure.spread < 0.05 for figure in kept.values())


def test_an_attribute_that_changes_half_of_the_drawing_keeps_the_other_half():
    def draw(sampler, latents, labels):
        portraits = noise(latents)
        portraits[:, :, 8:] = noise(latents, labels[:, :1])[:, :, 8:]
        return portraits

    kept = held_latents(artist(draw), count=60)
    assert kept["palette"].value == 1.0
    # Shares of edges in common are no mean over the two halves: 1/2 of them the same is less than half on the scale.
    assert 0.3 < kept["gender"].value < 0.5


def test_one_figure_a_label_is_no_hero_kept():
    kept = held_latents(artist(lambda sampler, latents, labels: noise(labels)), count=20)
    assert {name: figure.value for name, figure in kept.items()} == {"gender": 0.0, "palette": 0.0}


def test_an_artist_without_labels_has_nothing_to_change():
    untold = artist(lambda sampler, latents, labels: noise(latents))
    untold.labels = LabelSpecification({})
    assert held_latents(untold, count=8) == {}


def test_likeness_by_hand():
    first = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    second = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    assert likeness(first, second) == pytest.approx([1 / 3, 1, 1])
