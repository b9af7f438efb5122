"""Grids: presets that say what to run, beside the sizes of another preset to run it at."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lordbench import labelling, selectors
from lordbench.config import read_preset, validated
from lordbench.splits import SplitName


class Part(BaseModel):
    """One part of a grid: methods on a data set and a split. What is left out is as here.

    Attributes:
        methods: selectors.
        dataset: selector.
        split: name.
        labels: what methods are told as the class, as selectors (see `lordbench.labelling`).
        experiments: names; empty for all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: Annotated[list[str], Field(min_length=1)] = ["lord", "drnet", "mlvae"]
    dataset: str = "toycars"
    split: SplitName = "samples"
    labels: Annotated[list[str], Field(min_length=1)] = [labelling.OWN]
    experiments: list[str] = []

    def components(self) -> dict[str, list[str]]:
        """What is to be loaded, by name or path: under `methods`, `dataset` and `experiments`."""
        return {
            "methods": [selectors.parse(text).name for text in self.methods],
            "dataset": [selectors.parse(self.dataset).name.partition(":")[0]],
            "experiments": self.experiments,
        }


class Grid(BaseModel):
    """What to run, and at whose sizes.

    Attributes:
        summary: one line for `lordbench list presets`.
        extends: name or path of the preset that gives the sizes; the cells are cells of that preset, so what
            it has trained already is not trained again.
        grid: the parts, in order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str
    extends: str
    grid: Annotated[list[Part], Field(min_length=1)]


def load_grid(preset: str) -> Grid:
    """The grid of a preset, by name or path; a preset of sizes only makes a grid of one part.

    Raises:
        UserError: there is no such preset, or a key or value of its grid is wrong.
    """
    path, values = read_preset(preset)
    if "grid" not in values:
        return Grid(summary="", extends=preset, grid=[Part()])
    return validated(Grid, values, str(path))
