"""Frozen networks spread over the processes of a machine: each keeps a part, and has a block whole while it runs."""

import warnings

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from asuka.errors import InputError
from asuka.training import world


def spread(stage: nn.Module, device: torch.device) -> None:
    """Spread the blocks of the stage's frozen networks (FSDP2), which move to `device` one by one.

    Blocks are what their library says must stay together (`_no_split_modules`). What is trained stays whole in every
    process, and its gradients are DDP's matter, which is told to leave the others alone: results are those of whole
    networks. From then on all processes have to run the frozen networks together. InputError where there is no block.
    """
    sizes = (world.size() // world.local_size(), world.local_size())
    mesh = init_device_mesh(device.type, sizes, mesh_dim_names=("machines", "processes"))["processes"]
    blocks = [module for module, name in _named(stage) if name and not _trained(module)]
    if not blocks:
        raise InputError("loop.frozen=spread: this stage has no frozen network with blocks; give loop.frozen=whole")
    # FLUX's blocks return views of one tensor, which nothing after them changes in place.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
    for block in reversed(blocks):  # those inside of others first
        fully_shard(block, mesh=mesh)
    apart = [name for name, value in stage.named_parameters() if isinstance(value, DTensor)]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(stage, apart)


def _named(stage: nn.Module) -> list[tuple[nn.Module, bool]]:
    """Every module, and whether it is a block of the network around it."""
    kinds: set[str] = set()
    for module in stage.modules():
        kinds |= set(getattr(module, "_no_split_modules", None) or ())
    return [(module, type(module).__name__ in kinds) for module in stage.modules()]


def _trained(module: nn.Module) -> bool:
    return any(value.requires_grad for value in module.parameters())
