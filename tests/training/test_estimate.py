"""What a run will cost."""

import torch

from src.config import load_config
from src.data.packed import TRAIN, PortraitBatches, describe, load_portraits
from src.families import find_family
from src.training.estimate import PERIOD, STEPS, measure


def test_a_few_steps_spread_over_the_run_are_timed(data_folder, monkeypatch):
    family, places = find_family("vae"), []
    train_step = family.train_step

    def recorded(self, reals, labels, images_seen):
        places.append(images_seen)
        return train_step(self, reals, labels, images_seen)

    monkeypatch.setattr(family, "train_step", recorded)
    portraits = load_portraits(data_folder)
    config = load_config("vae", "smoke", overrides={"batch_size": 8, "kimg": 8.192})
    batches = PortraitBatches(portraits, TRAIN, torch.device("cpu"))
    estimate = measure(family, config, describe(portraits), batches)
    assert estimate.images_per_second > 1 and estimate.memory_bytes > 2**26
    assert len(places) == STEPS + 1 and places[0] == 0 and 0.6 * 8192 < places[-1] < 8192
    # Every period of the run begins as the first one.
    assert [place // 8 % PERIOD for place in places] == list(range(STEPS + 1))
