"""GPU models that can be compiled for without one: the properties that XLA's compiler asks for.

Source: openxla/xla, xla/backends/gpu/target_config/specs (a100_sxm_80, h100_sxm, h200, b200; read at 2026-11).
Limits: without the device nothing is tuned by trial (autotuning is off): the compiler chooses kernels by its own rules.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GpuModel:
    """A GPU as the compiler sees it.

    Attributes:
      kind: its name in JAX (`device_kind`).
      capability: CUDA compute capability.
      cores: streaming multiprocessors.
      fpus: float units of each.
      core_memory: shared memory of a multiprocessor [byte].
      block_memory: the most shared memory of a block [byte].
      cache: second-level cache [byte].
      clock_ghz: clock [GHz].
      bandwidth: of the memory [byte/s].
      memory: its size [byte].
    """

    kind: str
    capability: int
    cores: int
    fpus: int
    core_memory: int
    block_memory: int
    cache: int
    clock_ghz: float
    bandwidth: int
    memory: int


GPUS = {
    "a100": GpuModel(
        "NVIDIA A100-SXM4-80GB", 8, 108, 64, 167_936, 166_912, 41_943_040, 1.41, 2_039_040_000_000, 85_100_068_864
    ),
    "h100": GpuModel(
        "NVIDIA H100 80GB HBM3", 9, 132, 128, 233_472, 232_448, 52_428_800, 1.98, 3_352_320_000_000, 84_942_979_072
    ),
    "h200": GpuModel(
        "NVIDIA H200", 9, 132, 128, 233_472, 232_448, 52_428_800, 1.98, 4_800_000_000_000, 151_397_597_184
    ),
    "b200": GpuModel(
        "NVIDIA B200", 10, 148, 128, 233_472, 232_448, 132_644_864, 1.965, 7_672_320_000_000, 191_514_411_008
    ),
}
"""By the names of `--target gpu:NAME`."""


def target_config(gpu: GpuModel, cudnn: tuple[int, int, int]) -> str:
    """The description that `topologies.get_topology_desc` takes, in text form (a GpuTargetConfigProto).

    Args:
      gpu: the model.
      cudnn: the version of cuDNN that is installed here and compiles the attention.
    """
    major, minor, patch = cudnn
    return f"""
gpu_device_info {{
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: {gpu.core_memory}
  threads_per_core_limit: 2048
  core_count: {gpu.cores}
  fpus_per_core: {gpu.fpus}
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: {gpu.bandwidth}
  l2_cache_size: {gpu.cache}
  clock_rate_ghz: {gpu.clock_ghz}
  device_memory_size: {gpu.memory}
  shared_memory_per_block_optin: {gpu.block_memory}
  cuda_compute_capability {{ major: {gpu.capability} }}
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}}
platform_name: "CUDA"
dnn_version_info {{ major: {major} minor: {minor} patch: {patch} }}
runtime_version {{ major: 13 minor: 0 patch: 0 }}
device_description_str: "{gpu.kind}"
"""
