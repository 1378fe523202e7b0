"""What a table says of the regions that were opened."""

from bdana.search.opened import OpenedRegion


def test_a_region_says_how_many_were_open_before():
    text = OpenedRegion(
        "CR3", 2, frozen_before=True, freeze=1, freezes=1, same=True, seen_before=1
    ).provenance
    assert "1 of its candidates were open before" in text
    assert (
        "open before"
        not in OpenedRegion("CR3", 2, frozen_before=True, freeze=1, freezes=1, same=True).provenance
    )
