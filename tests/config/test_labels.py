"""Labels: clusters recover planted styles, held-out images have no influence, all methods get the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commandline import TINY, Run, results
from helpers import CPU, halves

from lordbench.config.labels import parse_labels
from lordbench.data.images import TEST, TRAIN, Column, ImageSet
from lordbench.data.splits import Split, split
from lordbench.datasets.drawings2cars import Drawings2Cars, Drawings2CarsConfig
from lordbench.evaluation.clustering import Styles, colour_histograms, likeness
from lordbench.results.run_folder import Store
from lordbench.runner.plan import Request, make_plan
from lordbench.runner.run_cell import WorkerState
from lordbench.utils.errors import UserError

COLOURS = np.array([(230, 30, 30), (30, 200, 60), (40, 60, 220), (220, 210, 40), (200, 60, 210), (30,) * 3])
DRAWINGS = "drawings2cars[n_cars=4,azimuths=4,elevations=2]"


def painted(styles: np.ndarray, seed: int = 0, size: int = 16) -> np.ndarray:
    """A noisy square of a style's colour, anywhere on white: uint8 (N, 3, S, S)."""
    generator = np.random.default_rng(seed)
    images = np.full((len(styles), 3, size, size), 250.0)
    for image, style in zip(images, styles, strict=True):
        y, x = generator.integers(0, size // 2, 2)
        image[:, y : y + size // 2, x : x + size // 2] = COLOURS[style][:, None, None]
    return (images + generator.integers(-5, 6, images.shape)).clip(0, 255).astype(np.uint8)


def planted(seed: int = 0) -> ImageSet:
    """Two domains with three styles in the first and six in the second, a fifth held out."""
    generator = np.random.default_rng(seed)
    domain = np.repeat([0, 1], 150).astype(np.int64)
    style = np.concatenate([generator.permutation(np.arange(150) % n) for n in (3, 6)]).astype(np.int64)
    parts = np.where(np.arange(300) % 5 == 0, TEST, TRAIN)
    attributes = {"domain": Column(domain, ("plain", "bright")), "style": Column(style, tuple("abcdef"))}
    images = painted(style, seed)
    return ImageSet("planted", images, domain, None, ("plain", "bright"), None, "x", parts, attributes)


def labelled(labels: str, data: ImageSet | None = None, seed: int = 0) -> Split:
    kind = parse_labels(labels)
    assert kind is not None
    parts = split(data or planted(), "samples", 0)
    return kind.classes(parts, seed, CPU).of(parts, kind.selector)


class TestClusters:
    def test_planted_styles_are_found_in_training_and_held_out_images(self) -> None:
        cut = labelled("clusters")
        assert cut.train.class_names == (
            "plain 0", "plain 1", "plain 2",
            "bright 0", "bright 1", "bright 2", "bright 3", "bright 4", "bright 5",
        )  # fmt: skip
        for part in (cut.train, cut.test):
            true = 6 * part.attributes["domain"].values + part.attributes["style"].values
            assert likeness(part.classes, true) == {"nmi": 1.0, "ari": 1.0, "purity": 1.0}
        assert min(cut.silhouettes.values()) > 0.5
        assert set(cut.silhouettes) == {"plain", "bright"}

    def test_a_given_number_is_kept(self) -> None:
        assert labelled("clusters[k=2]").train.n_classes == 4
        assert labelled("clusters[k=1]").train.class_names == ("plain 0", "bright 0")

    def test_more_clusters_than_images_are_refused(self) -> None:
        with pytest.raises(UserError, match=r"200 clusters cannot be made of 1\d\d different images"):
            labelled("clusters[k=200]")

    def test_copies_of_one_image_are_one_cluster(self) -> None:
        styles = Styles(np.repeat(painted(np.array([1])), 9, axis=0), "colour", None, 0, CPU)
        assert styles.k == 1
        assert styles.silhouette is None

    def test_held_out_images_have_no_influence(self) -> None:
        data = planted()
        changed = data.images.copy()
        changed[data.parts == TEST] = 255 - changed[data.parts == TEST]
        plain, other = labelled("clusters"), labelled("clusters", replace(data, images=changed))
        assert np.array_equal(plain.train.classes, other.train.classes)
        assert not np.array_equal(plain.test.classes, other.test.classes)

    def test_labels_and_attributes_have_no_influence(self) -> None:
        data = planted()
        shuffled = data.attributes["style"].at(np.random.default_rng(0).permutation(len(data)))
        other = replace(data, attributes={**data.attributes, "style": shuffled})
        assert np.array_equal(labelled("clusters").train.classes, labelled("clusters", other).train.classes)

    def test_the_same_seed_gives_the_same(self) -> None:
        first, same, other = (labelled("clusters[k=8]", seed=seed) for seed in (0, 0, 1))
        assert np.array_equal(first.train.classes, same.train.classes)
        assert np.array_equal(first.test.classes, same.test.classes)
        assert not np.array_equal(first.train.classes, other.train.classes)

    def test_network_features_distinguish_shapes(self, real_weights: object) -> None:
        data = halves(n_classes=3, n_contents=8, size=32)
        styles = Styles(data.images, "vgg16", 3, 0, CPU)
        assert likeness(styles.labels, data.classes)["nmi"] > 0.3
        assert np.array_equal(styles.nearest(data.images), styles.labels)


class TestTruth:
    def test_every_style_of_a_domain_is_a_class(self) -> None:
        cut = labelled("truth")
        assert cut.train.class_names == ("plain a", "plain b", "plain c", *(f"bright {s}" for s in "abcdef"))
        for part in (cut.train, cut.test):
            names = [part.class_names[c] for c in part.classes]
            domains, styles = part.attributes["domain"], part.attributes["style"]
            expected = zip(domains.values, styles.values, strict=True)
            assert names == [f"{domains.name(d)} {styles.name(s)}" for d, s in expected]

    def test_held_out_images_of_a_style_that_training_lacks_are_left_out(self) -> None:
        data = planted()
        unseen = (data.attributes["style"].values == 5) & (data.classes == 1)
        cut = labelled("truth", replace(data, parts=np.where(unseen, TEST, data.parts)))
        assert cut.train.n_classes == cut.test.n_classes == 8
        assert "bright f" not in cut.test.class_names
        assert not (cut.test.attributes["style"].values == 5).any()


def test_likeness_of_known_tables() -> None:
    # By hand: two classes of 4; styles 3 + 1 and 0 + 4. Pairs together in both: 3 + 6 = 9 of 28; in classes
    # 12, in styles 3 + 10 = 13: expected 12 * 13 / 28 = 5.571, greatest 12.5.
    classes, styles = np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 1, 1, 1, 1, 1])
    found = likeness(classes, styles)
    assert found["purity"] == 7 / 8
    assert found["ari"] == pytest.approx((9 - 156 / 28) / (12.5 - 156 / 28))

    def entropy(*shares: float) -> float:
        return float(-sum(p * np.log(p) for p in shares))

    mutual = entropy(0.5, 0.5) + entropy(3 / 8, 5 / 8) - entropy(3 / 8, 1 / 8, 4 / 8)
    assert found["nmi"] == pytest.approx(2 * mutual / (entropy(0.5, 0.5) + entropy(3 / 8, 5 / 8)))


def test_purity_is_of_classes_not_of_styles() -> None:
    """One class of two equally frequent styles is half pure; two classes of one style each are pure."""
    one, two = np.zeros(4, np.int64), np.array([0, 0, 1, 1])
    assert likeness(one, two)["purity"] == 0.5
    assert likeness(two, one)["purity"] == 1


def test_distances_of_colour_histograms_are_hellingers() -> None:
    red, blue = (np.zeros((3, 4, 4), np.uint8) for _ in range(2))
    red[0], blue[2] = 255, 255
    quarter = blue.copy()
    quarter[:, 0] = red[:, 0]
    mostly_blue, all_red, all_blue = colour_histograms(np.stack([quarter, red, blue]), CPU)
    assert (mostly_blue**2).sum() == pytest.approx(1)
    assert ((all_red - all_blue) ** 2).sum() == pytest.approx(2)
    # 2 - 2 times the sum of the square roots of products of shares: 1/4 with red, 3/4 with blue.
    assert ((mostly_blue - all_red) ** 2).sum() == pytest.approx(2 - 2 * np.sqrt(1 / 4))
    assert ((mostly_blue - all_blue) ** 2).sum() == pytest.approx(2 - 2 * np.sqrt(3 / 4))


class TestSelectors:
    @pytest.mark.parametrize(
        ("written", "selector"),
        [("clusters", "clusters"), ("clusters[features=colour]", "clusters"), ("truth", "truth"),
         ("clusters[k=12,features=vgg16]", "clusters[features=vgg16,k=12]")],
    )  # fmt: skip
    def test_a_selector_names_the_settings_that_differ(self, written: str, selector: str) -> None:
        kind = parse_labels(written)
        assert kind is not None
        assert kind.selector == selector
        assert parse_labels(selector) == kind

    def test_own_labels_need_no_settings(self) -> None:
        assert parse_labels("") is None
        assert parse_labels("own") is None

    @pytest.mark.parametrize("wrong", ["cluster", "clusters[k=0]", "clusters[n=3]", "truth[k=3]"])
    def test_an_error_names_what_is_wrong(self, wrong: str) -> None:
        with pytest.raises(UserError, match=r"did you mean clusters|k: |unknown setting"):
            parse_labels(wrong)


class TestCommand:
    def test_every_method_of_a_seed_gets_the_same_classes_and_rows_name_them(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["run", "--dataset", DRAWINGS, "--preset", "tiny.yaml", "--experiments", "clustered-domain"]
        labels = ["--labels", "own,clusters[k=3]"]
        assert run(*command, *labels, "--methods", "lord,mlvae") == 0
        said = capsys.readouterr()
        for line in ("lord on clusters[k=3]", "mlvae on clusters[k=3]"):
            assert line in said.err
        rows = results()
        assert set(rows["labels"]) == {"", "clusters[k=3]"}
        assert rows["cell"].nunique() == 4
        quality = rows[rows["subject"].str.startswith("classes of")]
        assert (quality.groupby(["labels", "subject", "metric"])["value"].nunique() == 1).all()
        k = quality[quality["metric"] == "k"].groupby("labels")["value"].unique()
        assert {name: values.tolist() for name, values in k.items()} == {"": [1.0], "clusters[k=3]": [3.0]}
        references = rows[rows["codes"].eq("") & rows["subject"].str.contains(" to ") & rows["value"].notna()]
        assert len(references) > 0
        assert (references.groupby(["subject", "metric"])["value"].nunique() == 1).all()
        assert run(*command, *labels, "--methods", "lord,mlvae") == 0
        assert "nothing: done before" in capsys.readouterr().err

    def test_seeds_of_one_process_have_classes_of_their_own_training_images(self, run: Run) -> None:
        request = Request(
            ["lord"], DRAWINGS, "tiny.yaml", ["clustered-domain"], [0, 1], labels=["clusters[k=3]"]
        )
        cells = make_plan(request).cells
        images = Drawings2Cars(Drawings2CarsConfig(n_cars=4, azimuths=4, elevations=2)).load(16)
        assert [cell.seed for cell in cells] == [0, 1]
        shared = WorkerState(Store(Path("runs")), "cpu")
        for cell in cells:
            alone = WorkerState(Store(Path("runs")), "cpu").split(cell, images)
            found = shared.split(cell, images)
            assert np.array_equal(found.train.classes, alone.train.classes)
            assert np.array_equal(found.test.classes, alone.test.classes)

    def test_a_set_without_domains_is_refused_before_training(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*TINY, "--labels", "clusters") == 2
        said = capsys.readouterr().err
        assert "halves: no attribute 'domain', which --labels clusters needs" in said
        assert "drawings2cars" in said

    def test_held_out_classes_are_refused_before_training(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("run", "--dataset", DRAWINGS, "--preset", "tiny.yaml", "--labels", "truth",
                   "--split", "classes") == 2  # fmt: skip
        assert "--labels truth needs --split samples" in capsys.readouterr().err

    def test_missing_weights_stop_the_run_before_training(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        labels = ["--labels", "clusters[features=vgg16]"]
        assert run("run", "--dataset", DRAWINGS, "--preset", "tiny.yaml", "--methods", "lord", *labels) == 2
        assert "vgg16" in capsys.readouterr().err
