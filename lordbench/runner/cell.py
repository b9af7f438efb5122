"""A cell: one training and its experiments, as plain data with an id over all that its result depends on."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from lordbench.config.presets import Preset
from lordbench.data.splits import SPLIT_VERSION, SplitName
from lordbench.results.names import cell_title, label
from lordbench.utils.version import PROTOCOL_VERSION

DataKey = tuple[str, str, int]
"""A data set, its complete settings as JSON, and the image size."""
KEY = (
    "method_name",
    "settings",
    "method_source",
    "preset_name",
    "data_fingerprint",
    "split",
    "labels",
    "seed",
)
"""Fields that the id covers, with the preset's sizes and versions. The list is explicit: too narrow a key
would return stale numbers, too broad a one (device, paths, order of methods) would train the same twice."""


class Cell(BaseModel):
    """One training and the experiments on it: plain data, which can be sent anywhere as JSON.

    Attributes:
        id: hash of all that the result depends on, 16 hex digits.
        method: name or path to load it by; `method_name` is its name in tables.
        variant: settings that differ from the preset; `settings` are complete.
        method_source: hash of its source files.
        dataset: name to load it by, with its source, e.g. `folder:faces`.
        data_variant: settings that differ from the defaults; `data_settings` are complete.
        labels: class labels given to methods, as a selector; empty for the data set's own classes.
        reserved: seeds whose held-out images the cell does not see, trained and evaluated on a validation
            part of the other images (`splits.validation`); empty for the split itself.
        searched: how the settings were chosen, for the rows; not part of the id.
        experiments: to be run; not part of the id, since they do not change the training.
        metrics: those used besides the default ones; not part of the id either.
        without: default metrics that are not used, to save time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    method: str
    method_name: str
    variant: str
    settings: dict[str, Any]
    method_source: str
    dataset: str
    data_settings: dict[str, Any]
    data_variant: str
    data_fingerprint: str
    split: SplitName
    labels: str = ""
    reserved: tuple[int, ...] = ()
    searched: str = ""
    preset_name: str
    preset: Preset
    seed: int
    experiments: list[str]
    metrics: list[str] = []
    without: list[str] = []

    @property
    def label(self) -> str:
        """The method with its variant, as in a selector, and its labels."""
        return label(self.method_name, self.variant, self.labels)

    @property
    def title(self) -> str:
        """The cell in messages."""
        return cell_title(self.label, label(self.dataset, self.data_variant), self.seed)

    @property
    def data(self) -> DataKey:
        """Which images the cell uses."""
        return data_key(self.dataset, self.data_settings, self.preset.image_size)


def titles(cells: Sequence[Cell], *, short: bool = False) -> dict[str, str]:
    """Titles of the cells of a run, by id; `short`: with only what differs between them, after the method."""
    splits, seeds, data = ({getattr(cell, name) for cell in cells} for name in ("split", "seed", "dataset"))
    found = {}
    for cell in cells:
        on = f" on {cell.dataset}" if len(data) > 1 or not short else ""
        split = f", {cell.split} split" if len(splits) > 1 else ""
        seed = f", seed {cell.seed}" if len(seeds) > 1 or not short else ""
        found[cell.id] = f"{cell.label}{on}{split}{seed}"
    return found


def data_key(dataset: str, settings: dict[str, Any], image_size: int) -> DataKey:
    """Return the key of a data set with complete settings at an image size."""
    return dataset, json.dumps(settings, sort_keys=True), image_size


def make_cell(values: dict[str, Any], experiments: list[str]) -> Cell:
    """Make a cell from its fields (other keys are ignored), with its id."""
    key = {name: values[name] for name in KEY}
    key["preset"] = values["preset"].sizes()
    key |= {"split_version": SPLIT_VERSION, "protocol_version": PROTOCOL_VERSION}
    if values.get("reserved"):
        key["reserved"] = list(values["reserved"])
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    fields = {name: value for name, value in values.items() if name in Cell.model_fields}
    return Cell(id=digest[:16], experiments=experiments, **fields)
