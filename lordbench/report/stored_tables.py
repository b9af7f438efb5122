"""The tables of the reference, which its archives hold ready: they are shown without what computes them."""

from collections.abc import Iterator

from pydantic import TypeAdapter, ValidationError

from lordbench.report.tables import Table
from lordbench.results.archives import TABLES, reference_runs
from lordbench.utils.errors import UserError

TABLES_FORMAT = TypeAdapter(list[Table])
"""How the tables of an archive are stored: as JSON."""


def tables() -> Iterator[Table]:
    """The tables of each archive.

    Raises:
        UserError: as from `reference_runs`, or an archive has no readable tables.
    """
    for run in reference_runs():
        try:
            yield from TABLES_FORMAT.validate_json((run / TABLES).read_bytes())
        except (OSError, ValidationError):
            message = f"{run / TABLES}: not readable"
            raise UserError(message, "Delete the folder, which is unpacked again.") from None
