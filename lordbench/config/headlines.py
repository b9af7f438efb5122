"""The headlines of experiments and the display names of metrics.

Those of lordbench are read from its source, without importing them: reports do not load torch. Those of
plug-ins are written into their measurements when they are made, so reports need no plug-in.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from lordbench.config import registry
from lordbench.config.component import Kind
from lordbench.config.summaries import is_shipped, shipped
from lordbench.evaluation.headlines import METRIC, Headline, Headlines
from lordbench.evaluation.measurement import Measurement

FIRST = (
    "content-transfer",
    "reconstruction",
    "one-shot",
    "expression-transfer",
    "faces",
    "clustered-domain",
    "leakage",
    "retrieval",
    "informativeness",
    "dependence",
)
"""Experiments in the order of their tables; others follow."""


def place(experiment: str) -> tuple[int, str]:
    """The place of an experiment among others, as a key for sorting."""
    return FIRST.index(experiment) if experiment in FIRST else len(FIRST), experiment


class Declared(NamedTuple):
    """A headline of a shipped experiment, in a section."""

    section: str
    experiment: str
    headline: Headline


@cache
def declared() -> tuple[Declared, ...]:
    """Headlines of lordbench's experiments; columns of one section stand together."""
    experiments = shipped("experiments")
    found = [
        Declared(section, name, headline)
        for name in sorted(experiments, key=place)
        for section, headlines in experiments[name].get("headlines", {}).items()
        for headline in headlines
    ]
    places = list(dict.fromkeys(each.section for each in found))
    return tuple(sorted(found, key=lambda each: places.index(each.section)))


@cache
def metric_titles() -> dict[str, str]:
    """Display names of lordbench's metrics, by name."""
    return {name: display_name(name, values.get("title", "")) for name, values in shipped("metrics").items()}


def display_name(metric: str, title: str = "") -> str:
    """The display name of a metric; of a probe's `NAME.normalized`, that of the probe."""
    return title or metric.partition(".")[0].replace("_", " ")


def with_titles(experiment: str, measurements: Iterable[Measurement]) -> list[Measurement]:
    """Add to measurements what plug-ins declare: `section` and `title`. `experiment` is a name or path."""
    component, found = registry.find("experiments", experiment), list(measurements)
    own = {
        name: kind.title for name, kind in registry.load_all("metrics").items() if not _ships("metrics", name)
    }
    if is_shipped(component):
        return [
            m.model_copy(update={"title": display_name(m.metric, own[name])})
            if (name := m.metric.partition(".")[0]) in own else m
            for m in found
        ]  # fmt: skip
    names = metric_titles() | {name: display_name(name, title) for name, title in own.items()}
    columns = list(_columns(component.load().headlines, found, component.name))
    return [_titled(m, columns, names) for m in found]


def _ships(kind: Kind, name: str) -> bool:
    return is_shipped(registry.find(kind, name))


Column = tuple[str, Headline]
"""A section and a headline."""


def _columns(sections: Headlines, found: Iterable[Measurement], experiment: str) -> Iterator[Column]:
    """The declared columns; without any, all values of codes, if any have a direction of merit only these."""
    if sections:
        yield from ((section, headline) for section, headlines in sections.items() for headline in headlines)
        return
    of_codes = [m for m in found if m.codes]
    valued = [m for m in of_codes if m.higher_is_better is not None] or of_codes
    several = len({(m.subject, m.codes) for m in valued}) > 1
    for m in valued:
        title = f"{m.subject}: {METRIC}" if several else METRIC
        yield experiment, Headline(title, m.codes, m.subject, m.metric)


def _titled(m: Measurement, columns: Iterable[Column], names: Mapping[str, str]) -> Measurement:
    for section, headline in columns:
        if headline.fits(m.codes, m.subject, m.metric):
            name = display_name(m.metric, names.get(m.metric.partition(".")[0], ""))
            title = headline.heading(headline.title, m.subject, name)
            return m.model_copy(update={"section": section, "title": title})
    return m
