"""A method that is searched: its ranges, where it starts, and the cells of its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lordbench.config import registry, selectors
from lordbench.config.presets import Preset
from lordbench.runner.cell import Cell, make_cell
from lordbench.search.sampling import Ranges
from lordbench.search.trials import SHARES
from lordbench.training import Method, MethodConfig, ranges_of
from lordbench.utils.errors import UserError
from lordbench.utils.settings import validated
from lordbench.utils.version import PROTOCOL_VERSION


@dataclass(frozen=True)
class SearchedMethod:
    """A method of a search.

    Attributes:
        template: its cell with the start's settings and the whole budget, on validation images.
        config: the class of its settings.
        ranges: of the settings that are searched: all that have one, but those that the user has set.
        start: their values in the preset, or their defaults.
    """

    template: Cell
    config: type[MethodConfig]
    ranges: Ranges
    start: Mapping[str, Any]

    @classmethod
    def of(cls, cell: Cell, reserved: Sequence[int]) -> SearchedMethod:
        """Make the search of a planned cell's method.

        Raises:
            UserError: none of its settings has a range, or a start lies outside of it.
        """
        kind: type[Method] = registry.find("methods", cell.method).load()
        fixed = fixed_settings(cell)
        left_out = fixed.keys() | validated(kind.Config, cell.settings, cell.method_name).without_effect()
        ranges = {name: own for name, own in ranges_of(kind.Config).items() if name not in left_out}
        if not ranges:
            set_by_user = " that is not set already" if fixed else ""
            raise UserError(
                f"method {cell.method_name}: no setting{set_by_user} has a range",
                "Declare one beside a default, as in the file that `lordbench new method` writes: "
                "rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = 1e-3",
            )
        start = {name: cell.settings[name] for name in ranges}
        for name, value in start.items():
            if value not in ranges[name]:
                raise UserError(
                    f"method {cell.method_name}: {name} is {value} here, outside of its {ranges[name]}",
                    f"Widen the range, or leave it out of the search: --set {cell.method_name}.{name}=VALUE.",
                )
        return cls(with_fields(cell, {"reserved": tuple(reserved)}), kind.Config, ranges, start)

    @property
    def name(self) -> str:
        """The method's name in tables, presets and the journal."""
        return self.template.method_name

    def cell(self, settings: Mapping[str, Any], rung: int, without: Sequence[str] = ()) -> Cell:
        """Return the cell of a trial with the budget of `SHARES[rung]`, evaluated without some metrics."""
        where = f"method {self.name}"
        complete = validated(self.config, self.template.settings | dict(settings), where)
        return with_fields(
            self.template,
            {
                "settings": complete.model_dump(mode="json"),
                "searched": "",
                "variant": selectors.describe(fixed_settings(self.template) | dict(settings)),
                "preset": scaled(self.template.preset, SHARES[rung]),
                "preset_name": scaled_name(self.template.preset_name, SHARES[rung]),
                "without": list(without),
            },
        )

    def setup(self) -> dict[str, Any]:
        """All that its trials depend on, but for the sampling: JSON values, for the journal."""
        cell = self.template
        return {
            "protocol": PROTOCOL_VERSION,
            "ranges": {name: repr(own) for name, own in self.ranges.items()},
            "settings": cell.settings,
            "source code": cell.method_source,
            "data": f"{cell.dataset}[{cell.data_variant}] {cell.data_fingerprint}",
            "split": cell.split,
            "reserved seeds": list(cell.reserved),
            "seed": cell.seed,
            "preset": {"name": cell.preset_name, **cell.preset.sizes()},
        }


def fixed_settings(cell: Cell) -> dict[str, Any]:
    """Return the settings that the user has given for a method, which are not searched."""
    return selectors.parse(cell.label).settings


def scaled(preset: Preset, share: float) -> Preset:
    """Return a preset with a share of its budget."""
    budget = preset.budget
    images = None if budget.images is None else max(1, round(budget.images * share))
    epochs = None if budget.epochs is None else budget.epochs * share
    smaller = budget.model_copy(update={"images": images, "epochs": epochs})
    return preset.model_copy(update={"budget": smaller})


def scaled_name(preset: str, share: float) -> str:
    """Return the name of a preset with a share of its budget, e.g. `quick[budget=1/9]`."""
    if share == 1:
        return preset
    name, _, overrides = preset.removesuffix("]").partition("[")
    part = f"budget={Fraction(share).limit_denominator(1000)}"
    return f"{name}[{','.join(filter(None, [overrides, part]))}]"


def with_fields(cell: Cell, fields: Mapping[str, Any]) -> Cell:
    """Return a cell with other fields, and its id."""
    kept = {name: value for name, value in cell if name not in ("id", "experiments")}
    return make_cell({**kept, **fields}, cell.experiments)
