"""The checks of a method."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lordbench.checks.check import Check, FailedCheck, SkippedCheck, require, require_settings, require_text
from lordbench.checks.trial import BATCH, COLOURS, CPU, SHORT, Trial, state_bytes
from lordbench.data.images import ImageSet, UInt8Array
from lordbench.data.pairs import true_images
from lordbench.evaluation import inference
from lordbench.training.checkpoints import CheckpointStore, load_module, save_module
from lordbench.training.loop import LOG_STEPS, Budget, Context, Silent
from lordbench.training.method import Codes, Method, MethodConfig
from lordbench.training.precision import Precision

CLOSE = 1e-3
"""Largest difference, relative to the largest value, that sums in another order may make."""


@torch.no_grad()
def codes(trial: Trial) -> str:
    """`encode` gives two float32 codes an image, for one image and for a batch, grey and colour."""
    sizes = ""
    for what, method, images in trial.subjects():
        for batch in (images, images[:1]):
            found = method.encode(batch)
            require(isinstance(found, Codes), f"{what}: encode gives {type(found).__name__}, not Codes")
            require_codes(found, len(batch), f"{what}: encode of {_count(batch)}")
        sizes = f"class codes of {found.class_code.shape[1]}, content codes of {found.content_code.shape[1]}"
    return sizes


@torch.no_grad()
def class_of_several(trial: Trial) -> str:
    """`encode_class` gives one code for any number of images of a class: how unseen classes are entered."""
    for what, method, images in trial.subjects():
        wanted = tuple(method.encode(images).class_code.shape[1:])
        for number in (1, 3):
            code = method.encode_class(images[:number])
            _require_tensor(code, wanted, f"{what}: encode_class of {_count(images[:number])}")
    return "one code for one image and for three"


@torch.no_grad()
def images(trial: Trial) -> str:
    """`decode` gives float32 images in [0, 1], as large as those that went in: metrics expect no others."""
    for what, method, given in trial.subjects():
        for batch in (given, given[:1]):
            found = method.decode(method.encode(batch))
            _require_tensor(found, tuple(batch.shape), f"{what}: decode of the codes of {_count(batch)}")
            low, high = float(found.min()), float(found.max())
            require(
                low >= 0 and high <= 1,
                f"{what}: decode gives values from {low:.3g} to {high:.3g}; [0, 1] is needed",
                "End the decoder with torch.sigmoid, or clamp its output.",
            )
    return "of the right size, within [0, 1]"


@torch.no_grad()
def same_twice(trial: Trial) -> str:
    """`encode` and `decode` give the same again for the same input: a value in a table can be made anew."""
    for what, method, given in trial.subjects():
        first, second = method.encode(given), method.encode(given)
        require(
            equal(first, second),
            f"{what}: encode gives other codes for the same images the second time",
            "Draw no noise in encode: give the mean. Noise belongs into the loss, from batch.generator.",
        )
        require(
            torch.equal(method.decode(first), method.decode(first)),
            f"{what}: decode gives other images for the same codes the second time",
            "Draw no noise in decode.",
        )
    return "equal to the last bit"


@torch.no_grad()
def alone_or_not(trial: Trial) -> str:
    """An image's codes do not depend on the others in its batch: batches are cut as memory allows."""
    for what, method, given in trial.subjects():
        together = method.encode(given)
        alone = [method.encode(given[i : i + 1]) for i in range(len(given))]
        for name in ("class_code", "content_code"):
            beside = torch.cat([getattr(code, name) for code in alone])
            batch = getattr(together, name)
            difference = float((beside - batch).abs().max() / batch.abs().max().clamp(min=1e-6))
            require(
                difference < CLOSE,
                f"{what}: {name} of an image changes by {difference:.1%} with the batch it is in",
                "Use no statistics of the batch in encode; BatchNorm is fine in evaluation mode.",
            )
    return "the same alone and in a batch"


def equal(first: Codes, second: Codes) -> bool:
    """Whether codes are the same to the last bit."""
    return torch.equal(first.class_code, second.class_code) and torch.equal(
        first.content_code, second.content_code
    )


def require_codes(found: Codes, n: int, where: str) -> None:
    """Fail unless these are finite float32 codes (n, D) and (n, E)."""
    for name in ("class_code", "content_code"):
        code = getattr(found, name)
        shape = tuple(code.shape) if isinstance(code, Tensor) else ()
        width = shape[1] if len(shape) == 2 else "D"
        if len(shape) != 2 or shape[0] != n:
            raise FailedCheck(f"{where}: {name} is {_described(code)}; float32 ({n}, {width}) is needed")
        _require_tensor(code, shape, f"{where}: {name}")


def _require_tensor(found: object, shape: tuple[int, ...], where: str) -> None:
    wanted = f"float32 {shape} is needed"
    if not isinstance(found, Tensor) or tuple(found.shape) != shape or found.dtype != torch.float32:
        raise FailedCheck(f"{where} is {_described(found)}; {wanted}")
    require(bool(torch.isfinite(found).all()), f"{where} is NaN or infinite values")


def _count(images: Tensor) -> str:
    return "one image" if len(images) == 1 else f"{len(images)} images"


def _described(found: object) -> str:
    if not isinstance(found, Tensor):
        return type(found).__name__
    return f"{str(found.dtype).removeprefix('torch.')} {tuple(found.shape)}"


OVERSHOOT = 1.1
"""Share of its budget that a method may see: steps are whole, and so are phases."""
STOPS = (LOG_STEPS + 2, SHORT - 15)
"""Steps at which a training is interrupted: a little after a checkpoint, and late."""


def declares(trial: Trial) -> str:
    """It says in a line what it does and where it comes from, and every setting has a default."""
    require_text(trial.kind, "summary", "source")
    require_settings(trial.kind, MethodConfig)
    return f"{len(trial.kind.Config.model_fields)} settings"


def builds(trial: Trial) -> str:
    """Its networks are made in `__init__`, the same from the same seed, which the harness sets."""
    parameters = 0
    for colour in COLOURS:
        data = trial.data(colour)
        first, second = trial.build(data), trial.build(data)
        require(
            state_bytes(first) == state_bytes(second),
            f"{colour} images: built twice under one seed, the weights differ",
            "Initialise with torch's own generator only: numpy's and Python's are not seeded.",
        )
        parameters = sum(parameter.numel() for parameter in first.parameters())
    return f"{parameters:,} parameters at {trial.size} px"


def fits(trial: Trial) -> str:
    """`fit` ends on grey and on colour images, within the budget of images that all methods get alike."""
    for colour in COLOURS:
        budget = SHORT * BATCH
        method, context = trial.train(trial.data(colour), budget)
        seen = context.progress.images
        require(
            seen <= OVERSHOOT * budget,
            f"{colour} images: fit saw {seen} images; its budget is {budget}",
            "Number of steps: context.budget.steps(batch_size), or a share of it in each phase.",
        )
        for name, value in method.state_dict().items():
            finite = not value.is_floating_point() or bool(torch.isfinite(value).all())
            require(finite, f"{colour} images: after fit, {name} holds NaN or infinite values")
        trial.trained[colour] = method
    return f"{SHORT} steps of {BATCH} images, twice"


def same_training(trial: Trial) -> str:
    """The same seed gives the same weights, whatever the global generators hold: results are repeatable."""
    # Another state of the global generators than the first training met: who draws from them is found out.
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            again, _ = trial.train(trial.data())
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    _require_equal(
        trial.trained["colour"], again, "the second training under the same seed ends with others in"
    )
    return "equal to the last bit"


def resumes(trial: Trial) -> str:
    """A training that is interrupted and goes on from its checkpoint ends with the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = CheckpointStore(Path(folder) / "checkpoint.safetensors", every=-1.0)
        for stop in STOPS:
            try:
                _, context = trial.train(trial.data(), reporter=_Interrupter(stop), checkpoints=checkpoints)
            except _InterruptedError:
                continue
            if context.progress.images == 0:
                raise SkippedCheck(
                    "it does not train through context.run, so it starts over when interrupted"
                )
        resumed, _ = trial.train(trial.data(), checkpoints=checkpoints)
    _require_equal(
        trial.trained["colour"], resumed, "resumed after interruptions, training ends with others in"
    )
    return f"interrupted after {' and '.join(map(str, STOPS))} of {SHORT} steps"


def _require_equal(one: Method, other: Method, what: str) -> None:
    first, second = state_bytes(one), state_bytes(other)
    differing = [name for name in first if first[name] != second.get(name)]
    if differing:
        raise FailedCheck(
            f"{what} {len(differing)} of {len(first)} tensors, such as {differing[0]}",
            "Draw from batch.generator in the loss, elsewhere under seeds.derive(context.seed, NAME); "
            "keep nothing from step to step but parameters and buffers.",
        )


class _InterruptedError(BaseException):
    """No Exception: a method that catches those must not catch this one."""


class _Interrupter(Silent):
    """Ends training after so many steps over all phases, as a power cut would."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.begun = 0

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """Count on from the steps that a checkpoint has kept."""
        self.begun += done

    def step(self, done: int, images: int, loss: float | None) -> None:
        """Interrupt at the step."""
        self.begun += 1
        if self.begun >= self.steps:
            raise _InterruptedError


OTHER_SEED = 1
OPTIMIZED = 10 * BATCH
"""Images seen when codes of unseen images are optimized."""


@torch.no_grad()
def state(trial: Trial) -> str:
    """All it has learned is in `state_dict`, as tensors: it is kept as safetensors, never as a pickle."""
    total = 0
    for what, method, images in trial.subjects():
        odd = [name for name, value in method.state_dict().items() if not isinstance(value, torch.Tensor)]
        require(
            not odd,
            f"{what}: state_dict holds what is no tensor: {', '.join(odd)}",
            "Keep it in a buffer (register_buffer), or make it anew in __init__ from the settings.",
        )
        other = trial.build(trial.data("colour" if images.shape[1] == 3 else "grey"), seed=OTHER_SEED)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            save_module(path, method)
            total = path.stat().st_size
            load_module(path, other)
        before, after = method.encode(images), other.encode(images)
        require(
            equal(before, after) and torch.equal(method.decode(before), other.decode(after)),
            f"{what}: saved and loaded into a method built anew, it gives other codes or images",
            "What encode and decode use must be parameters or buffers: register_buffer(name, tensor).",
        )
    return f"{total / 1024:,.0f} KiB of safetensors bring back the same codes and images"


@torch.no_grad()
def learned_codes(trial: Trial) -> str:
    """`train_codes`, where a method has such, gives codes for all training images, as `encode` does."""
    method, data = trial.trained["colour"], trial.data()
    found = method.train_codes()
    if found is None:
        raise SkippedCheck("it learns no codes directly (train_codes gives None), which is fine")
    _require_fitting(found, method, data, "train_codes")
    return f"codes of {len(data)} training images"


def optimized_codes(trial: Trial) -> str:
    """`optimize_codes`, where a method has such, finds codes of unseen images; the networks stay the same."""
    method, data = trial.trained["colour"], trial.data()
    unseen = data.keep_classes(torch.arange(2).numpy())
    before = state_bytes(method)
    context = Context(CPU, Precision("float32", "cpu"), seed=0, budget=Budget(OPTIMIZED, BATCH))
    found = method.optimize_codes(unseen, context)
    if found is None:
        raise SkippedCheck("it does not optimize codes (optimize_codes gives None), which is fine")
    _require_fitting(found, method, unseen, "optimize_codes")
    if state_bytes(method) != before:
        raise FailedCheck(
            "optimize_codes changes the trained networks, and so the results of experiments after it",
            "Optimize the codes only; put requires_grad back afterwards.",
        )
    return f"codes of {len(unseen)} unseen images; the networks are as before"


def _require_fitting(found: Codes, method: Method, data: ImageSet, where: str) -> None:
    require_codes(found, len(data), where)
    like = inference.encode(method, data.images[:1], CPU)
    for name in ("class_code", "content_code"):
        mine, wanted = getattr(found, name).shape[1], getattr(like, name).shape[1]
        require(mine == wanted, f"{where}: {name} has {mine} values, that of encode {wanted}")


SHARE = 0.85
"""Of the error of the training images' mean, that a method must stay below. The mean itself has 1; after the
default budget LORD, DrNet and ML-VAE have 0.3 to 0.7."""
LATER = "If it learns more slowly, try more images (--images), or NAME[learning_rate=...]."


def learns(trial: Trial) -> str:
    """After a short training, images come back from their own codes better than the mean image would do."""
    data = trial.data()
    start = trial.build(data)
    method, _ = trial.train(data, trial.images)
    trial.trained["long"] = method
    changed = state_bytes(method) != state_bytes(start)
    outputs = inference.decode(method, inference.encode(method, data.images, CPU))
    return _held_against_mean(
        outputs,
        data.images,
        data,
        f"after {trial.images:,} images, reconstructions are",
        LATER if changed else "fit changes no parameter and no buffer: is the loss minimised at all?",
    )


def transfers(trial: Trial) -> str:
    """The class code brings the class, the content code the content: exchanged, they give the true image."""
    data, method = trial.data(), trial.trained["long"]
    content = np.arange(len(data))
    other = np.roll(content, 3 * len(data) // data.n_classes + 5)  # of another class, and another content
    codes = inference.encode(method, data.images, CPU)
    outputs = inference.decode(
        method, Codes(codes.select(other).class_code, codes.select(content).content_code)
    )
    return _held_against_mean(
        outputs,
        data.images[true_images(data, data, content, other)],
        data,
        "with the class code of another image, outputs are",
        "Does decode use both codes, and can the content code do without the class? " + LATER,
    )


def _held_against_mean(outputs: UInt8Array, truth: UInt8Array, data: ImageSet, what: str, hint: str) -> str:
    mean = data.images.astype(np.float64).mean(axis=0)
    error = np.abs(outputs.astype(np.float64) - truth).mean() / 255
    floor = np.abs(mean - truth).mean() / 255
    found = f"{what} off by {error:.3f} (L1); the mean image by {floor:.3f}"
    if error > SHARE * floor:
        raise FailedCheck(f"{found}; less than {SHARE * floor:.3f} is needed", hint)
    return found


def gpu(trial: Trial) -> str:
    """It trains and codes on a GPU too: what it makes along the way lies on the device of its input."""
    if not torch.cuda.is_available():
        raise SkippedCheck("there is no GPU here")
    device, data = torch.device("cuda"), trial.data()
    method, _ = trial.train(data, 10 * BATCH, device)
    codes = inference.encode(method, data.images, device)
    for name in ("class_code", "content_code"):
        where = getattr(codes, name).device.type
        require(where == "cuda", f"encode gives the {name.replace('_', ' ')} on {where}")
    inference.decode(method, codes)
    return torch.cuda.get_device_name(device)


METHOD_CHECKS: tuple[Check[Trial], ...] = (
    Check("describes itself", declares),
    Check("builds", builds, needs=("describes itself",)),
    Check("trains", fits, needs=("builds",)),
    Check("codes", codes, needs=("builds",)),
    Check("images", images, needs=("codes",)),
    Check("class of several", class_of_several, needs=("codes",)),
    Check("same codes again", same_twice, needs=("codes",)),
    Check("alone or in a batch", alone_or_not, needs=("same codes again",)),
    Check("same training again", same_training, needs=("trains",)),
    Check("resumes", resumes, needs=("same training again",)),
    Check("state", state, needs=("same codes again",)),
    Check("learned codes", learned_codes, needs=("trains", "codes")),
    Check("optimized codes", optimized_codes, needs=("trains", "codes")),
    Check("learns", learns, needs=("trains", "codes", "images")),
    Check("transfers", transfers, needs=("learns",)),
    Check("GPU", gpu, needs=("trains", "codes")),
)
"""In the order in which they are made."""
