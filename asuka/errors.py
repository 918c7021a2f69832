"""The one exception a user should ever meet: a sentence with the value, the place and the remedy."""

import difflib


class InputError(ValueError):
    """Something outside the program is wrong: an argument, a file, a full disk. Entry points print it and exit 1."""


class InputWarning(UserWarning):
    """Something outside the program is odd, yet can be worked with: a sentence like those of InputError.

    The one channel is `warnings.warn(sentence, InputWarning)`; commands print it as a line.
    """


def nearest(word: str, choices: list[str], otherwise: str) -> str:
    """The remedy for a mistyped word: the choice most like it, or `otherwise` where none is."""
    near = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {near[0]}?" if near else otherwise
