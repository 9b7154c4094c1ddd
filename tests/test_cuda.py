"""On a CUDA card: every family trains there, without waiting for the host, and what it saves goes on without a card."""

import math

import pytest
import torch

from benchmarks.workload import Workload
from src.families import FAMILIES
from src.sampling import load_model, sample
from src.training.checkpoint import load_checkpoint
from src.training.grids import sample_portraits
from src.training.run import train

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card"),
]


def run(data, out, family, kimg, resume=False, **values):
    """A few steps of the family's smallest networks; the path of the checkpoint."""
    values = {"kimg": kimg, "batch_size": 16, "log_kimg": 0.064, "bits_count": 4, "evaluate_kimg": 0, **values}
    return train(data, out, family, None if resume else "smoke", values, resume=resume, log=lambda line: None)


@pytest.mark.parametrize("name", FAMILIES)
def test_twenty_steps_and_twenty_more_here_and_on_the_computer(name, tmp_path, data_folder, monkeypatch):
    first = run(data_folder, tmp_path / "run", name, 0.32)
    run(data_folder, tmp_path / "run", name, 0.64, resume=True)
    # The checkpoint of a card goes on without one, and back.
    monkeypatch.setattr("src.training.run.pick_device", lambda: torch.device("cpu"))
    run(data_folder, tmp_path / "run", name, 0.96, resume=True, precision="fp32")
    monkeypatch.undo()
    result = run(data_folder, tmp_path / "run", name, 1.28, resume=True)
    assert first.images_seen == 320 and result.images_seen == 1280
    model = load_model(result.checkpoint)
    if not model.family.cannot_sample:
        assert sample(model, 2).portraits.shape == (2, 16, 16, 4)
    content = load_checkpoint(result.checkpoint)
    assert all(weight.isfinite().all() for weight in content["average"].values())


@pytest.mark.parametrize("name", FAMILIES)
def test_a_step_does_not_wait_for_the_card(name):
    """Nothing between the batch and the scalars asks the card for a value: the host runs ahead of it."""
    work = Workload(name, "smoke", torch.device("cuda"))
    batches = [work.batch(step) for step in range(4)]
    work.family.train_step(*batches[0], 0)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in range(1, 4):
            scalars = work.family.train_step(*batches[step], step * work.config.batch_size)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(math.isfinite(value) for value in scalars.values())


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "palette_pyramid"])
def test_the_same_networks_give_the_same_portraits(name):
    """In fp32, with the products of TF32 switched off, nearly every pixel to one step of a colour. Not of the family
    that chooses entries: untrained networks find all of them alike, and the last bits decide."""
    torch.backends.cudnn.allow_tf32 = False
    card, computer = (Workload(name, "smoke", torch.device(kind), size=16) for kind in ("cuda", "cpu"))
    if card.family.cannot_sample:
        pytest.skip("has no samples yet")
    computer.family.sampler.load_state_dict(card.family.sampler.state_dict())
    latents = torch.randn(8, card.family.latent_dim)
    labels = computer.batch(0)[1][:8]
    drawn = []
    for work, device in ((card, "cuda"), (computer, "cpu")):
        sampler = work.family.sampler.eval()
        drawn.append(sample_portraits(work.family, sampler, latents.to(device), labels.to(device)).astype(int))
    differs = abs(drawn[0] - drawn[1]).max(axis=-1) > 1
    assert differs.mean() < 0.01
