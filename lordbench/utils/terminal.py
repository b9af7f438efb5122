"""Output to terminals and pipes whose encoding lacks a character: a readable spelling in its place."""

import codecs
import sys
import unicodedata

from lordbench.utils.names import shown

ERRORS = "lordbench.spelled"
"""Name of the handler of encoding errors."""
SPELLINGS = {
    "↓": "v", "↑": "^", "→": "->", "←": "<-", "≈": "~", "≥": ">=", "≤": "<=", "±": "+/-", "−": "-", "×": "x",
    "·": "-", "•": "-", "✓": "+", "✗": "x", "…": "...", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"',
    "”": '"', "½": "1/2", "▽": "_", "†": "+", "█": "#", "━": "-", "╸": "-", "╺": "-", "─": "-", "│": "|",
}  # fmt: skip
BRAILLE = range(0x2800, 0x2900)
"""Rich's spinner."""


def spell_missing_characters() -> None:
    """Let stdout and stderr spell characters that their encoding lacks, so that printing cannot fail."""
    codecs.register_error(ERRORS, _spelled)
    for stream in (sys.stdout, sys.stderr):
        # A stream that a caller put in place may have no encoding.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ERRORS)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = shown(error.object[error.start : error.end])
    return "".join(map(_spelling, missing)), error.end


def _spelling(character: str) -> str:
    """ASCII text for a character: a similar one, the letter without its accents, or its number."""
    if ord(character) in BRAILLE:
        return "*"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return SPELLINGS.get(character) or plain or character.encode("ascii", "backslashreplace").decode()
