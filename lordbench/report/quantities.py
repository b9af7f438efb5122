"""The headline metrics, and quantities (a metric of an experiment, codes and subject) selected by name."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from lordbench.results.leaderboard import QUANTITY
from lordbench.utils.errors import UserError, did_you_mean


class Column(NamedTuple):
    """A quantity with its title.

    A subject that ends in `*` stands for every subject that begins so; its rest replaces the title's `*`.
    """

    title: str
    experiment: str
    codes: str
    subject: str
    metric: str

    @property
    def full_name(self) -> str:
        """The quantity as in the columns of `leaderboard.csv`."""
        return "/".join(self[1:])


TRANSFER, LEAKAGE, RECONSTRUCTION, ONE_SHOT = "content-transfer", "leakage", "reconstruction", "one-shot"
EXPRESSION, DOMAINS, FACES = "expression-transfer", "clustered-domain", "faces"
PROBE = "probe_best.normalized"
BOTH = Column("right in both", TRANSFER, "encoded", "transfer", "both_agreement")
L1 = Column("L1", TRANSFER, "encoded", "transfer", "l1")
LPIPS = Column("LPIPS", TRANSFER, "encoded", "transfer", "lpips")
RECONSTRUCTION_L1 = Column("recon. L1", RECONSTRUCTION, "encoded", "reconstruction", "l1")
CLASS_LEAK = Column("class leak", LEAKAGE, "encoded", "class from content", PROBE)
CONTENT_KEPT = Column("content kept", LEAKAGE, "encoded", "content from content", PROBE)
ONE_SHOT_BOTH = Column("right in both, 1", ONE_SHOT, "encoded", "transfer, K = 1", "both_agreement")
EXPRESSION_BOTH = Column("right in both", EXPRESSION, "encoded", "transfer", "both_accuracy")
FACES_BOTH = Column("right in both", FACES, "encoded", "transfer", "both_agreement")
ALL_RIGHT = Column("all right *", DOMAINS, "encoded", "transfer of paired style, *", "all_agreement")
SECTIONS: dict[str, tuple[Column, ...]] = {
    "content transfer and reconstruction": (
        BOTH,
        Column("class agreement", TRANSFER, "encoded", "transfer", "class_agreement"),
        Column("content agreement", TRANSFER, "encoded", "transfer", "content_agreement"),
        L1,
        Column("SSIM", TRANSFER, "encoded", "transfer", "ssim"),
        Column("LPIPS cost", TRANSFER, "encoded", "transfer", "lpips_cost"),
        LPIPS,
        Column("FID", TRANSFER, "encoded", "transfer", "fid"),
        Column("FD-VGG16", TRANSFER, "encoded", "transfer", "fd_vgg16"),
        RECONSTRUCTION_L1,
    ),
    "one-shot: transfer onto held-out classes, by the number of images of the class": (
        ONE_SHOT_BOTH,
        Column("right in both, 5", ONE_SHOT, "encoded", "transfer, K = 5", "both_agreement"),
        Column("right in both, all", ONE_SHOT, "encoded", "transfer, all", "both_agreement"),
        Column("L1, 1", ONE_SHOT, "encoded", "transfer, K = 1", "l1"),
        Column("L1, all", ONE_SHOT, "encoded", "transfer, all", "l1"),
        Column("optimized: right in both, 1", ONE_SHOT, "optimized", "transfer, K = 1", "both_agreement"),
        Column("optimized: L1, 1", ONE_SHOT, "optimized", "transfer, K = 1", "l1"),
    ),
    "one-shot: leakage of codes of held-out classes (best probe, a lower bound; 0 chance, 1 all)": (
        Column("class leak", ONE_SHOT, "encoded", "class from content, K = 1", PROBE),
        Column("optimized: class leak, 1", ONE_SHOT, "optimized", "class from content, K = 1", PROBE),
        Column("optimized: class leak, all", ONE_SHOT, "optimized", "class from content, all", PROBE),
        Column("content leak", ONE_SHOT, "encoded", "content from class, K = 1", PROBE),
        Column("optimized: content leak, 1", ONE_SHOT, "optimized", "content from class, K = 1", PROBE),
        Column("content kept", ONE_SHOT, "encoded", "content from content, K = 1", PROBE),
        Column("optimized: content kept, 1", ONE_SHOT, "optimized", "content from content, K = 1", PROBE),
        Column("optimized: content kept, all", ONE_SHOT, "optimized", "content from content, all", PROBE),
    ),
    "expression transfer (how often judges are right; image metrics where the expression changes pixels)": (
        EXPRESSION_BOTH,
        Column("expression", EXPRESSION, "encoded", "transfer", "expression_accuracy"),
        Column("identity", EXPRESSION, "encoded", "transfer", "identity_accuracy"),
        Column("L1", EXPRESSION, "encoded", "transfer", "l1"),
        Column("LPIPS", EXPRESSION, "encoded", "transfer", "lpips"),
        Column("SSIM", EXPRESSION, "encoded", "transfer", "ssim"),
        Column("recon.: right in both", EXPRESSION, "encoded", "reconstruction", "both_accuracy"),
        Column("learned: right in both", EXPRESSION, "learned", "transfer", "both_accuracy"),
    ),
    "faces (landmarks of A, person of B; an output without a face counts as a copy of the wrong image)": (
        FACES_BOTH,
        Column("landmark error", FACES, "encoded", "transfer", "landmark_error"),
        Column("identity distance", FACES, "encoded", "transfer", "identity_distance"),
        Column("face found", FACES, "encoded", "transfer", "face_found"),
        Column("recon.: right in both", FACES, "encoded", "reconstruction", "both_agreement"),
        Column("recon.: landmark error", FACES, "encoded", "reconstruction", "landmark_error"),
        Column("recon.: identity distance", FACES, "encoded", "reconstruction", "identity_distance"),
        Column("recon.: face found", FACES, "encoded", "reconstruction", "face_found"),
    ),
    "translation between domains, by the class labels given to methods (on …)": (
        ALL_RIGHT,
        Column("L1 *", DOMAINS, "encoded", "transfer of paired style, *", "l1"),
        Column("SSIM *", DOMAINS, "encoded", "transfer of paired style, *", "ssim"),
        Column("diversity *", DOMAINS, "encoded", "transfer of random styles, *", "diversity"),
    ),
    "class labels given to methods compared with true styles; views predicted across domains (best probe)": (
        Column("k *", DOMAINS, "", "classes of *", "k"),
        Column("silhouette *", DOMAINS, "", "classes of *", "silhouette"),
        Column("NMI *", DOMAINS, "", "classes of *", "nmi"),
        Column("view across *", DOMAINS, "encoded", "view across domains, *", PROBE),
    ),
    "leakage (best probe: a lower bound; 0 chance, 1 all; floor: shuffled labels; learned: stage 1)": (
        CLASS_LEAK,
        Column("class floor", LEAKAGE, "encoded", "class from content, shuffled", PROBE),
        Column("class leak (learned)", LEAKAGE, "learned", "class from content", PROBE),
        Column("content leak", LEAKAGE, "encoded", "content from class", PROBE),
        Column("content floor", LEAKAGE, "encoded", "content from class, shuffled", PROBE),
        Column("class kept", LEAKAGE, "encoded", "class from class", PROBE),
        CONTENT_KEPT,
    ),
}
"""The headline tables and their columns; everything else is only in `leaderboard.csv`."""

SUMMARY = (
    BOTH,
    L1,
    LPIPS,
    RECONSTRUCTION_L1,
    CLASS_LEAK,
    CONTENT_KEPT,
    ONE_SHOT_BOTH._replace(title="one-shot, 1 image"),
    EXPRESSION_BOTH._replace(title="expression"),
    FACES_BOTH._replace(title="faces"),
    ALL_RIGHT._replace(title="translated *"),
)
"""The few quantities that a run shows last."""


def keys(table: pd.DataFrame) -> pd.Series:  # type: ignore[type-arg]
    """The rows of a data frame as tuples, indexed like it."""
    return pd.Series(list(table.itertuples(index=False, name=None)), table.index, dtype=object)


def sections(table: pd.DataFrame) -> Iterator[tuple[str, list[Column]]]:
    """Each section's title and columns; a `*` is replaced by the subjects of a table with `QUANTITY`."""
    subjects = _subjects(table)
    for title, columns in SECTIONS.items():
        yield title, _all_expanded(columns, subjects)


def summarised(table: pd.DataFrame) -> list[Column]:
    """The columns of `SUMMARY` for a table as in `sections`."""
    return _all_expanded(SUMMARY, _subjects(table))


def _subjects(table: pd.DataFrame) -> pd.DataFrame:
    return table[["experiment", "subject"]].drop_duplicates().sort_values("subject")


def _all_expanded(columns: Iterable[Column], subjects: pd.DataFrame) -> list[Column]:
    return [expanded for column in columns for expanded in _expanded(column, subjects)]


def _expanded(column: Column, subjects: pd.DataFrame) -> Iterator[Column]:
    if not column.subject.endswith("*"):
        yield column
        return
    start = column.subject.removesuffix("*")
    for subject in subjects.loc[subjects["experiment"] == column.experiment, "subject"]:
        if subject.startswith(start):
            title = column.title.replace("*", subject.removeprefix(start))
            yield column._replace(title=title, subject=subject)


def titles(table: pd.DataFrame) -> dict[tuple[str, ...], str]:
    """Titles of the headline metrics by the values of `QUANTITY`, for a table as in `sections`."""
    return {column[1:]: column.title for _, columns in sections(table) for column in columns}


def pick(table: pd.DataFrame, column: Column) -> pd.DataFrame:
    """The rows of one quantity, of any table with the columns of `QUANTITY`."""
    return table[(table[QUANTITY] == list(column[1:])).all(axis=1)]


def choose(table: pd.DataFrame, names: Sequence[str]) -> list[Column]:
    """Find the requested quantities, each once and in the requested order, with distinct titles.

    A name is a quantity as in `leaderboard.csv`, EXPERIMENT/CODES/SUBJECT/METRIC, or some of its parts in
    that order with the metric last: `lpips`, `learned/lpips`, `content-transfer/reconstruction/l1`. A name
    that fits several quantities stands for the headline metrics among them, or for all if there are none.
    Quantities without a value in the table (columns of `QUANTITY`, and `value`) are left out.

    Raises:
        UserError: a name fits nothing here, or nothing that has a value.
    """
    known = sorted(Column("", *key) for key in set(keys(table[QUANTITY])))
    valued = set(keys(table.loc[table["value"].notna(), QUANTITY]))
    headline = titles(table)
    chosen: dict[Column, None] = {}
    for name in names:
        fitting = [column for column in known if _fits(name, column)]
        if not fitting:
            metrics = sorted({column.metric for column in known})
            meant = did_you_mean(name, [*metrics, *(column.full_name for column in known)])
            raise UserError(
                f"--metric {name}: no such quantity in these results{meant}",
                f"Metrics are: {', '.join(metrics) or 'none'}. A full path selects one measurement: "
                "EXPERIMENT/CODES/SUBJECT/METRIC, as in the columns of leaderboard.csv.",
            )
        fitting = [column for column in fitting if column[1:] in valued]
        if not fitting:
            raise UserError(
                f"--metric {name}: it has no value in these results",
                "`lordbench leaderboard` without --metric gives the reason below its tables.",
            )
        chosen |= dict.fromkeys([column for column in fitting if column[1:] in headline] or fitting)
    return titled(chosen, headline)


def _fits(name: str, column: Column) -> bool:
    """Whether the parts of a name are parts of the quantity, in order, the metric among them."""
    *parts, metric = name.split("/")
    rest = iter(column[1:-1])
    return metric == column.metric and all(part in rest for part in parts)


def titled(columns: Iterable[Column], headline: Mapping[tuple[str, ...], str]) -> list[Column]:
    """Give quantities their headline titles, or their full names if a title is missing or not unique."""
    named = [column._replace(title=headline.get(column[1:], "")) for column in columns]
    counts = Counter(column.title for column in named)
    return [
        column if column.title and counts[column.title] == 1 else column._replace(title=column.full_name)
        for column in named
    ]
