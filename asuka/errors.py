"""What ends a command early: a mistake that a person can mend, or a signal; both are sentences on the terminal."""

import difflib


class InputError(ValueError):
    """Something outside the program is wrong: an argument, a file, a full disk. Entry points print it and exit 1.

    Each argument is a sentence with the value, the place and the remedy; several mistakes are told together.
    """

    def __str__(self) -> str:
        return "; ".join(map(str, self.args))


class StoppedError(Exception):
    """A run ended in good order because a signal asked for it."""


class InputWarning(UserWarning):
    """Something outside the program is odd, yet can be worked with: a sentence like those of InputError.

    The one channel is `warnings.warn(sentence, InputWarning)`; commands print it as a line.
    """


def nearest(word: str, choices: list[str], otherwise: str) -> str:
    """The remedy for a mistyped word: the choice most like it, or `otherwise` where none is."""
    near = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {near[0]}?" if near else otherwise


def said(error: Exception | str, most: int | None = 200) -> str:
    """What a library's error says, in one line of `most` characters at the longest (None: all of it); its kind where it
    says nothing."""
    return " ".join(str(error).split())[:most] or type(error).__name__
