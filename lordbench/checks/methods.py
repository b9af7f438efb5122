"""The checks of a method."""

import contextlib
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lordbench.checks.check import Check, FailedCheck, SkippedCheck, require, require_settings, require_text
from lordbench.checks.trial import BATCH, COLOURS, CPU, SHORT, Trial, state_bytes
from lordbench.data import ImageSet, UInt8Array, true_images
from lordbench.evaluation import inference
from lordbench.training import (
    Budget,
    CheckpointStore,
    Codes,
    Context,
    Method,
    MethodConfig,
    Precision,
    ranges_of,
)
from lordbench.training.checkpoints import load_module, save_module
from lordbench.training.loop import LOG_STEPS, Silent
from lordbench.utils.errors import described

CODES = ("class_code", "content_code")
OVERSHOOT = 1.1
"""Share of its budget that a method may see: steps and phases are whole."""
STOPS = (LOG_STEPS + 2, SHORT - 15)
"""Steps at which a training is interrupted: a little after a checkpoint, and late."""
CLOSE = 1e-3
"""Largest relative difference that sums in another order may make."""
OTHER_SEED = 1
OPTIMIZED = 10 * BATCH
"""Images seen when codes of unseen images are optimized."""
SHARE = 0.85
"""Of the error of the training images' mean, that a method must stay below. The mean itself has 1; after the
default budget LORD, DrNet and ML-VAE have 0.3 to 0.7."""
SLOW_HINT = "If it learns more slowly, use more images (--images), or NAME[learning_rate=...]."


def declares(trial: Trial) -> str:
    """It has a summary and a source of a line each, and every setting has a default."""
    require_text(trial.kind, "summary", "source")
    require_settings(trial.kind, MethodConfig)
    return f"{len(trial.kind.Config.model_fields)} settings"


def ranges(trial: Trial) -> str:
    """Each range holds its setting's default, and the setting accepts both ends: a search tries them."""
    config = trial.kind.Config
    declared = ranges_of(config)
    if not declared:
        raise SkippedCheck("no setting has a range, so `lordbench search` has nothing to choose")
    defaults = config()
    for name, own in declared.items():
        default = getattr(defaults, name)
        require(
            default in own,
            f"{name}: its default {default} is outside of its {own}",
            "Widen the range: a search starts from the default.",
        )
        for end in own.ends:
            try:
                accepted = getattr(config(**{name: end}), name)
            except ValueError as error:
                raise FailedCheck(
                    f"{name}: {own} includes {end}, which the setting refuses: {described(error)}",
                    "Narrow the range to what Field allows.",
                ) from error
            require(accepted == end, f"{name}: {own} includes {end}, which becomes {accepted}")
    return f"of {', '.join(declared)}"


def builds(trial: Trial) -> str:
    """Its networks are built in `__init__`, with equal weights for equal seeds, which lordbench sets."""
    for colour in COLOURS:
        data = trial.data(colour)
        first, second = trial.build(data), trial.build(data)
        require(
            state_bytes(first) == state_bytes(second),
            f"{colour} images: built twice with one seed, the weights differ",
            "Initialise with torch's own generator only: numpy's and Python's are not seeded.",
        )
    parameters = sum(parameter.numel() for parameter in first.parameters())
    return f"{parameters:,} parameters at {trial.size} px"


def fits(trial: Trial) -> str:
    """`fit` ends on grey and on colour images, within the budget of images that all methods get."""
    for colour in COLOURS:
        method, context = trial.train(trial.data(colour))
        seen, budget = context.progress.images, context.budget.images
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


@torch.no_grad()
def encodes(trial: Trial) -> str:
    """`encode` returns two float32 codes per image, for one image and for a batch, grey and colour."""
    for case, method, images in trial.subjects():
        for batch in (images, images[:1]):
            codes = method.encode(batch)
            require(isinstance(codes, Codes), f"{case}: encode gives {type(codes).__name__}, not Codes")
            _require_codes(codes, len(batch), f"{case}: encode of {_count(batch)}")
            deviations = method.deviations(batch)
            if deviations is not None:
                where = f"{case}: deviations of {_count(batch)}"
                _require_tensor(deviations.class_code, tuple(codes.class_code.shape), where)
                _require_tensor(deviations.content_code, tuple(codes.content_code.shape), where)
    return f"class codes of {codes.class_code.shape[1]}, content codes of {codes.content_code.shape[1]}"


@torch.no_grad()
def decodes(trial: Trial) -> str:
    """`decode` returns float32 images in [0, 1] of the input's size, as metrics expect."""
    for case, method, images in trial.subjects():
        for batch in (images, images[:1]):
            output = method.decode(method.encode(batch))
            _require_images(output, tuple(batch.shape), f"{case}: decode", f"the codes of {_count(batch)}")
    return "of the right size, within [0, 1]"


@torch.no_grad()
def encodes_classes(trial: Trial) -> str:
    """`encode_class` returns one code for any number of images of a class: unseen classes are coded so."""
    for case, method, images in trial.subjects():
        shape = tuple(method.encode(images).class_code.shape[1:])
        for batch in (images[:1], images[:3]):
            _require_tensor(method.encode_class(batch), shape, f"{case}: encode_class of {_count(batch)}")
    return "one code for one image and for three"


@torch.no_grad()
def same_codes(trial: Trial) -> str:
    """`encode` and `decode` return equal values for equal inputs: results must be repeatable."""
    for case, method, images in trial.subjects():
        codes = method.encode(images)
        require(
            _equal(codes, method.encode(images)),
            f"{case}: encode gives other codes for the same images the second time",
            "Draw no noise in encode: return the mean. Noise belongs into the loss, from batch.generator.",
        )
        require(
            torch.equal(method.decode(codes), method.decode(codes)),
            f"{case}: decode gives other images for the same codes the second time",
            "Draw no noise in decode.",
        )
    return "equal to the last bit"


@torch.no_grad()
def alone_or_in_batch(trial: Trial) -> str:
    """The codes of an image do not depend on its batch: batch sizes depend on the memory."""
    for case, method, images in trial.subjects():
        together, alone = method.encode(images), [method.encode(image) for image in images.split(1)]
        for name in CODES:
            batch, single = getattr(together, name), torch.cat([getattr(codes, name) for codes in alone])
            difference = float((single - batch).abs().max() / batch.abs().max().clamp(min=1e-6))
            require(
                difference < CLOSE,
                f"{case}: {name} of an image changes by {difference:.1%} with the batch it is in",
                "Use no statistics of the batch in encode; BatchNorm is fine in evaluation mode.",
            )
    return "the same alone and in a batch"


def same_training(trial: Trial) -> str:
    """Equal seeds give equal weights, whatever the state of the global generators."""
    # A state of the global generators that the first training did not have reveals who draws from them.
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
    _require_same_state(trial.trained["colour"], again, "a second training with the same seed")
    return "equal to the last bit"


def resumes(trial: Trial) -> str:
    """A training that is interrupted and resumes from its checkpoint ends with the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = CheckpointStore(Path(folder) / "checkpoint.safetensors", every=-1.0)
        for stop in STOPS:
            with contextlib.suppress(_InterruptedError):
                _, context = trial.train(trial.data(), reporter=_Interrupter(stop), checkpoints=checkpoints)
                if context.progress.images == 0:
                    message = "it does not train through context.run, so it restarts when interrupted"
                    raise SkippedCheck(message)
        resumed, _ = trial.train(trial.data(), checkpoints=checkpoints)
    _require_same_state(trial.trained["colour"], resumed, "an interrupted and resumed training")
    return f"interrupted after {' and '.join(map(str, STOPS))} of {SHORT} steps"


@torch.no_grad()
def state(trial: Trial) -> str:
    """All it has learned is in `state_dict`, as tensors: it is saved as safetensors, never as a pickle."""
    for case, method, images in trial.subjects():
        odd = [name for name, value in method.state_dict().items() if not isinstance(value, Tensor)]
        require(
            not odd,
            f"{case}: these entries of state_dict are no tensors: {', '.join(odd)}",
            "Use a buffer (register_buffer), or compute it in __init__ from the settings.",
        )
        other = trial.build(trial.data("colour" if images.shape[1] == 3 else "grey"), seed=OTHER_SEED)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            save_module(path, method)
            size = path.stat().st_size
            load_module(path, other)
        before, after = method.encode(images), other.encode(images)
        require(
            _equal(before, after) and torch.equal(method.decode(before), other.decode(after)),
            f"{case}: saved and loaded into a newly built method, it gives other codes or images",
            "What encode and decode use must be parameters or buffers: register_buffer(name, tensor).",
        )
    return f"{size / 1024:,.0f} KiB of safetensors restore the same codes and images"


@torch.no_grad()
def learned_codes(trial: Trial) -> str:
    """`train_codes`, if the method has it, returns codes of all training images, which can be decoded."""
    method, data = trial.trained["colour"], trial.data()
    codes = method.train_codes()
    if codes is None:
        raise SkippedCheck("it learns no codes directly (train_codes gives None), which is fine")
    _require_codes_as_encoded(codes, method, data, "train_codes")
    return f"codes of {len(data)} training images"


def optimized_codes(trial: Trial) -> str:
    """`optimize_codes`, if the method has it, finds codes of unseen images and changes no network."""
    method, unseen = trial.trained["colour"], trial.data().keep_classes(np.arange(2))
    before = state_bytes(method)
    context = Context(CPU, Precision("float32", "cpu"), seed=0, budget=Budget(OPTIMIZED, BATCH))
    codes = method.optimize_codes(unseen, context)
    if codes is None:
        raise SkippedCheck("it does not optimize codes (optimize_codes gives None), which is fine")
    _require_codes_as_encoded(codes, method, unseen, "optimize_codes")
    require(
        state_bytes(method) == before,
        "optimize_codes changes the trained networks, and so the results of later experiments",
        "Optimize the codes only; restore requires_grad afterwards.",
    )
    return f"codes of {len(unseen)} unseen images; the networks are unchanged"


def learns(trial: Trial) -> str:
    """After a short training, reconstructions are better than the mean image."""
    data = trial.data()
    method, _ = trial.train(data, trial.images)
    trial.trained["long"] = method
    changed = state_bytes(method) != state_bytes(trial.build(data))
    hint = SLOW_HINT if changed else "fit changes no parameter and no buffer: is the loss minimised at all?"
    outputs = inference.decode(method, inference.encode(method, data.images, CPU))
    what = f"after {trial.images:,} images, reconstructions are"
    return _require_better(outputs, data.images, data, what, hint)


def transfers(trial: Trial) -> str:
    """The class code carries the class, the content code the content: exchanged, they give the true image."""
    data, method = trial.data(), trial.trained["long"]
    content = np.arange(len(data))
    other = np.roll(content, 3 * len(data) // data.n_classes + 5)  # another class, and another content
    codes = inference.encode(method, data.images, CPU)
    outputs = inference.decode(method, Codes(codes.select(other).class_code, codes.content_code))
    truth = data.images[true_images(data, data, content, other)]
    hint = "Does decode use both codes, and is the content code free of the class? " + SLOW_HINT
    what = "with the class code of another image, outputs are"
    return _require_better(outputs, truth, data, what, hint)


def gpu(trial: Trial) -> str:
    """It trains and encodes on a GPU too: new tensors are on the device of the input."""
    if not torch.cuda.is_available():
        raise SkippedCheck("there is no GPU here")
    device, data = torch.device("cuda"), trial.data()
    method, _ = trial.train(data, 10 * BATCH, device)
    codes = inference.encode(method, data.images, device)
    for name in CODES:
        where = getattr(codes, name).device.type
        require(where == "cuda", f"encode gives the {name.replace('_', ' ')} on {where}")
    inference.decode(method, codes)
    return torch.cuda.get_device_name(device)


METHOD_CHECKS: tuple[Check[Trial], ...] = (
    Check("describes itself", declares),
    Check("ranges", ranges, needs=("describes itself",)),
    Check("builds", builds, needs=("describes itself",)),
    Check("trains", fits, needs=("builds",)),
    Check("codes", encodes, needs=("builds",)),
    Check("images", decodes, needs=("codes",)),
    Check("class of several", encodes_classes, needs=("codes",)),
    Check("same codes again", same_codes, needs=("codes",)),
    Check("alone or in a batch", alone_or_in_batch, needs=("same codes again",)),
    Check("same training again", same_training, needs=("trains",)),
    Check("resumes", resumes, needs=("same training again",)),
    Check("state", state, needs=("same codes again",)),
    Check("learned codes", learned_codes, needs=("trains", "codes")),
    Check("optimized codes", optimized_codes, needs=("trains", "codes")),
    Check("learns", learns, needs=("trains", "codes", "images")),
    Check("transfers", transfers, needs=("learns",)),
    Check("GPU", gpu, needs=("trains", "codes")),
)
"""In order."""


class _InterruptedError(BaseException):
    """Not an `Exception`, so that a method that catches those does not catch it."""


class _Interrupter(Silent):
    """Ends training after so many steps over all phases, as a power cut would."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def phase(self, name: str, steps: int, done: int, epoch_steps: float) -> None:
        """Count the steps of the checkpoint."""
        self.left -= done

    def step(self, done: int, images: int, loss: float | None) -> None:
        self.left -= 1
        if self.left <= 0:
            raise _InterruptedError


def _equal(first: Codes, second: Codes) -> bool:
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in CODES)


def _require_codes(codes: Codes, n: int, where: str) -> None:
    """Require finite float32 codes (n, D) and (n, E)."""
    for name in CODES:
        code = getattr(codes, name)
        shape = tuple(code.shape) if isinstance(code, Tensor) else ()
        if len(shape) != 2 or shape[0] != n:
            width = shape[1] if len(shape) == 2 else "D"
            raise FailedCheck(f"{where}: {name} is {_described(code)}; float32 ({n}, {width}) is needed")
        _require_tensor(code, shape, f"{where}: {name}")


def _require_images(output: Tensor, shape: tuple[int, ...], where: str, of: str) -> None:
    _require_tensor(output, shape, f"{where} of {of}")
    low, high = float(output.min()), float(output.max())
    require(
        low >= 0 and high <= 1,
        f"{where} gives values from {low:.3g} to {high:.3g}; [0, 1] is needed",
        "End the decoder with torch.sigmoid, or clamp its output.",
    )


@torch.no_grad()
def _require_codes_as_encoded(codes: Codes, method: Method, data: ImageSet, where: str) -> None:
    """Require codes of all images of a set, as long as those of `encode`, that `decode_learned` decodes."""
    _require_codes(codes, len(data), where)
    encoded = inference.encode(method, data.images[:1], CPU)
    for name in CODES:
        length, expected = getattr(codes, name).shape[1], getattr(encoded, name).shape[1]
        require(length == expected, f"{where}: {name} has {length} values, that of encode {expected}")
    output = method.decode_learned(codes[:1])
    _require_images(output, data.images[:1].shape, "decode_learned", f"the codes of {where}")


def _require_tensor(value: object, shape: tuple[int, ...], where: str) -> None:
    if not isinstance(value, Tensor) or tuple(value.shape) != shape or value.dtype != torch.float32:
        raise FailedCheck(f"{where} is {_described(value)}; float32 {shape} is needed")
    require(bool(torch.isfinite(value).all()), f"{where} holds NaN or infinite values")


def _require_same_state(first: Method, second: Method, training: str) -> None:
    states = state_bytes(first), state_bytes(second)
    differing = [name for name in states[0] if states[0][name] != states[1].get(name)]
    require(
        not differing,
        f"{training} changes {len(differing)} of {len(states[0])} tensors, such as {''.join(differing[:1])}",
        "Draw from batch.generator in the loss, elsewhere under seeds.derive(context.seed, NAME); "
        "keep nothing from step to step but parameters and buffers.",
    )


def _require_better(outputs: UInt8Array, truth: UInt8Array, data: ImageSet, what: str, hint: str) -> str:
    """Require that outputs are closer to the truth than the mean image is."""
    mean = data.images.astype(np.float64).mean(axis=0)
    error = np.abs(outputs.astype(np.float64) - truth).mean() / 255
    floor = np.abs(mean - truth).mean() / 255
    result = f"{what} off by {error:.3f} (L1); the mean image by {floor:.3f}"
    require(error <= SHARE * floor, f"{result}; less than {SHARE * floor:.3f} is needed", hint)
    return result


def _count(images: Tensor) -> str:
    return "one image" if len(images) == 1 else f"{len(images)} images"


def _described(value: object) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
