"""The Fréchet Inception distance of the literature, where its weights are at hand.

Nothing is downloaded: the weights (`pt_inception-2015-12-05-6726825d.pth`, published with torch-fidelity) are a file
that somebody names. The network was trained on photographs; on pixel art its distance is worth reporting for comparison
with papers, not for choosing a model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from src.device import pick_device
from src.errors import InputError
from src.images import over_background

BATCH = 50


class InceptionFeatures:
    """torch-fidelity's Inception network with weights from a file: the layer that the distance is taken in.

    Args:
        weights: the file.

    Raises:
        InputError: no such file, not these weights, or the package is missing.
    """

    def __init__(self, weights: Path) -> None:
        if not Path(weights).is_file():
            raise InputError(f"no Inception weights at {weights}; leave --inception out, or name the file")
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ModuleNotFoundError:
            raise InputError("--inception needs another package: pip install torch-fidelity") from None
        try:
            network = FeatureExtractorInceptionV3(
                "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(weights)
            )
        except Exception as error:  # whatever reading a foreign file can raise
            raise InputError(f"{weights} holds no Inception weights ({str(error).splitlines()[0][:100]})") from None
        self.device = pick_device()
        self.network = network.to(self.device).eval()

    @torch.no_grad()
    def __call__(self, portraits: np.ndarray) -> np.ndarray:
        """Portraits uint8 [N, H, W, 4], laid on grey as in the grids -> float32 [N, 2048]."""
        pixels = torch.from_numpy(over_background(portraits)).permute(0, 3, 1, 2)
        return torch.cat([self.network(batch.to(self.device))[0].cpu() for batch in pixels.split(BATCH)]).numpy()
