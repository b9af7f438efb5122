"""Headlines: the values that an experiment shows in tables, by section, as plain data."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

METRIC = "{metric}"
"""In a title: the metric's display name."""
ANY = "*"
"""In place of a metric: those of plug-ins."""
PROBE = "probe_best.normalized"
BY_CODE = (
    "attributes read off each code (0 chance, 1 all), and dependence of the codes (distance correlation)"
)
"""A section that two experiments share."""
LABELLED = "labelled contents (of folder:PATH by --pattern, e.g. '{class}/{content}.png')"
"""What true images, and judges and probes of the content, need."""


class Headline(NamedTuple):
    """A column of a table: a metric of a subject and codes.

    Attributes:
        title: heading of the column; `{metric}` in it stands for the metric's `title`.
        codes: `encoded`, `learned`, `optimized`, or empty.
        subject: as in `Measurement`. One that ends in `*` stands for every subject that begins so; the rest
            replaces the title's `*`.
        metric: name of the metric. `*`, or `*.normalized`, stands for the metrics of plug-ins.
        summary: heading in the summary that ends a run; None: it is not shown there.
        needs: what the data must have for it, with the remedy, for a footnote; empty for nothing.
    """

    title: str
    codes: str
    subject: str
    metric: str
    summary: str | None = None
    needs: str = ""

    def fits(self, codes: str, subject: str, metric: str) -> bool:
        """Whether it shows this metric of a subject and codes."""
        same = subject == self.subject or fnmatchcase(subject, self.subject)
        return codes == self.codes and same and fnmatchcase(metric, self.metric)

    def heading(self, title: str, subject: str, name: str) -> str:
        """Its title, or its summary, for a subject that it shows and the display name of the metric."""
        rest = subject.removeprefix(self.subject.removesuffix(ANY))
        return title.replace(METRIC, name).replace(ANY, rest)


Headlines = Mapping[str, tuple[Headline, ...]]
"""Sections, each a table, by title."""
