"""Eight forced host devices and a persistent compile cache for everything in this folder."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

try:
    import jax
except ModuleNotFoundError:  # the tests that need it skip themselves
    jax = None
else:
    jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_num_cpu_devices", 8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Tokenizers and texts are cached apart from the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def environment():
    """The environment of a subprocess that finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def text(tmp_path):
    """A small English text."""
    words = [
        "the",
        "river",
        "runs",
        "under",
        "the",
        "old",
        "bridge",
        "and",
        "a",
        "boat",
        "waits",
        "for",
        "the",
        "evening",
        "tide",
        "while",
        "rain",
        "falls",
        "on",
        "stone",
    ]
    lines = [" ".join(words[(i * j) % len(words)] for j in range(1, 12)) + f" {i}." for i in range(400)]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
