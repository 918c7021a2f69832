"""The one exception a user should ever meet: a sentence with the value, the place and the remedy."""


class InputError(ValueError):
    """Something outside the program is wrong: an argument, a file, a full disk. Entry points print it and exit 1."""
