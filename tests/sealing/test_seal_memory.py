"""Sealing holds chunks, a basket and the closed events, however long the file is."""

import tracemalloc

import numpy as np
import pytest

from bdana.events import BurstTable, write_events
from bdana.sealing.seal_file import seal
from tests.sealing.test_seal_file import analysis, like_sign, sealing, secrets  # noqa: F401 - fixtures
from tests.synthetic import records

CLUSTER = 50_000


def peak(folder, made, clusters):
    """Peak in bytes of what Python and NumPy allocate while a file of like-sign events is sealed."""
    folder.mkdir()
    bursts = BurstTable(
        run=np.array([11001]), burst=np.array([1]), pot=np.array([1e12]), live_time_s=np.array([3.0]),
        good=np.array([True]), downscale=np.array([np.nan]),
    )  # fmt: skip
    cluster = records([like_sign(1)])[np.zeros(CLUSTER, dtype=np.int64)]
    write_events(folder / "run.root", (cluster for _ in range(clusters)), bursts)
    tracemalloc.start()
    try:
        seal(folder / "run.root", folder, made)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.exhaustive
def test_memory_does_not_grow_with_the_file(tmp_path, sealing):  # noqa: F811
    short, long = (peak(tmp_path / f"{n}", sealing, n) for n in (10, 40))
    assert long < 1.6 * short  # how far reading is ahead of writing differs; four times the events would show
