"""When to stop training by a loss."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor


class EarlyStopping:
    """Ends training when a loss, averaged over windows, has not improved for long.

    Of a validation loss that is the sign of overfitting. Of a GAN's it tells less: that G has not gained on D for so
    long. G's loss is measured by a D that learns too: mostly it rises from the first thousand images on, for as long as
    the samples go on improving, so the best window comes early, and a rising loss is no sign of worse samples. Nor does
    a falling one mean better samples: it falls when D is weak. So the patience decides how long a GAN's run is, more
    than the criterion does, and the last grid is worth comparing with earlier ones.

    Args:
        patience_kimg: how long without a better window; 0 never stops.
        window_kimg: length of a window.
    """

    def __init__(self, patience_kimg: float, window_kimg: float) -> None:
        self.patience = patience_kimg * 1000
        self.window = window_kimg * 1000
        self.best, self.best_at = math.inf, 0
        self.compared_at = 0
        self.total: Tensor | float = 0.0
        self.count = 0

    def update(self, loss: Tensor, images_seen: int) -> None:
        """Take in one step's loss. It is read back once a window only.

        Args:
            loss: a scalar.
            images_seen: before or after this step; always the same of the two.
        """
        self.total = self.total + loss
        self.count += 1
        if images_seen - self.compared_at < self.window:
            return
        mean = float(self.total) / self.count
        if mean < self.best:
            self.best, self.best_at = mean, images_seen
        self.compared_at, self.total, self.count = images_seen, 0.0, 0

    @property
    def finished(self) -> bool:
        return 0 < self.patience <= self.compared_at - self.best_at

    def state_dict(self) -> dict[str, object]:
        # A scalar on the CPU can be added to one on any card: of this process, or of another one.
        total = self.total.detach().cpu() if isinstance(self.total, Tensor) else self.total
        state = {name: getattr(self, name) for name in ("best", "best_at", "compared_at", "count")}
        return {**state, "total": total}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        for name in self.state_dict():
            setattr(self, name, state[name])
