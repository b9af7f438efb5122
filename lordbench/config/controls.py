"""The controls: methods whose truth is known, by which instruments are tried. `controls` names them all."""

from collections.abc import Iterable
from typing import Any

from lordbench.config import selectors

NAME, ALL = "control", "controls"
SHARES = (0.1, 0.25, 0.5, 1.0)
"""Of the images whose content code carries the class."""
FORMS = ("linear", "curved", "spread")
"""How it is carried; the first is the default."""
SHOWN = ("blurred", "noisy", "wrong-view", "class-mean", "copy-a", "copy-b", "constant")
"""What controls show in place of the true image; the oracle, `control` itself, shows that."""


def _control(**settings: Any) -> str:
    return f"{NAME}[{selectors.describe(settings)}]"


LEAKS: dict[tuple[str, float], str] = {(FORMS[0], 0.0): NAME} | {
    (form, share): _control(leak=share) if form == FORMS[0] else _control(form=form, leak=share)
    for form in FORMS
    for share in SHARES
}
"""Controls of known leakage, by form and share; without leakage all forms are the same."""
OUTPUTS: dict[str, str] = {"truth": NAME} | {shown: _control(output=shown) for shown in SHOWN}
"""Controls of known outputs, by what they show."""
CONTROLS = tuple(dict.fromkeys([*OUTPUTS.values(), *LEAKS.values()]))


def expanded(methods: Iterable[str]) -> list[str]:
    """Replace `controls` among selectors of methods by all of them."""
    return [name for method in methods for name in (CONTROLS if method == ALL else (method,))]
