"""Less work: what is tested here does not depend on how many portraits or coarsest maps go together."""

import pytest


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr("src.sampling.BATCH", 2)
    monkeypatch.setattr("src.pyramid.family.CANDIDATES", 2)
