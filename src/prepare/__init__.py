"""From raw files to the one file training reads: `prepare_folder` (notebook 01), then `build_dataset` (notebook 02)."""

from src.prepare.build import BuildReport, build_dataset
from src.prepare.clean import PrepareOptions
from src.prepare.folder import PrepareReport, prepare_folder

__all__ = ["BuildReport", "PrepareOptions", "PrepareReport", "build_dataset", "prepare_folder"]
