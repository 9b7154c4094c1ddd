"""A run while it trains, in a notebook: its log, and its newest grid and curves, updated in place."""

from __future__ import annotations

from pathlib import Path

from IPython.display import Markdown, display

from src.training.log import beside
from src.training.pictures import curves, small_copy


class LiveRun:
    """Takes the log lines of `train` and keeps the newest grid of samples and the curves on display above them.

    A display is updated, never repeated, so that the saved notebook holds the last grid and the last curves alone.

    Args:
        artifacts: the run's artifacts folder.
    """

    def __init__(self, artifacts: Path) -> None:
        self.artifacts = Path(artifacts)
        self.print = beside(self.artifacts, print)
        self.curves = display(Markdown("*no curves yet*"), display_id=True)
        self.grid = display(Markdown("*no grid yet*"), display_id=True)
        self.shown = self._newest()  # of an earlier run, which this one may move away

    def log(self, line: str) -> None:
        """Print a line of the log, paths as seen from beside the artifacts; a grid that is newer than the one on
        display takes its place."""
        self.print(line)
        if self._newest() != self.shown:
            self.show()

    def show(self) -> None:
        """Bring the displays up to date."""
        self.shown = self._newest()
        if self.shown is not None:
            self.grid.update(small_copy(self.shown[1]))
        if (self.artifacts / "metrics.csv").is_file():
            self.curves.update(curves(self.artifacts / "metrics.csv"))

    def _newest(self) -> tuple[float, Path] | None:
        """The newest grid of samples and when it was written."""
        return max(((path.stat().st_mtime, path) for path in self.artifacts.glob("samples/fakes_*.png")), default=None)
