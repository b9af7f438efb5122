"""Template of an experiment: do codes change when an image is mirrored?

The class code should not, since a mirrored image shows the same class; the content code may.
"""

from typing import ClassVar

import numpy as np

from lordbench.evaluation import (
    Experiment,
    Headline,
    Headlines,
    Measurement,
    MeasurementKey,
    Trained,
    inference,
)


class Mine(Experiment):
    """One class per file. The file name is the name of the experiment; the class name does not matter."""

    summary: ClassVar[str] = "how far codes move when an image is mirrored"
    # The columns of its table: heading, codes, subject, metric. Plain data only.
    headlines: ClassVar[Headlines] = {
        "mirrored images": (
            Headline("class code moves", "encoded", "class code", "mirror distance"),
            Headline("content code moves", "encoded", "content code", "mirror distance"),
        )
    }

    def run(self, trained: Trained) -> list[Measurement]:
        """Evaluate a trained method on the held-out images, and return the measurements.

        `trained.method` is ready to use, `trained.split` holds the images, `trained.sizes` limits the effort.
        Leave out what needs missing labels (`split.test.contents` may be None).
        """
        test = trained.split.test
        trained.log(f"mirroring {len(test)} images")
        # The codes of the held-out images are already computed; `inference` computes others.
        before = trained.test_codes
        after = inference.encode(trained.method, np.ascontiguousarray(test.images[..., ::-1]), trained.device)
        measurements = []
        for subject, plain, mirrored in (
            ("class code", before.class_code, after.class_code),
            ("content code", before.content_code, after.content_code),
        ):
            distance = (plain - mirrored).norm(dim=1) / plain.norm(dim=1).clamp(min=1e-6)
            # The mean over images with its interval; the bootstrap resamples whole classes. Draw random
            # numbers from `lordbench.utils.seeds.numpy_generator(trained.seed, "mine")`.
            measurement = trained.scoring.mean(
                MeasurementKey("mine", subject, "encoded"),
                "mirror distance",
                distance.cpu().numpy(),
                test.classes,
                trained.seed,
                higher_is_better=None,
                policy="distance of codes, relative to their length",
            )
            measurements.append(measurement)
        return measurements
