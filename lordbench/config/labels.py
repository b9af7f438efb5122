"""Class labels given to methods in place of the data set's own: clusters, or true styles."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from lordbench.config import selectors
from lordbench.data.images import ImageSet, Int64Array
from lordbench.data.splits import Split, SplitName
from lordbench.utils import seeds
from lordbench.utils.errors import UserError, did_you_mean
from lordbench.utils.settings import validated

if TYPE_CHECKING:
    import torch

OWN_LABELS = "own"


def parse_labels(text: str) -> Labels | None:
    """Parse a selector of labels, e.g. `clusters[k=12]`; None for the data set's own, `own` or empty."""
    if text in ("", OWN_LABELS):
        return None
    selector = selectors.parse(text)
    if selector.name not in KINDS:
        raise UserError(
            f"unknown labels {selector.name!r}{did_you_mean(selector.name, KINDS)}",
            f"There are: {', '.join([OWN_LABELS, *KINDS])}.",
        )
    return validated(KINDS[selector.name], selector.settings, f"--labels {selector.name}")


@dataclass(frozen=True)
class Classes:
    """New classes of the training and the held-out images of a split: int64 (N,), indices of `names`.

    Where images have the attribute `view`, it is their content from now on: what their style does not say.
    `silhouettes` has the mean silhouette of each domain's clusters, by its name; of several clusters only.
    """

    train: Int64Array
    test: Int64Array
    names: tuple[str, ...]
    silhouettes: Mapping[str, float] = field(default_factory=dict)

    def of(self, parts: Split, labels: str) -> Split:
        """Return the split with these classes; images whose class has no training image are left out."""
        trained = np.unique(self.train)
        train, test = (
            replace(_with_views(images), classes=classes, class_names=self.names).keep_classes(trained)
            for images, classes in ((parts.train, self.train), (parts.test, self.test))
        )
        return replace(parts, train=train, test=test, labels=labels, silhouettes=self.silhouettes)


def _with_views(images: ImageSet) -> ImageSet:
    view = images.attributes.get("view")
    return images if view is None else replace(images, contents=view.values, content_names=view.names)


class Labels(BaseModel, extra="forbid", frozen=True):
    """A way to make class labels; its fields are its settings, `needs` the required attributes of images."""

    needs: ClassVar[tuple[str, ...]] = ()

    def weights(self) -> tuple[str, ...]:
        """Return the names of the required pretrained weights."""
        return ()

    @abstractmethod
    def classes(self, parts: Split, seed: int, device: torch.device) -> Classes:
        """Make the classes of a split, from its training images alone."""

    @property
    def selector(self) -> str:
        """Their name in rows: with the settings that are not the default."""
        name = next(name for name, kind in KINDS.items() if type(self) is kind)
        settings = selectors.describe(self.model_dump(exclude_defaults=True))
        return f"{name}[{settings}]" if settings else name

    def check(self, images: ImageSet, held_out: SplitName) -> None:
        """Raise UserError if images lack a required attribute, or whole classes are held out."""
        if held_out != "samples":
            raise UserError(
                f"--labels {self.selector} needs --split samples, not {held_out}",
                "Classes are made from the training images, so held-out images must have the same ones.",
            )
        for name in self.needs:
            if name not in images.attributes:
                raise UserError(
                    f"{images.name}: no attribute {name!r}, which --labels {self.selector} needs",
                    "Use other labels, or another data set: drawings2cars has domains and true styles, "
                    "edges2shoes has domains.",
                )


class Clusters(Labels, frozen=True):
    """Clusters of the images of each domain, found without labels.

    `k` is their number in each domain; None: chosen by the silhouette, for each domain. `features` are
    histograms of `colour`, or pooled features of `vgg16`.
    """

    needs: ClassVar[tuple[str, ...]] = ("domain",)
    k: int | None = Field(None, ge=1)
    features: Literal["colour", "vgg16"] = "colour"

    def weights(self) -> tuple[str, ...]:
        return ("vgg16",) if self.features == "vgg16" else ()

    def classes(self, parts: Split, seed: int, device: torch.device) -> Classes:
        """Fit clusters to the training images of each domain; held-out images take the nearest centre."""
        from lordbench.evaluation.clustering import Styles

        train, test = np.zeros(len(parts.train), np.int64), np.zeros(len(parts.test), np.int64)
        names: list[str] = []
        silhouettes = {}
        domains = parts.train.attributes["domain"]
        held_out = parts.test.attributes["domain"].values
        for domain in np.unique(domains.values):
            in_train, in_test = np.flatnonzero(domains.values == domain), np.flatnonzero(held_out == domain)
            name = domains.name(domain)
            images, style_seed = parts.train.images[in_train], seeds.derive(seed, "labels", name)
            styles = Styles(images, self.features, self.k, style_seed, device)
            train[in_train] = len(names) + styles.labels
            if len(in_test):
                test[in_test] = len(names) + styles.nearest(parts.test.images[in_test])
            names += [f"{name} {i}" for i in range(styles.k)]
            if styles.silhouette is not None:
                silhouettes[name] = styles.silhouette
        return Classes(train, test, tuple(names), silhouettes)


class Truth(Labels, frozen=True):
    """The true styles of each domain, from the data set's attribute `style`."""

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


KINDS: dict[str, type[Labels]] = {"clusters": Clusters, "truth": Truth}
