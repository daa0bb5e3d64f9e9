"""Devices that are not there, for which programs can be compiled: TPU slices by libtpu, NVIDIA GPUs by XLA's plugin.

Source: docs.jax.dev, ahead-of-time compilation for a topology; libtpu's names of chips and shapes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import jax
from jax.experimental import topologies

from sim.documents.validation import nearest
from sim.errors import InputError

from ..parallel.chips import slice_index
from .gpu_models import GPUS, target_config

_TPUS = ("v3", "v4", "v5e", "v5p", "v6e", "tpu7x")
_EXAMPLE = "tpu:v5e:16x16, tpu:v5e:16x16:2 for two slices, or gpu:h100:8"
_AUTOTUNE = "xla_gpu_autotune_level"
_MOST_GPUS = 4096


@dataclass(frozen=True)
class Target:
    """TPU slices of one shape, or GPUs of one model.

    Attributes:
      chip: libtpu's name of the chip (v5e, ...), or the GPU's.
      shape: chips along each side of a slice: 16x16; of GPUs their number.
      slices: number of slices, joined by the datacenter network.
      platform: `tpu` or `gpu`.
    """

    chip: str
    shape: str
    slices: int
    platform: Literal["tpu", "gpu"] = "tpu"

    @property
    def libraries(self) -> tuple[str, ...]:
        """Distributions whose versions decide what is compiled."""
        return ("libtpu",) if self.platform == "tpu" else ("jax-cuda13-plugin", "nvidia-cudnn-cu13")


def parse_target(text: str) -> Target:
    """Reads `tpu:CHIP:SHAPE`, `tpu:CHIP:SHAPE:SLICES` or `gpu:MODEL[:COUNT]`.

    Raises:
      InputError: it is none of them, or the chip is unknown.
    """
    if spelled := re.fullmatch(r"gpu:(\w+)(?::([1-9]\d{0,5}))?", text):
        if spelled[1] not in GPUS:
            raise InputError(f"--target: the GPU {spelled[1]!r} is unknown; {nearest(spelled[1], list(GPUS))}")
        if int(spelled[2] or 1) > _MOST_GPUS:
            raise InputError(f"--target: got {spelled[2]} GPUs; write {_MOST_GPUS} at most")
        return Target(spelled[1], spelled[2] or "1", 1, "gpu")
    if not text.startswith(("tpu:", "gpu:")) and ":" in text:
        raise InputError(f"--target: got {text!r}; only TPUs and GPUs are supported: write {_EXAMPLE}")
    spelled = re.fullmatch(r"tpu:(\w+):(\d+(?:x\d+)+)(?::([1-9]\d*))?", text)
    if spelled is None:
        raise InputError(f"--target: got {text!r}; write {_EXAMPLE}")
    if spelled[1] not in _TPUS:
        raise InputError(f"--target: the TPU {spelled[1]!r} is unknown; {nearest(spelled[1], list(_TPUS))}")
    return Target(spelled[1], spelled[2], int(spelled[3] or 1))


def target_devices(target: Target) -> list[Any]:
    """The devices of a target, slice by slice; programs can be compiled for them, but not run.

    Raises:
      InputError: the compiler is missing, or does not know the target.
    """
    # else libtpu queries a metadata server, which is absent, for minutes
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    # else libtpu refuses a second process beside one that compiles, though neither opens a chip
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
    logging.getLogger("jax").setLevel(logging.CRITICAL)  # plugins complain that their devices are absent
    _jax_on_cpu()
    return _tpus(target) if target.platform == "tpu" else _gpus(target)


def _jax_on_cpu() -> None:
    """Lets JAX look for no other devices of its own: those of the target are absent."""
    config: Any = jax.config
    with contextlib.suppress(RuntimeError):  # a backend runs already
        config.update("jax_platforms", "cpu")


def _tpus(target: Target) -> list[Any]:
    if importlib.util.find_spec("libtpu") is None:
        raise InputError("--target: libtpu, which compiles for TPUs, is not installed; pip install 'crosshaul[tpu]'")
    options: dict[str, Any] = {"num_slices": target.slices} if target.slices > 1 else {}
    if target.chip == "v4":
        options["chip_config_name"] = "megacore"  # the two cores of a chip as one device, as on a real v4
    name = f"{target.chip}:{target.shape}"
    try:
        with native_log_hidden():
            found = topologies.get_topology_desc(platform="tpu", topology_name=name, **options)
    except Exception as error:  # libtpu's own kinds of error differ between versions
        raise InputError(f"--target: libtpu does not know {name} ({_first(error)}); write {_EXAMPLE}") from None
    return sorted(found.devices, key=slice_index)


def _gpus(target: Target) -> list[Any]:
    if not has_cuda_compiler():
        raise InputError(
            "--target: the CUDA plugin of JAX, which compiles for GPUs, is not installed (no GPU or driver is needed); "
            "pip install 'crosshaul[cuda]'"
        )
    # trying kernels out needs the device
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --{_AUTOTUNE}=0".strip()
    config = target_config(GPUS[target.chip], _cudnn())
    try:
        with native_log_hidden():
            found = topologies.get_topology_desc(platform="cuda", target_config=config, topology=f"1x1x{target.shape}")
    except Exception as error:  # the plugin's kinds of error differ between versions
        raise InputError(f"--target: the CUDA plugin cannot compile for a {target.chip} ({_first(error)})") from None
    return list(found.devices)


def has_cuda_compiler() -> bool:
    """Whether JAX's CUDA plugin is installed."""
    # the package of all plugins is missing where there is none, and then what is inside cannot be asked for
    return all(importlib.util.find_spec(name) is not None for name in ("jax_plugins", "jax_plugins.xla_cuda13"))


def _cudnn() -> tuple[int, int, int]:
    """The version of cuDNN that is installed."""
    try:
        numbers = [int(part) for part in metadata.version("nvidia-cudnn-cu13").split(".")[:3]]
    except metadata.PackageNotFoundError:
        raise InputError(
            "--target: cuDNN, which compiles the attention, is not installed; pip install 'crosshaul[cuda]'"
        ) from None
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch


def _first(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


@contextlib.contextmanager
def native_log_hidden() -> Iterator[None]:
    """Hides the compilers' own log messages (about absent devices)."""
    saved = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
