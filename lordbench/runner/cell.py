"""A cell as plain data, with an id that says what its result depends on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from lordbench.config.presets import Preset
from lordbench.data.splits import SPLIT_VERSION, SplitName
from lordbench.results.leaderboard import label
from lordbench.utils.version import PROTOCOL_VERSION

DataKey = tuple[str, str, int]
"""A data set, its settings and the image size."""


class Cell(BaseModel):
    """One training and the experiments on it: plain data, so that it can be sent anywhere as JSON.

    Attributes:
        id: hash of all that the result depends on, 16 hex digits.
        method: name or path to load it by.
        method_name: how it is called in tables.
        variant: settings by which it differs from its preset.
        settings: of the method, complete.
        method_source: hash of its source files.
        dataset: name to load it by, with its source, e.g. `folder:faces`.
        data_settings: of the data set, complete.
        data_variant: settings by which it differs from its defaults.
        data_fingerprint: of the data set at the preset's image size.
        split: name.
        labels: what methods are told as the class, as a selector; empty for the data set's own classes.
        preset_name: as in tables.
        preset: complete.
        seed: of the cell.
        experiments: to be run; not part of the id, since they do not change the training.
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
    preset_name: str
    preset: Preset
    seed: int
    experiments: list[str]

    @property
    def label(self) -> str:
        """The method with its variant, as in a selector, and its labels."""
        return label(self.method_name, self.variant, self.labels)

    @property
    def data(self) -> DataKey:
        """Which images the cell is about."""
        return data_key(self.dataset, self.data_settings, self.preset.image_size)


def data_key(dataset: str, settings: dict[str, Any], image_size: int) -> DataKey:
    """Name what a data set gives under its settings, complete, at an image size."""
    return dataset, json.dumps(settings, sort_keys=True), image_size


def identified(values: dict[str, Any], experiments: list[str]) -> Cell:
    """Make a cell of its fields, given by name, with its id."""
    # An explicit list of what a result depends on: too narrow a key would hand out stale numbers, too
    # broad a one (device, paths, order of methods) would train the same thing twice.
    key = {
        "method_name": values["method_name"],
        "settings": values["settings"],
        "method_source": values["method_source"],
        "preset_name": values["preset_name"],
        "preset": values["preset"].model_dump(mode="json", exclude={"methods", "defaults", "summary"}),
        "data_fingerprint": values["data_fingerprint"],
        "split": values["split"],
        "split_version": SPLIT_VERSION,
        "labels": values["labels"],
        "seed": values["seed"],
        "protocol_version": PROTOCOL_VERSION,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    fields = {name: value for name, value in values.items() if name in Cell.model_fields}
    return Cell(id=digest[:16], experiments=experiments, **fields)
