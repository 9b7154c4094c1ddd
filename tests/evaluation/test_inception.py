"""The Inception distance: refusals, and the network with weights made here (the published ones are not at hand)."""

import numpy as np
import pytest
import torch

from src.errors import InputError
from src.evaluation.distances import frechet_distance
from src.evaluation.evaluate import evaluate
from src.evaluation.inception import InceptionFeatures


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"no Inception weights at .*leave --inception out"):
        InceptionFeatures(tmp_path / "none.pth")


def test_a_missing_file_is_refused_before_samples_are_made(data_folder, tmp_path):
    with pytest.raises(InputError, match="no Inception weights at"):
        evaluate(data_folder, tmp_path / "out.json", tmp_path / "model.pt", inception=tmp_path / "none.pth")


def test_a_foreign_file_is_one_line(tmp_path):
    pytest.importorskip("torch_fidelity")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="holds no Inception weights") as caught:
        InceptionFeatures(tmp_path / "other.pth")
    assert "\n" not in str(caught.value)


def test_features_give_the_distance_that_torchmetrics_gives(tmp_path, monkeypatch):
    inception = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    image = pytest.importorskip("torchmetrics.image.fid")
    weights = tmp_path / "inception.pth"
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {}, raising=False)
    network = inception.FeatureExtractorInceptionV3.__new__(inception.FeatureExtractorInceptionV3)
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", lambda self, state, **_: None)
    network.__init__("inception-v3-compat", ["2048"], feature_extractor_weights_path=file_of_nothing(tmp_path))
    monkeypatch.undo()
    torch.save(network.state_dict(), weights)
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (12, 16, 16, 4)).astype(np.uint8)
    images[..., 3] = 255
    features = InceptionFeatures(weights)(images)
    assert features.shape == (12, 2048)
    metric = image.FrechetInceptionDistance(feature=2048, feature_extractor_weights_path=str(weights))
    pixels = torch.from_numpy(images[..., :3]).permute(0, 3, 1, 2)
    metric.update(pixels[:6], real=True)
    metric.update(pixels[6:], real=False)
    ours = frechet_distance(features[6:].astype(np.float64), features[:6].astype(np.float64))
    assert ours == pytest.approx(float(metric.compute()), rel=1e-2, abs=1e-3)


def file_of_nothing(folder):
    path = folder / "nothing.pth"
    torch.save({}, path)
    return str(path)
