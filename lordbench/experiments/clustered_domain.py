"""Clustered domains: translate images of one domain to another, by classes within the domains."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from typing import ClassVar

import numpy as np
import torch

from lordbench.data import ImageSet, Int64Array, Split, SplitName, UInt8Array
from lordbench.evaluation import Experiment, Measurement, MeasurementKey, Trained, inference
from lordbench.evaluation.clustering import likeness
from lordbench.evaluation.grids import Translation, translation_grids
from lordbench.evaluation.headlines import ANY, PROBE, Headline, Headlines
from lordbench.evaluation.probing import LabelProbing, Reading, of_images
from lordbench.training import Codes
from lordbench.utils import seeds

NAME = "clustered-domain"
STYLES = 4
"""Random styles that each image is translated to."""
MOST = 128
"""Most images that give the code of a class; they are encoded as one set."""
SHOWN = 4
"""Classes (rows) in the picture."""
JUDGED = ("domain", "style", "view")
"""Attributes that judges predict of translations to the paired style; all of them at once: `ALL`."""
ALL = "all_agreement"


@dataclass(frozen=True)
class Direction:
    """From one domain to another.

    Attributes:
        name: e.g. `drawing to render`.
        inputs: held-out images of the source, int64 (N,).
        partners: the held-out image of the target with the same `pair`, int64 (N,); -1 where there is none.
    """

    name: str
    source: int
    target: int
    inputs: Int64Array
    partners: Int64Array

    @property
    def paired(self) -> tuple[Int64Array, Int64Array]:
        """Inputs that have a partner, and these partners, int64 (M,) each."""
        return self.inputs[self.partners >= 0], self.partners[self.partners >= 0]


class ClusteredDomain(Experiment):
    """Translation between the domains of images that have the attribute `domain` (Gabbay & Hoshen 2020).

    An image keeps its content code and gets the code of a class of the other domain: what
    `Method.encode_class` makes of the class's training images (at most `MOST`, the same for all methods).

    The paired style is the class of the true image, where the data set has `pair`. Do judges predict that
    image's domain, style and view, and all at once (`all_agreement`, the headline)? The output is also
    compared with the image itself. Random styles are the classes of randomly drawn training images, so that
    classes are as frequent as in the data: how far are the outputs from the target domain as a set, how
    different are the outputs for one input, and does a judge predict the target domain?

    A probe of the view on content codes is fitted to training images of the target domain and tested on the
    inputs: a generator can only translate what the codes of both domains say in the same way.

    Floors: the unchanged input; a training image of the right style in another view. Ceiling: held-out images
    of the target domain.
    """

    summary: ClassVar[str] = "translate to another domain, by classes within the domains (--labels clusters)"
    headlines: ClassVar[Headlines] = {
        "translation between domains, by the class labels given to methods (on …)": (
            Headline("all right *", "encoded", "transfer of paired style, *", ALL, summary="translated *"),
            Headline("{metric} *", "encoded", "transfer of paired style, *", "l1"),
            Headline("{metric} *", "encoded", "transfer of paired style, *", "ssim"),
            Headline("diversity *", "encoded", "transfer of random styles, *", "diversity"),
            Headline("{metric} *", "encoded", "transfer of paired style, *", ANY, summary="{metric} *"),
        ),
        "class labels given to methods compared with true styles; views predicted across domains (best "
        "probe)": (
            Headline("k *", "", "classes of *", "k"),
            Headline("silhouette *", "", "classes of *", "silhouette"),
            Headline("NMI *", "", "classes of *", "nmi"),
            Headline("view across *", "encoded", "view across domains, *", PROBE),
        ),
    }

    def missing(self, images: ImageSet, split: SplitName, labels: str) -> str:
        if "domain" not in images.attributes:
            return "needs images of several domains, such as --dataset drawings2cars"
        return "" if split == "samples" else "needs --split samples"

    def run(self, trained: Trained) -> list[Measurement]:
        """Translate in all directions; nothing where there are no domains, or whole classes are held out."""
        split = trained.split
        if "domain" not in split.test.attributes or split.name != "samples":
            return []
        rows, codes = list(label_quality(split)), _class_codes(trained)
        ways = list(directions(split.test, trained.sizes.pairs, trained.seed))
        for way in ways:
            trained.log(f"{NAME}: {way.name}, {len(way.inputs)} images")
            rows += _paired(trained, way, codes)
            rows += _random(trained, way, codes)
            rows += _views(trained, way)
            rows += trained.shared(f"{NAME}: references, {way.name}", partial(_references, trained, way))
        translations = [_translation(trained, way, codes) for way in ways]
        translation_grids(translations, trained.folder / f"{NAME}.png")
        return rows


def directions(images: ImageSet, most: int, seed: int) -> Iterator[Direction]:
    """All directions between the domains of held-out images, of at most `most` images each."""
    domains = images.attributes["domain"]
    pairs = images.labels("pair")
    for source, target in permutations(np.unique(domains.values).tolist(), 2):
        name = f"{domains.name(source)} to {domains.name(target)}"
        inputs = np.flatnonzero(domains.values == source)
        inputs = np.sort(seeds.numpy_generator(seed, NAME, "inputs", name).permutation(inputs)[:most])
        partners = np.full(len(inputs), -1, dtype=np.int64)
        if pairs is not None:
            candidates = np.flatnonzero(domains.values == target)
            by_pair = dict(zip(pairs[candidates].tolist(), candidates.tolist(), strict=True))
            partners = np.array([by_pair.get(pair, -1) for pair in pairs[inputs].tolist()], dtype=np.int64)
        yield Direction(name, source, target, inputs, partners)


def label_quality(split: Split) -> Iterator[Measurement]:
    """Measure each domain's classes on training images: number, silhouette, likeness to true styles."""
    domains, styles = split.train.attributes["domain"], split.train.labels("style")
    for domain in np.unique(domains.values).tolist():
        members, name = np.flatnonzero(domains.values == domain), domains.name(domain)
        classes = split.train.classes[members]
        key = MeasurementKey(NAME, f"classes of {name}", "")
        values: dict[str, float] = {"k": len(np.unique(classes))}
        if name in split.silhouettes:
            values["silhouette"] = split.silhouettes[name]
        if styles is not None:
            values |= likeness(classes, styles[members])
        for metric, value in values.items():
            better, n = None if metric == "k" else True, len(members)
            yield Measurement(**key._asdict(), metric=metric, value=value, n=n, higher_is_better=better)


def _paired(trained: Trained, way: Direction, codes: torch.Tensor) -> Iterator[Measurement]:
    """Translate to the style of the true image, and compare with it."""
    inputs, partners = way.paired
    if len(inputs):
        key = MeasurementKey(NAME, f"transfer of paired style, {way.name}", "encoded")
        outputs = _translated(trained, codes, inputs, trained.split.test.classes[partners])
        yield from _against_partners(trained, {key: outputs}, way)


def _against_partners(
    trained: Trained, outputs: dict[MeasurementKey, UInt8Array], way: Direction
) -> Iterator[Measurement]:
    """Compare kinds of outputs, one for each paired input, with the true images; ask the judges."""
    test, (inputs, partners) = trained.split.test, way.paired
    groups = _groups(test, inputs)
    yield from trained.scoring.pairs(outputs, test.images[partners], groups, trained.seed)
    for key, images in outputs.items():
        yield from _agreements(trained, key, images, partners, groups)


def _agreements(
    trained: Trained, key: MeasurementKey, images: UInt8Array, truth: Int64Array, groups: Int64Array
) -> Iterator[Measurement]:
    """Measure how often judges predict what held-out images, int64 (N,), show: each label, and all."""
    attributes = trained.split.test.attributes
    judges = [trained.judge(label) for label in JUDGED if label in attributes]
    right = [judge.agrees(images, attributes[judge.label].values[truth]) for judge in judges]
    for judge, answers in zip(judges, right, strict=True):
        yield trained.judged(key, f"{judge.label}_agreement", answers, groups, judge)
    if len(judges) == len(JUDGED):
        yield trained.judged(key, ALL, np.all(right, axis=0), groups, *judges)


def _views(trained: Trained, way: Direction) -> list[Measurement]:
    """Probe the view on content codes: fitted in the target domain, tested on the inputs', and on itself."""
    if not {"style", "view"} <= trained.split.test.attributes.keys():
        return []
    pool, n_train = trained.pool, len(trained.split.train)
    style, view = pool.attributes["style"], pool.attributes["view"]
    images = replace(
        pool,
        classes=style.values,
        class_names=style.names or (),
        contents=view.values,
        content_names=view.names or (),
    )
    domain, is_train = pool.attributes["domain"].values, np.arange(len(pool)) < n_train
    codes = inference.join([trained.train_codes, trained.test_codes]).content_code.float().cpu().numpy()
    rows: list[Measurement] = []
    for subject, tested in (("view across domains", way.source), ("view within the target", way.target)):
        train, test = is_train & (domain == way.target), ~is_train & (domain == tested)
        key = MeasurementKey(NAME, f"{subject}, {way.name}", "encoded")
        reading = Reading(key, "content", of_images(codes), True)
        rows += LabelProbing(trained, NAME, images, train, test).read([reading])
    return rows


def _random(trained: Trained, way: Direction, codes: torch.Tensor) -> Iterator[Measurement]:
    """Translate each input to several random styles."""
    key = MeasurementKey(NAME, f"transfer of random styles, {way.name}", "encoded")
    train = trained.split.train
    members = np.flatnonzero(train.labels("domain") == way.target)
    generator = seeds.numpy_generator(trained.seed, NAME, "styles", way.name)
    classes = train.classes[generator.choice(members, (len(way.inputs), STYLES))]
    flat = _translated(trained, codes, np.repeat(way.inputs, STYLES), classes.reshape(-1))
    outputs = flat.reshape(*classes.shape, *flat.shape[1:])
    groups = _groups(trained.split.test, way.inputs)
    yield from _against_target(trained, key, outputs[:, 0], way)
    yield trained.scoring.diversity(key, outputs, groups, trained.seed)
    yield _agreement(trained, key, flat, way.target, np.repeat(groups, STYLES))


def _references(trained: Trained, way: Direction) -> list[Measurement]:
    """Measure what needs no method: floors, and held-out images of the target."""
    test, paired = trained.split.test, way.paired[0]
    floor, other_view, ceiling = (
        MeasurementKey(NAME, f"{name}, {way.name}", "") for name in ("input", "random", "real")
    )
    rows: list[Measurement] = []
    sets = {floor: test.images[way.inputs]}
    if len(paired):
        floors = {floor: test.images[paired]}
        if "style" in test.attributes:
            sets[other_view] = floors[other_view] = _other_views(trained, way)
        rows += _against_partners(trained, floors, way)
    real = np.flatnonzero(test.labels("domain") == way.target)[: len(way.inputs)]
    sets[ceiling] = test.images[real]
    rows += _agreements(trained, ceiling, sets[ceiling], real, _groups(test, real))
    for key, images in sets.items():
        rows += _against_target(trained, key, images, way)
    rows.append(_real_diversity(trained, ceiling, way))
    if not len(paired):
        rows.append(_agreement(trained, floor, sets[floor], way.target, _groups(test, way.inputs)))
    return rows


def _real_diversity(trained: Trained, key: MeasurementKey, way: Direction) -> Measurement:
    """Measure how diverse as many training images of the target are as an input is translated to."""
    train = trained.split.train
    members = np.flatnonzero(train.labels("domain") == way.target)
    generator = seeds.numpy_generator(trained.seed, NAME, "real styles", way.name)
    images = train.images[generator.choice(members, (len(way.inputs), STYLES))]
    groups = _groups(trained.split.test, way.inputs)
    return trained.scoring.diversity(key, images, groups, trained.seed)


def _other_views(trained: Trained, way: Direction) -> UInt8Array:
    """For each paired input a training image of the target with the true image's style."""
    train, test, partners = trained.split.train, trained.split.test, way.paired[1]
    target = np.flatnonzero(train.attributes["domain"].values == way.target)
    styles = train.attributes["style"].values[target]
    of_style = {style: target[styles == style] for style in np.unique(styles).tolist()}
    generator = seeds.numpy_generator(trained.seed, NAME, "other views", way.name)
    wanted = test.attributes["style"].values[partners].tolist()
    return train.images[[generator.choice(of_style.get(style, target)) for style in wanted]]


def _against_target(
    trained: Trained, key: MeasurementKey, images: UInt8Array, way: Direction
) -> Iterator[Measurement]:
    """Compare a set of images with training images of the target."""
    members = np.flatnonzero(trained.split.train.labels("domain") == way.target)
    drawn = seeds.numpy_generator(trained.seed, NAME, "real", way.target).permutation(members)
    real = trained.split.train.images[np.sort(drawn[: trained.sizes.real_images])]
    return trained.scoring.sets({key: images}, real, (trained.key, way.target))


def _agreement(
    trained: Trained, key: MeasurementKey, images: UInt8Array, domain: int, groups: Int64Array
) -> Measurement:
    """Measure how often a judge predicts a domain."""
    judge = trained.judge("domain")
    agrees = judge.agrees(images, np.full(len(images), domain, dtype=np.int64))
    return trained.judged(key, "domain_agreement", agrees, groups, judge)


def _class_codes(trained: Trained) -> torch.Tensor:
    """The code of every class, float32 (n_classes, class size)."""
    train, supports = trained.split.train, []
    for class_ in range(train.n_classes):
        generator = seeds.numpy_generator(trained.seed, NAME, "class codes", class_)
        supports.append(generator.permutation(np.flatnonzero(train.classes == class_))[:MOST])
    return inference.class_codes(trained.method, train.images, supports, trained.device)


def _translated(trained: Trained, codes: torch.Tensor, inputs: Int64Array, classes: Int64Array) -> UInt8Array:
    """Decode held-out images, int64 (N,), with the codes of classes, int64 (N,): uint8 (N, C, S, S)."""
    content = trained.test_codes.select(inputs).content_code
    class_code = codes[torch.from_numpy(classes).to(codes.device)]
    return inference.decode(trained.method, Codes(class_code, content))


def _groups(images: ImageSet, index: Int64Array) -> Int64Array:
    """Groups for intervals: images of one true style, where it is known, else single images: int64 (N,)."""
    styles = images.labels("style")
    return index if styles is None else styles[index]


def _translation(trained: Trained, way: Direction, codes: torch.Tensor) -> Translation:
    """For the picture: translate some inputs to some classes of the target."""
    train, test = trained.split.train, trained.split.test
    generator = seeds.numpy_generator(trained.seed, NAME, "picture", way.name)
    chosen = np.sort(generator.permutation(len(way.inputs))[: trained.sizes.grid[0]])
    inputs, partners = way.inputs[chosen], way.partners[chosen]
    target_classes = np.unique(train.classes[train.labels("domain") == way.target])
    classes = np.sort(generator.permutation(target_classes)[:SHOWN])
    examples = np.array([generator.choice(np.flatnonzero(train.classes == class_)) for class_ in classes])
    flat = _translated(trained, codes, np.tile(inputs, len(classes)), np.repeat(classes, len(inputs)))
    outputs = flat.reshape(len(classes), len(inputs), *flat.shape[1:])
    truth = test.images[partners] if (partners >= 0).all() else None
    name, styles = f"{way.name}, {test.name}", train.images[examples]
    return Translation(trained.label, name, test.images[inputs], styles, outputs, truth)
