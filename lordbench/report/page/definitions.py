"""What quantities mean, in a sentence each."""

import re

METRICS = {
    "both_agreement": "Share of outputs that show both B's class and A's content, as two judges see them.",
    "class_agreement": "Share of outputs that show B's class, as a judge sees it. A copy of B is right.",
    "content_agreement": "Share of outputs that show A's content, as a judge sees it. A copy of A is right.",
    "source_agreement": "Share of outputs that a judge takes for A's class, which should not be transferred.",
    "both_accuracy": "Share of outputs with the wanted expression and A's identity, as two judges see them.",
    "expression_accuracy": "Share of outputs with the wanted expression, as a judge sees it.",
    "identity_accuracy": "Share of outputs with A's identity, as a judge sees it.",
    "all_agreement": "Share of outputs right in domain, style and view, as judges see them.",
    "l1": "Mean absolute difference from the true image, over pixels and channels; values from 0 to 1.",
    "ssim": "Structural similarity to the true image (Wang et al. 2004); 1 for equal images.",
    "psnr": "Peak signal-to-noise ratio to the true image, in dB, at most 100.",
    "lpips": "Perceptual distance to the true image by AlexNet (Zhang et al. 2018). At these sizes it mostly "
             "measures sharpness.",
    "lpips_cost": "LPIPS of the transfer less that of the method's reconstruction of the true image: what "
                  "the exchange of codes adds.",
    "fid": "Fréchet distance of outputs from real images in Inception features.",
    "fd_vgg16": "Fréchet distance of outputs from real images in VGG16 features. Compare at equal n only.",
    "kd_vgg16": "Kernel distance (squared MMD) of outputs from real images in VGG16 features.",
    "landmark_error": "Mean distance of a face's 68 landmarks from the true ones, over the distance of the "
                      "outer corners of its eyes.",
    "identity_distance": "Distance of a face's embedding from that of another photograph of B's person.",
    "face_found": "Share of outputs in which a face is found.",
    "diversity": "Mean LPIPS between outputs of one input in random styles.",
    "distance_correlation": "Squared distance correlation of the two codes; about 0 for independent ones.",
    "k": "Number of clusters that were found.",
    "silhouette": "How well clusters are separated, from -1 to 1.",
    "nmi": "Normalized mutual information of clusters and true styles, from 0 to 1.",
}  # fmt: skip
"""By the name of the metric."""
READINGS = {
    "normalized": "How well the {label} is predicted from the {code} code: 0 chance, 1 always.",
    "r2": "Share of the variance of the {label} that is predicted from the {code} code.",
    "top1": "Share of images whose nearest neighbour by the {code} code has the same {label}.",
    "average_precision": "Precision at the images of the same {label}, ranked by {code} codes, averaged.",
}  # fmt: skip
"""By the name of the metric, of a label that is read from a code."""
READ = re.compile(r"from (?P<code>class|content), (?P<label>.+)")
PROBED = re.compile(r"(class|content) from (class|content)\b(.*)")
EXPERIMENTS = {
    "one-shot": "Of transfers onto held-out classes.",
    "expression-transfer": "Of faces with another expression of the same person.",
    "faces": "An output without a face counts as a copy of the wrong image.",
    "clustered-domain": "Of translations to another domain.",
}
"""By the experiment."""
SUBJECTS = {
    r"reconstruction.*": "Of the method's reconstruction of an image from its own codes.",
    r".*, permuted": "Here codes of different images are paired, which are independent.",
    r".*, (K = \d+|all)": "Images of the class that its code comes from: {}.",
}
"""By a pattern of the subject."""
CODES = {"learned": "With codes learned in training, of training images.",
         "optimized": "With codes optimized at test time."}  # fmt: skip


def definition(experiment: str, codes: str, subject: str, metric: str) -> str:
    """Say what a quantity means, with its full name, by which `--metric` selects it."""
    restrictions = (
        text.format(*found.groups())
        for pattern, text in SUBJECTS.items()
        if (found := re.fullmatch(pattern, subject))
    )
    sentences = [_meaning(subject, metric), EXPERIMENTS.get(experiment), *restrictions, CODES.get(codes)]
    name = "/".join((experiment, codes, subject, metric))
    return " ".join([*filter(None, sentences), f"({name})"])


def _meaning(subject: str, metric: str) -> str:
    if metric in READINGS and (read := READ.fullmatch(subject)):
        return READINGS[metric].format(**read.groupdict())
    if metric.endswith(".normalized") and (probed := PROBED.match(subject)):
        label, code, rest = probed.groups()
        probe = metric.removesuffix(".normalized").removeprefix("probe_")
        what = f"How well the {probe} probe predicts the {label} from the {code} code: 0 chance, 1 always."
        if "shuffled" in rest:
            return f"{what} Here labels are shuffled: what the probe reads where there is nothing to read."
        if "drawn" in rest:
            what = f"{what} Codes are drawn from the posterior."
        return f"{what} {'Should be kept.' if label == code else 'A leak, and a lower bound of it.'}"
    if metric.endswith(".normalized"):
        return f"How well a probe predicts: {subject}. 0 chance, 1 always."
    return METRICS.get(metric, "")
