"""The table of published exchanges on the page is what the code makes, and agrees with hand arithmetic."""

import pytest

from experiments.published_exchanges import BEGIN, END, PAGE, broadcast_seconds, table, up_bytes, window


def test_the_page_has_the_table():
    text = PAGE.read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0] == table(), "run python -m experiments.published_exchanges"


def test_a_window_of_covenant_by_hand():
    """72.7e9 x 64/4,096 x 14 bits are 1.988 GB: 144.6 s at 110 Mbit/s, and 19 of them 604.3 s at 500 Mbit/s."""
    own = window()
    assert up_bytes(own) == pytest.approx(1_987_890_625)
    assert own.wall_clock_s == pytest.approx(1200 + 144.574 + 604.319 + 2 * 0.02, abs=1e-2)
    assert window(bits=8).cross_datacenter_bytes == pytest.approx(own.cross_datacenter_bytes * 20 / 14)


def test_an_upload_of_145_s_misses_a_deadline_of_70_s_and_one_of_16_s_does_not():
    assert window(deadline="70 s").late_merges == 20
    assert window(up="1024 Mbit/s", deadline="70 s").late_merges == 0


def test_a_broadcast_in_shards_is_within_a_tenth_of_the_published_14_minutes():
    """62e9 bytes at 590 Mbit/s are 840.7 s; two more shards of 1 GB fill a tree of three levels."""
    assert broadcast_seconds() == pytest.approx(64 / 62 * 840.678 + 64 * 0.02, rel=1e-5)
    assert broadcast_seconds() == pytest.approx(14 * 60, rel=0.1)
