"""Units as plain floats in SI base units: `10 * Gbit` is 10 Gbit, or 10 Gbit/s, as `10 * Gbit / s`."""

bit = 1.0
"""A bandwidth counts bits [bit], as in `10 * Gbit` or `10 * Gbit / s`."""
kbit, Mbit, Gbit, Tbit = 1e3, 1e6, 1e9, 1e12
byte = 1.0
"""A size counts bytes [byte]; a bandwidth given in bytes is 8 times as many bits."""
kB, MB, GB, TB = 1e3, 1e6, 1e9, 1e12
KiB, MiB, GiB = 2.0**10, 2.0**20, 2.0**30
s = 1.0
"""A time counts seconds [s]."""
us, ms, minute, hour, day = 1e-6, 1e-3, 60.0, 3600.0, 86400.0
flop = 1.0
"""A speed of computing counts flops in a second [flop/s]."""
Gflop, Tflop, Pflop = 1e9, 1e12, 1e15

__all__ = [
    "GB",
    "MB",
    "TB",
    "Gbit",
    "Gflop",
    "GiB",
    "KiB",
    "Mbit",
    "MiB",
    "Pflop",
    "Tbit",
    "Tflop",
    "bit",
    "byte",
    "day",
    "flop",
    "hour",
    "kB",
    "kbit",
    "minute",
    "ms",
    "s",
    "us",
]
