"""Sealing holds chunks, a basket and the closed events, however long the file is."""

import tracemalloc

import numpy as np
import pytest

from bdana.events import write_events
from bdana.sealing.seal_file import seal
from tests.attacks.raw import like_sign
from tests.synthetic import good_bursts, records

CLUSTER = 50_000


def peak(folder, made, clusters):
    """Peak in bytes of what Python and NumPy allocate while a file of like-sign events is sealed."""
    folder.mkdir()
    cluster = records([like_sign(1)])[np.zeros(CLUSTER, dtype=np.int64)]
    write_events(folder / "run.root", (cluster for _ in range(clusters)), good_bursts(run=11001))
    tracemalloc.start()
    try:
        seal(folder / "run.root", folder, made)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.exhaustive
def test_memory_does_not_grow_with_the_file(tmp_path, sealing):
    short, long = (peak(tmp_path / f"{n}", sealing, n) for n in (10, 40))
    assert long < 1.6 * short  # how far reading is ahead of writing differs; four times the events would show
