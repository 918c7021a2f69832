"""Stable Diffusion inpainting at toy size, in the real classes: 128 x 128 pixels, 32 x 32 x 4 latents."""

import json
from collections.abc import Iterable

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from asuka.diffusion.sd15 import scheduler

CONTEXT_DIM = 128
TEXT_LENGTH = 32
VOCABULARY = 512


def build_vae(channels: Iterable[int]) -> AutoencoderKL:
    """A KL autoencoder with a level for each of `channels`, so that three make factor 4, and four latent channels;
    without attention, so that it learns on small crops what holds for whole pictures."""
    channels = tuple(channels)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=channels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=128,
    )


def build_unet(channels: Iterable[int], vae: AutoencoderKL) -> UNet2DConditionModel:
    """A 9-channel U-Net for the latents of `vae`, three levels or more.

    Cross-attention on every level but the lowest, as in Stable Diffusion, and the finest: there its 1,024 places would
    cost as much as all else.
    """
    channels = tuple(channels)
    inner = len(channels) - 2
    return UNet2DConditionModel(
        sample_size=vae.config.sample_size // 2 ** (len(vae.config.block_out_channels) - 1),
        in_channels=9,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=channels,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * inner, "DownBlock2D"),
        up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * inner, "UpBlock2D"),
        cross_attention_dim=CONTEXT_DIM,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A two-layer CLIP text model for this tokenizer."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=CONTEXT_DIM,
        intermediate_size=2 * CONTEXT_DIM,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TEXT_LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def build_tokenizer(captions: Iterable[str]) -> CLIPTokenizer:
    """CLIP's byte-pair tokenizer with its merges learnt from some captions; the same captions, the same tokenizer."""
    learnt = CLIPTokenizer().train_new_from_iterator(captions, vocab_size=VOCABULARY, show_progress=False)
    merges = [tuple(pair) for pair in json.loads(learnt.backend_tokenizer.to_str())["model"]["merges"]]
    # The library numbers its alphabet in another order in each run; merges are always the same.
    special = [learnt.bos_token, learnt.eos_token]
    words = special + sorted(set(learnt.get_vocab()) - set(special))
    numbers = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=numbers, merges=merges, model_max_length=TEXT_LENGTH)


def build_scheduler() -> DDIMScheduler:
    """Stable Diffusion's noise schedule, ended in pure noise, where trailing steps start (Lin et al. 2024, "Common
    diffusion noise schedules and sample steps are flawed"), and its velocity: a small U-Net that predicts noise is a
    poor judge of colour where there is hardly anything but noise."""
    return DDIMScheduler.from_config(
        scheduler().config,
        timestep_spacing="trailing",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
    )
