"""One progress bar at a time: ours."""

from diffusers.utils.logging import disable_progress_bar as quiet_diffusers
from transformers.utils.logging import disable_progress_bar as quiet_transformers


def quiet_libraries() -> None:
    """Silence the bars that diffusers and transformers draw over each file they load or save."""
    quiet_diffusers()
    quiet_transformers()
