"""What stands in the files of a cell: see `lordbench.results.store` for which there are."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, StringConstraints

from lordbench.method import DataSpec
from lordbench.results.row import Measurement, Provenance


class Found(BaseModel):
    """What an experiment found on a cell: `EXPERIMENT.json`, beside its seal.

    Attributes:
        measurements: as the experiment made them.
        files: hex sha256 of the files that it left in the folder, by name; none of older versions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    measurements: list[Measurement]
    # Names of this folder only: a run renames files that have another hash.
    files: dict[Annotated[str, StringConstraints(pattern=r"^[^./\\][^/\\]*$")], str] = {}


def curve_text(history: list[dict[str, Any]]) -> str:
    """A training curve as CSV: phase, step, and the mean of each loss term since the last line."""
    return pd.DataFrame(history).to_csv(index=False, lineterminator="\n")


def encode_provenance(provenance: Provenance) -> dict[str, str]:
    """Provenance as safetensors metadata."""
    return {"provenance": json.dumps(provenance.model_dump(), sort_keys=True)}


def encode_spec(spec: DataSpec) -> dict[str, str]:
    """What a method was built for, as safetensors metadata: so a model can be loaded without its data."""
    return {"spec": json.dumps(asdict(spec), sort_keys=True)}
