"""The log of MaxText: a line `completed step` for each step, and the configuration in front of them.

Source: MaxText's guide "Understand logs and metrics".
"""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import InputError
from .log import Asked, Found, Log, LogFormat, LoggedStep, text_of

_STEP = re.compile(r"completed step: (\d+), seconds: ([\d.]+)")
_RATE = re.compile(r"Tokens/s/device: ([\d.,]+?)(?:, |$|\s)")
_LOSS = re.compile(r"[ ,]loss: ([\d.]+)")
_PARAMS = re.compile(r"number parameters: ([\d.]+) billion")
_DEVICES = re.compile(r"Num_devices: (\d+)")
_CONFIG = re.compile(r"Config param (per_device_batch_size|max_target_length|gradient_accumulation_steps): ([\d.]+)")


def matches(content: bytes) -> bool:
    """Whether a step is completed in it."""
    return _STEP.search(content.decode("utf-8", "replace")) is not None


def read(path: Path, content: bytes, asked: Asked) -> Log:
    """The steps, and what the configuration and the first lines say."""
    steps: list[LoggedStep] = []
    found: dict[str, Found] = {}
    config: dict[str, float] = {}
    tokens: list[float] = []
    for line, text in enumerate(text_of(path, content).split("\n"), 1):
        if said := _STEP.search(text):
            seconds = float(said[2])
            if seconds <= 0:
                raise InputError(f"{path}:{line}: seconds: got {seconds:g}; a step takes more than nothing")
            loss, rate = _LOSS.search(text), _RATE.search(text)
            steps.append(LoggedStep(int(said[1]), seconds, loss=float(loss[1]) if loss else None))
            if rate:
                tokens.append(float(rate[1].replace(",", "")) * seconds)
        elif said := _PARAMS.search(text):
            found["params"] = Found(round(float(said[1]) * 1e9), "number parameters, rounded to a million")
        elif said := _DEVICES.search(text):
            found["chips"] = Found(float(said[1]), "Num_devices")
        elif said := _CONFIG.search(text):
            config[said[1]] = float(said[2])
    if not steps:
        raise InputError(f"{path}: has no line `completed step: N, seconds: S`; give the log of a run that trained")
    chips = asked.chips or (float(found["chips"].value) if "chips" in found else None)
    per_device, where = _tokens(config, tokens)
    if per_device and chips:
        found["tokens_per_step"] = Found(float(round(per_device * chips)), where)
    return Log(
        tuple(steps),
        found,
        took=("seconds of a step: seconds of `completed step`",),
        notes=("MaxText's steps hold their exchanges: those between slices, too",),
    )


def _tokens(config: dict[str, float], logged: list[float]) -> tuple[float | None, str]:
    """Tokens of a step on a device: by the configuration, else by the median of the rates."""
    if {"per_device_batch_size", "max_target_length"} <= set(config):
        accumulated = config.get("gradient_accumulation_steps", 1.0)
        product = config["per_device_batch_size"] * config["max_target_length"] * accumulated
        return product, "per_device_batch_size x max_target_length x gradient_accumulation_steps x devices"
    if logged:
        return sorted(logged)[len(logged) // 2], "Tokens/s/device x seconds x devices, as exact as both were printed"
    return None, ""


FORMATS = (LogFormat("maxtext", "the log of MaxText", "lines `completed step: N, seconds: S`", matches, read),)
