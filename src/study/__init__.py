"""The study: every technique of the main path on and off, and less data, with several seeds and their spread."""

from src.study.results import StudyResults, read_results
from src.study.run import study

__all__ = ["StudyResults", "read_results", "study"]
