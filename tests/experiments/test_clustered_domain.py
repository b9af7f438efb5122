"""Clustered domain: a method that knows the true images beats the floors; which images are compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from commandline import Run, results
from helpers import CPU, halves
from preparing import jpeg, write_tar
from torch import Tensor

from lordbench.config import registry
from lordbench.config.labels import parse_labels
from lordbench.data.images import ImageSet
from lordbench.data.splits import Split, split
from lordbench.datasets.drawings2cars import Drawings2Cars, Drawings2CarsConfig
from lordbench.evaluation.experiment import EvaluationConfig, Trained
from lordbench.evaluation.measurement import Measurement, MeasurementKey
from lordbench.evaluation.metric import PairMetric, SetMetric
from lordbench.evaluation.scoring import Scoring
from lordbench.experiments.clustered_domain import JUDGED, STYLES, ClusteredDomain, directions
from lordbench.training.method import Codes, DataSpec, Method, MethodConfig


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LORDBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        return Drawings2Cars(Drawings2CarsConfig(n_cars=6, azimuths=7, elevations=3)).load(32)


class Difference(PairMetric):
    """Mean absolute difference, as a stand-in for LPIPS."""

    higher_is_better = False
    source = "test"

    def __init__(self, device: torch.device) -> None:
        pass

    def __call__(self, fake: Tensor, real: Tensor) -> Tensor:
        return (fake - real).abs().mean(dim=(1, 2, 3))

    def policy(self) -> str:
        return "test"


class MeanColour(SetMetric):
    """Distance between mean colours."""

    higher_is_better = False
    source = "test"
    features_of = "colour"

    def __init__(self, device: torch.device) -> None:
        pass

    def features(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))

    def distance(self, fake: np.ndarray, real: np.ndarray) -> float:
        return float(np.abs(fake.mean(axis=0) - real.mean(axis=0)).sum())

    def policy(self) -> str:
        return "test"


class Oracle(Method):
    """Knows every image; its content code is the view, or (`whole`) the pair, its class code the rest."""

    def __init__(self, images: ImageSet, whole: bool) -> None:
        super().__init__(MethodConfig(), DataSpec.of(images))
        self.shape = images.images.shape[1:]
        self.register_buffer("pixels", torch.from_numpy(images.images).float().flatten(1) / 255)
        domain, pair, style = (images.attributes[name].values for name in ("domain", "pair", "style"))
        views = 1 + int(pair.max()) // (1 + int(style.max()))
        self.views, self.whole = views, whole
        self.labels = torch.from_numpy(np.stack([domain, style, pair % views], axis=1)).float()

    def fit(self, train: ImageSet, context: Any) -> None:
        """Nothing to learn."""

    def encode(self, images: Tensor) -> Codes:
        labels = self.labels[torch.cdist(images.flatten(1), self.pixels).argmin(dim=1)]
        return Codes(labels[:, :1], labels[:, 1:]) if self.whole else Codes(labels[:, :2], labels[:, 2:])

    def decode(self, codes: Codes) -> Tensor:
        domain, style, view = torch.cat([codes.class_code, codes.content_code], dim=1).round().long().T
        return self.pixels[2 * (style * self.views + view) + domain].view(-1, *self.shape)


def trained(parts: Split, method: Method | None, folder: Path) -> Trained:
    metrics = {"lpips": Difference, "colour": MeanColour, "l1": registry.find("metrics", "l1").load()}
    return Trained(
        label="oracle",
        method=method,  # type: ignore[arg-type]
        split=parts,
        device=CPU,
        seed=0,
        sizes=EvaluationConfig(pairs=100),  # type: ignore[call-arg]
        batch_size=16,
        scoring=Scoring(CPU, metrics),
        folder=folder,
    )


def measure(data: ImageSet, folder: Path, labels: str, whole: bool) -> dict[tuple[str, str], Measurement]:
    parts = split(data, "samples", 0)
    kind = parse_labels(labels)
    if kind is not None:
        parts = kind.classes(parts, 0, CPU).of(parts, labels)
    found = ClusteredDomain().run(trained(parts, Oracle(data, whole), folder))
    rows = {(row.subject, row.metric): row for row in found}
    assert len(rows) == len(found)
    return rows


WAYS = ("drawing to render", "render to drawing")


class TestOracle:
    @pytest.mark.parametrize(("labels", "whole"), [("truth", False), ("own", True), ("clusters[k=3]", True)])
    def test_true_images_are_made_and_beat_the_floor(
        self, data: ImageSet, tmp_path: Path, labels: str, whole: bool
    ) -> None:
        rows = measure(data, tmp_path, labels, whole)
        for way in WAYS:
            for metric in ("lpips", "l1"):
                assert rows[f"transfer of paired style, {way}", metric].value == 0.0
                assert rows[f"input, {way}", metric].value > 0.01
            random = f"transfer of random styles, {way}"
            assert rows[random, "domain_agreement"].value >= 0.9
            assert rows[f"real, {way}", "domain_agreement"].value == 1.0
            assert rows[f"input, {way}", "domain_agreement"].value == 0.0
            assert rows[random, "colour"].value < rows[f"input, {way}", "colour"].value / 2
            # The outputs are images that the judges have not seen either.
            for label in (*JUDGED, "all"):
                metric = f"{label}_agreement"
                ceiling = rows[f"real, {way}", metric].value
                assert rows[f"transfer of paired style, {way}", metric].value == ceiling
            assert rows[f"input, {way}", "all_agreement"].value == 0.0

    def test_a_right_style_in_another_view_is_no_translation(self, data: ImageSet, tmp_path: Path) -> None:
        rows = measure(data, tmp_path, "truth", False)
        for way in WAYS:
            other = f"random, {way}"
            assert rows[other, "domain_agreement"].value == rows[other, "style_agreement"].value == 1.0
            assert rows[other, "all_agreement"].value < 0.3
            assert rows[other, "l1"].value > 0.02

    def test_styles_of_a_domain_make_diverse_outputs_and_one_class_makes_none(
        self, data: ImageSet, tmp_path: Path
    ) -> None:
        many, one = measure(data, tmp_path, "truth", False), measure(data, tmp_path, "own", True)
        for way in WAYS:
            key = f"transfer of random styles, {way}", "diversity"
            assert many[key].value > 0.01
            assert one[key].value == 0.0
            assert many[key].n == one[key].n == 6 * 2
            assert many[key].higher_is_better is True
            assert many[f"real, {way}", "diversity"].value > many[key].value / 2

    def test_labels_are_compared_with_the_true_styles(self, data: ImageSet, tmp_path: Path) -> None:
        true, own = measure(data, tmp_path, "truth", False), measure(data, tmp_path, "own", True)
        clusters = measure(data, tmp_path, "clusters[k=3]", True)
        for domain in ("drawing", "render"):
            place = f"classes of {domain}"
            assert [found[place, "k"].value for found in (own, clusters, true)] == [1, 3, 6]
            assert [found[place, "nmi"].value for found in (own, true)] == [0.0, 1.0]
            assert 0 < clusters[place, "nmi"].value < 1
            assert own[place, "purity"].value == pytest.approx(1 / 6, abs=0.02)
            assert -1 < clusters[place, "silhouette"].value < 1
            assert (place, "silhouette") not in own

    def test_the_picture_is_drawn(self, data: ImageSet, tmp_path: Path) -> None:
        measure(data, tmp_path, "truth", False)
        assert (tmp_path / "clustered-domain.png").stat().st_size > 1000


class Apart(Oracle):
    """Says the views of each domain in numbers of its own, and counts the images of each class."""

    def __init__(self, images: ImageSet) -> None:
        super().__init__(images, whole=False)
        self.counts: list[int] = []

    def encode(self, images: Tensor) -> Codes:
        codes = super().encode(images)
        view = torch.nn.functional.one_hot(codes.content_code[:, 0].long(), self.views).float()
        domain = codes.class_code[:, :1]
        return Codes(codes.class_code, torch.cat([view * (1 - domain), view * domain], dim=1))

    def decode(self, codes: Codes) -> Tensor:
        view = codes.content_code.argmax(dim=1) % self.views
        return super().decode(Codes(codes.class_code, view[:, None].float()))

    def encode_class(self, images: Tensor) -> Tensor:
        self.counts.append(len(images))
        return super().encode_class(images)


@pytest.fixture(scope="module")
def true_parts(data: ImageSet) -> Split:
    parts, labels = split(data, "samples", 0), parse_labels("truth")
    assert labels is not None
    return labels.classes(parts, 0, CPU).of(parts, "truth")


@pytest.fixture(scope="module")
def apart(data: ImageSet) -> Apart:
    return Apart(data)


@pytest.fixture(scope="module")
def of_apart(
    true_parts: Split, apart: Apart, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], Measurement]:
    cell = trained(true_parts, apart, tmp_path_factory.mktemp("apart"))
    linear = {"probe_linear": registry.find("metrics", "probe_linear").load()}
    cell = replace(cell, scoring=Scoring(CPU, cell.scoring.kinds | linear))
    return {(row.subject, row.metric): row for row in ClusteredDomain().run(cell)}


class TestApart:
    """Codes whose views do not mean the same in both domains."""

    def test_views_are_predicted_of_held_out_images_within_a_domain_and_not_across(
        self, of_apart: dict[tuple[str, str], Measurement], true_parts: Split
    ) -> None:
        domain = true_parts.test.attributes["domain"].values
        for way, tested in zip(WAYS, ((0, 1), (1, 0)), strict=True):
            subjects = [f"view {where}, {way}" for where in ("across domains", "within the target")]
            across, within = (of_apart[subject, "probe_linear.accuracy"] for subject in subjects)
            assert within.value == 1.0
            assert across.value is not None
            assert across.value < 0.3
            for row, side in zip((across, within), tested, strict=True):
                assert 0 < row.n <= (domain == side).sum()

    def test_the_code_of_a_class_comes_from_all_its_training_images(
        self, of_apart: dict[tuple[str, str], Measurement], apart: Apart, true_parts: Split
    ) -> None:
        assert of_apart
        assert apart.counts == np.bincount(true_parts.train.classes).tolist()

    def test_images_of_one_style_are_dependent(
        self, of_apart: dict[tuple[str, str], Measurement], true_parts: Split
    ) -> None:
        styles = true_parts.test.attributes["style"].values
        for way in directions(true_parts.test, 100, 0):
            paired = of_apart[f"transfer of paired style, {way.name}", "l1"].samples
            random = of_apart[f"transfer of random styles, {way.name}", "domain_agreement"].samples
            assert paired is not None
            assert random is not None
            assert np.array_equal(paired.groups, styles[None, way.inputs])
            assert np.array_equal(random.groups, np.repeat(styles[way.inputs], STYLES)[None])

    @pytest.mark.parametrize("way", WAYS)
    def test_sets_of_methods_and_floors_are_as_large(
        self, of_apart: dict[tuple[str, str], Measurement], way: str
    ) -> None:
        """Distances of sets depend on the number of images."""
        subjects = [f"{name}, {way}" for name in ("transfer of random styles", "input", "real")]
        assert len({of_apart[subject, "colour"].n for subject in subjects}) == 1


def test_the_diversity_of_real_images_is_that_of_the_target(data: ImageSet, tmp_path: Path) -> None:
    images = data.images.copy()
    images[data.attributes["domain"].values == 0] = 200
    rows = measure(replace(data, images=images), tmp_path, "own", True)
    assert rows[f"real, {WAYS[1]}", "diversity"].value == 0.0
    assert rows[f"real, {WAYS[0]}", "diversity"].value > 0.01


@pytest.fixture(scope="module")
def of_controls(data: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    kind, labels = registry.find("methods", "control").load(), parse_labels("truth")
    parts = split(data, "samples", 0)
    parts = labels.classes(parts, 0, CPU).of(parts, "truth")
    found = {}
    for output in ("truth", "copy-a"):
        method = kind(kind.Config(output=output), DataSpec.of(parts.train))
        method.reveal(parts)
        rows = ClusteredDomain().run(trained(parts, method, tmp_path_factory.mktemp(output)))
        found[output] = {(row.subject, row.metric): row.value for row in rows}
    return found


class TestControls:
    """The shipped oracle, given true styles: the experiment can be won."""

    @pytest.mark.parametrize("way", WAYS)
    def test_the_oracle_beats_the_unchanged_input_in_every_headline(
        self, of_controls: dict[str, Any], way: str
    ) -> None:
        oracle, floor = of_controls["truth"], f"input, {way}"
        for subject, metric in (
            ("transfer of paired style", "l1"),
            ("transfer of paired style", "lpips"),
            ("transfer of random styles", "colour"),
        ):
            assert oracle[f"{subject}, {way}", metric] < oracle[floor, metric] / 2
        assert oracle[f"transfer of paired style, {way}", "all_agreement"] > 0.3
        assert oracle[floor, "all_agreement"] == 0.0

    @pytest.mark.parametrize("way", WAYS)
    def test_copying_the_input_is_read_as_the_floor(self, of_controls: dict[str, Any], way: str) -> None:
        copy = of_controls["copy-a"]
        for metric in ("l1", "lpips", "all_agreement", "domain_agreement"):
            assert copy[f"transfer of paired style, {way}", metric] == copy[f"input, {way}", metric]


class TestClusters:
    def test_they_see_styles_in_both_domains(self, data: ImageSet, tmp_path: Path) -> None:
        rows = measure(data, tmp_path, "clusters", True)
        for domain in ("drawing", "render"):
            assert rows[f"classes of {domain}", "nmi"].value > 0.7

    def test_the_content_of_a_style_is_its_view(self, data: ImageSet) -> None:
        parts = split(data, "samples", 0)
        own, true = parts.train, parse_labels("truth").classes(parts, 0, CPU).of(parts, "truth").train
        assert len(own.content_names) == 6 * 21
        assert len(true.content_names) == 21
        assert np.array_equal(true.contents, own.contents % 21)


class TestComparedImages:
    def test_an_input_is_compared_with_its_own_pair(self, data: ImageSet) -> None:
        test = split(data, "samples", 0).test
        ways = list(directions(test, 100, 0))
        assert [way.name for way in ways] == list(WAYS)
        for way in ways:
            assert (test.classes[way.inputs] == way.source).all()
            assert (test.classes[way.partners] == way.target).all()
            assert np.array_equal(test.contents[way.inputs], test.contents[way.partners])

    def test_fewer_inputs_are_the_same_for_all(self, data: ImageSet) -> None:
        test = split(data, "samples", 0).test
        few = [way.inputs for way in directions(test, 5, 0)]
        assert all(len(inputs) == 5 for inputs in few)
        again = [way.inputs for way in directions(test, 5, 0)]
        assert all(np.array_equal(a, b) for a, b in zip(few, again, strict=True))

    def test_without_pairs_only_sets_are_compared(self, data: ImageSet, tmp_path: Path) -> None:
        parts = split(data, "samples", 0)
        test = replace(parts.test, attributes={n: parts.test.attributes[n] for n in ("domain", "style")})
        found = ClusteredDomain().run(trained(replace(parts, test=test), Oracle(data, True), tmp_path))
        assert not any("paired" in row.subject for row in found)
        floor = {row.metric for row in found if row.subject == f"input, {WAYS[0]}"}
        assert floor == {"colour", "domain_agreement"}

    def test_images_without_domains_and_held_out_classes_have_no_rows(self, tmp_path: Path) -> None:
        for name in ("samples", "classes"):
            parts = split(halves(n_classes=20), name, 0)  # type: ignore[arg-type]
            assert ClusteredDomain().run(trained(parts, None, tmp_path)) == []


class TestDiversity:
    def test_it_is_the_mean_over_all_pairs_of_outputs(self) -> None:
        scoring = Scoring(CPU, {"lpips": Difference})
        outputs = np.random.default_rng(0).integers(0, 256, (40, STYLES, 3, 16, 16), dtype=np.uint8)
        row = scoring.diversity(MeasurementKey("x", "y", "encoded"), outputs, np.arange(40), 0)
        x = outputs / 255
        pairs = [np.abs(x[:, i] - x[:, j]).mean() for i in range(STYLES) for j in range(i)]
        assert row.value == pytest.approx(np.mean(pairs), rel=1e-5)
        assert row.n == 40
        assert row.ci_low < row.value < row.ci_high


class TestEdges2Shoes:
    def archive(self, folder: Path) -> Path:
        generator = np.random.default_rng(0)
        files = []
        for part, n in (("train", 12), ("val", 4)):
            for number in range(n):
                pixels = np.full((256, 512, 3), 255, np.uint8)
                pixels[60:200, 60:200] = 20
                pixels[60:200, 316:456] = [(220, 40, 40), (40, 60, 220)][number % 2]
                pixels[: 8 * number + 8] = generator.integers(200, 255)
                files.append((f"edges2shoes/{part}/{number}_AB.jpg", jpeg(pixels)))
        return write_tar(folder / "edges2shoes.tar.gz", files)

    def test_clusters_are_made_and_translated_between(self, run: Run, tmp_path: Path) -> None:
        path = self.archive(tmp_path)
        run("data", "prepare", "edges2shoes", "--from", str(path), "--no-verify", "--workers", "1")
        command = ["run", "--dataset", "edges2shoes", "--preset", "tiny.yaml", "--methods", "lord"]
        assert run(*command, "--labels", "clusters[k=2]", "--experiments", "clustered-domain") == 0
        rows = results()
        l1 = rows[rows["metric"] == "l1"].set_index("subject")["value"]
        for way in ("edge to shoe", "shoe to edge"):
            assert f"transfer of paired style, {way}" in l1.index
        assert l1.notna().all()
        assert not rows["metric"].isin(["nmi", "ari", "purity"]).any()
        lacking = rows[rows["metric"] == "diversity"]
        assert lacking["value"].isna().all()
        assert (lacking["note"] != "").all()

    def test_there_are_no_true_styles(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = self.archive(tmp_path)
        run("data", "prepare", "edges2shoes", "--from", str(path), "--no-verify", "--workers", "1")
        assert run("run", "--dataset", "edges2shoes", "--preset", "tiny.yaml", "--labels", "truth") == 2
        assert "edges2shoes: no attribute 'style', which --labels truth needs" in capsys.readouterr().err


def test_other_experiments_leave_out_unsuitable_labels_and_codes(run: Run) -> None:
    tiny = "drawings2cars[n_cars=4,azimuths=4,elevations=2]"
    command = ["run", "--dataset", tiny, "--preset", "tiny.yaml", "--methods", "lord"]
    names = "content-transfer,reconstruction"
    assert run(*command, "--labels", "own,clusters[k=2]", "--experiments", names) == 0
    rows: pd.DataFrame = results()
    transfers = rows[rows["experiment"] == "content-transfer"]
    assert set(transfers["labels"]) == {""}
    assert set(transfers["codes"]) == {"encoded", ""}
    assert set(rows.loc[rows["experiment"] == "reconstruction", "labels"]) == {"", "clusters[k=2]"}
