"""Bands of a law of one's own hold as many new losses as they say, also where few losses tell their scatter."""

import math

import numpy as np

from sim.laws.fitting import fit, refits
from sim.laws.own import OwnLaw

NOISE, SIZES, SETS = 0.003, 4, 60


def band_holds(dice):
    """Whether the band of a power law through four noisy losses holds a fifth, of a model 2.8 times as large."""
    sizes = 35e6 * 2.0 ** np.arange(SIZES)
    law = lambda params: 18.0 * params**-0.095  # noqa: E731
    losses = law(sizes) * np.exp(NOISE * dice.standard_normal(SIZES))
    new = law(sizes[-1] * 2**1.5) * math.exp(NOISE * dice.standard_normal())
    fitted = fit("power", list(losses), N=sizes)
    known = {
        "schema": "crosshaul-law",
        "form": "power",
        "formula": fitted.form.formula,
        "coefficients": fitted.coefficients,
        "samples": refits(fitted, resamples=60, N=sizes).tolist(),
        "scatter": fitted.rms * math.sqrt(SIZES / (SIZES - 2)),
        "params": (sizes[0], sizes[-1]),
        "tokens": (1.0, 1.0),
    }
    bands = [OwnLaw.model_validate(known | more).predict(sizes[-1] * 2**1.5, 1.0) for more in ({}, {"freedom": 2})]
    return [low <= new <= high for _, low, high in bands]


def test_a_band_holds_what_it_says_although_two_losses_more_than_coefficients_tell_the_scatter():
    dice = np.random.default_rng(7)
    as_if_many, held = np.array([band_holds(dice) for _ in range(SETS)]).mean(axis=0)
    assert 0.87 <= held <= 1.0  # 0.95, two standard errors of 60 draws below and above
    assert as_if_many < 0.87
