"""Labels: what methods are told as the class, where it is not the data set's own class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from lordbench.config import selectors
from lordbench.data.images import ImageSet, Int64Array
from lordbench.data.splits import Split, SplitName
from lordbench.evaluation.clustering import Styles
from lordbench.utils import seeds
from lordbench.utils.errors import UserError, did_you_mean
from lordbench.utils.settings import validated


@dataclass(frozen=True)
class Classes:
    """New classes of the images of a split.

    Attributes:
        train: of the training images, int64 (N,), values in [0, len(names)).
        test: of the held-out images, likewise.
        names: a name for each class id.
        silhouettes: mean silhouette of the clusters of each domain, by its name, where there are several.
    """

    train: Int64Array
    test: Int64Array
    names: tuple[str, ...]
    silhouettes: Mapping[str, float] = field(default_factory=dict)

    def of(self, parts: Split, labels: str) -> Split:
        """The split with these classes, those renumbered that training has; images of others are left out."""
        train, test = (
            replace(images, classes=classes, class_names=self.names)
            for images, classes in ((parts.train, self.train), (parts.test, self.test))
        )
        learned = np.unique(self.train)
        return replace(
            parts,
            train=train.keep_classes(learned),
            test=test.keep_classes(learned),
            labels=labels,
            silhouettes=self.silhouettes,
        )


class Labels(BaseModel, ABC):
    """One way to make classes; its fields are its settings.

    Attributes:
        needs: attributes that the images must have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    needs: ClassVar[tuple[str, ...]] = ()

    def weights(self) -> tuple[str, ...]:
        """Names of the pretrained weights that are needed; without them a run stops before it begins."""
        return ()

    @abstractmethod
    def classes(self, parts: Split, seed: int, device: torch.device) -> Classes:
        """Make the classes of a split; of the held-out images nothing may be learned."""

    @property
    def selector(self) -> str:
        """How they are called in rows: the name, with settings that are not the default."""
        name = next(name for name, kind in KINDS.items() if type(self) is kind)
        settings = selectors.describe(self.model_dump(exclude_defaults=True))
        return f"{name}[{settings}]" if settings else name

    def check(self, images: ImageSet, held_out: SplitName) -> None:
        """Raise UserError where images lack an attribute that is needed, or whole classes are held out."""
        if held_out != "samples":
            raise UserError(
                f"--labels {self.selector} needs --split samples, not {held_out}",
                "Classes are made of the training images, so that held-out images have the same ones.",
            )
        for name in self.needs:
            if name not in images.attributes:
                raise UserError(
                    f"{images.name}: no attribute {name!r}, which --labels {self.selector} needs",
                    "Use other labels, or another data set: drawings2cars has domains and true styles, "
                    "edges2shoes has domains.",
                )


class Clusters(Labels):
    """Clusters of the images of each domain, found without labels.

    Attributes:
        k: clusters in each domain; chosen for each by the silhouette where it is not given.
        features: what images are clustered by: histograms of `colour`, or pooled features of `vgg16`.
    """

    needs: ClassVar[tuple[str, ...]] = ("domain",)
    k: int | None = Field(None, ge=1)
    features: Literal["colour", "vgg16"] = "colour"

    def weights(self) -> tuple[str, ...]:
        """VGG16's, for its features."""
        return ("vgg16",) if self.features == "vgg16" else ()

    def classes(self, parts: Split, seed: int, device: torch.device) -> Classes:
        """Fit clusters to the training images of each domain; held-out images take the nearest centre."""
        train, test = np.zeros(len(parts.train), np.int64), np.zeros(len(parts.test), np.int64)
        names: list[str] = []
        silhouettes = {}
        domains = parts.train.attributes["domain"]
        held_out = parts.test.attributes["domain"].values
        for domain in np.unique(domains.values):
            known, tried = np.flatnonzero(domains.values == domain), np.flatnonzero(held_out == domain)
            name = domains.name(domain)
            styles = Styles(
                parts.train.images[known], self.features, self.k, seeds.derive(seed, "labels", name), device
            )
            train[known] = len(names) + styles.labels
            if len(tried):
                test[tried] = len(names) + styles.nearest(parts.test.images[tried])
            names += [f"{name} {i}" for i in range(styles.k)]
            if styles.silhouette is not None:
                silhouettes[name] = styles.silhouette
        return Classes(train, test, tuple(names), silhouettes)


class Truth(Labels):
    """The true styles of each domain, which a data set tells as the attribute `style`."""

    needs: ClassVar[tuple[str, ...]] = ("domain", "style")

    def classes(self, parts: Split, seed: int, device: torch.device) -> Classes:
        """One class for each style in each domain."""
        both = [[images.attributes[name] for name in self.needs] for images in (parts.train, parts.test)]
        n_domains, n_styles = (
            1 + max(int(column.values.max()) for column in columns) for columns in zip(*both, strict=True)
        )
        train, test = (domain.values * n_styles + style.values for domain, style in both)
        domain, style = both[0]
        names = [f"{domain.name(d)} {style.name(s)}" for d in range(n_domains) for s in range(n_styles)]
        return Classes(train, test, tuple(names))


OWN_LABELS = "own"
KINDS: dict[str, type[Labels]] = {"clusters": Clusters, "truth": Truth}


def parse_labels(text: str) -> Labels | None:
    """Read labels from their selector, e.g. `clusters[k=12]`; None for the data set's own, `own` or empty.

    Raises:
        UserError: there are none of that name, or a setting is wrong.
    """
    if text in ("", OWN_LABELS):
        return None
    chosen = selectors.parse(text)
    if chosen.name not in KINDS:
        raise UserError(
            f"unknown labels {chosen.name!r}{did_you_mean(chosen.name, KINDS)}",
            f"There are: {', '.join([OWN_LABELS, *KINDS])}.",
        )
    return validated(KINDS[chosen.name], chosen.settings, f"--labels {chosen.name}")
