"""For every picture that is measured another photograph of its set: which one, and what it looks like."""

import numpy as np
from PIL import Image

from asuka.data.crops import central
from asuka.data.made import Made, Recipe
from asuka.errors import InputError
from asuka.seeding import seed_of


class Others:
    """Which one is a function of (seed, photograph's name) and of the set, in whatever order it comes.

    InputError where the set is a single photograph.
    """

    def __init__(self, pairs: Made, seed: int):
        self._source, self._seed = pairs.source, seed
        self._own = dict(zip(pairs.names, pairs.photos, strict=True))
        self._recipes = dict(sorted(zip(pairs.photos, pairs.recipes, strict=True), key=lambda known: known[0]))
        if len(self._recipes) < 2:
            raise InputError(
                f"{next(iter(self._recipes))}: is the only photograph of its set, so there is no other one; give two "
                "or more, and a new run_dir"
            )

    def photo(self, key: str) -> str:
        """The other photograph's name, for a pair or one of its windows (asuka.fill names them NAME#2, NAME#3, …)."""
        # A pair may itself be called NAME#2; then neither of the two that could be meant is taken.
        own = {self._own[name] for name in (key, key.rpartition("#")[0]) if name in self._own} or {key}
        rest = [photo for photo in self._recipes if photo not in own]
        if not rest:
            raise InputError(f"{key}: could mean {' or '.join(sorted(own))}, and there is no other; rename one of them")
        return rest[seed_of(self._seed, "other", *sorted(own)) % len(rest)]

    def picture(self, key: str, side: int) -> np.ndarray:
        """Its largest central square, scaled to `side`: uint8 RGB. InputError, naming it, where it cannot be read."""
        image, _ = self._source.picture(self._recipe(key))
        return image if image.shape[:2] == (side, side) else central(Image.fromarray(image), side)

    def mark(self, key: str) -> str:
        """The hash of what it must be made of, or else of what it is made of; "" where it cannot be read."""
        recipe = self._recipe(key)
        try:
            return recipe.sha256 or self._source.picture(recipe)[1]
        except InputError:
            return ""

    def _recipe(self, key: str) -> Recipe:
        return self._recipes[self.photo(key)]
