"""The part of blinded data that can be counted: what lies outside the closed envelopes, and what was opened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bdana.display import short_repr
from bdana.reconstruction import ClusterPairs, Pairs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from bdana.events.gate import Gate
    from bdana.reconstruction import Line
    from bdana.regions import Regions

__all__ = ["OpenPart"]


@dataclass(frozen=True)
class OpenPart:
    """Which events of each region are counted. An envelope is wider than its region by a guard band.

    An event of one region that lies in the guard band of a more secret one is sealed with that one, and is counted from its
    opening on. So the number of a region is that of a part of it, as long as such a guard band is closed.

    Attributes
    ----------
    gate : Gate
        What is closed before the first opening.
    opened : mapping of str to collection of str
        By region, the stages whose events are counted in it. A region with an envelope of its own that is not here is
        closed; one without an envelope, such as `outside`, is open in any case.
    """

    gate: Gate
    opened: Mapping[str, Collection[str]]

    __repr__ = short_repr

    @property
    def envelopes(self) -> tuple[str, ...]:
        """Names of the closed envelopes, most secret first."""
        return self.gate.names

    def place(self, pairs: Pairs | ClusterPairs) -> NDArray[np.int64]:
        """Return the index in `envelopes` of the innermost one around each pair, shape (N,); their number outside all.

        The pairs count as of opposite charge, in time and of loose quality, whatever they are.

        Parameters
        ----------
        pairs : Pairs or ClusterPairs
            Extrapolated to any beam line: here it is the gate's, and so is where photons begin.
        """
        line = self.gate.beam_line
        if isinstance(pairs, ClusterPairs):
            rule = self.gate.rule_of_clusters()
            pairs = replace(
                pairs, beam_line=line, dump_point=np.array(rule.dump_point), reference_z=rule.reference_z
            )
            return rule.envelopes.secrecy(pairs.mass, pairs.centre_distance)
        if pairs.beam_line is None or not _same(pairs.beam_line, line):
            pairs = Pairs(pairs.plus, pairs.minus, line)
        return self.gate.envelopes.secrecy(pairs.z_tax, pairs.cda_tax)

    def counted(self, regions: Sequence[str]) -> NDArray[np.bool_]:
        """Tell what is counted of each region in each of `envelopes` and, last, outside them, shape (R, E + 1).

        Of a closed region that is all of it: what will be counted when everything is open.

        Parameters
        ----------
        regions : sequence of str
        """
        return np.array(
            [
                [*(self._is_closed(name) or one in self.opened.get(name, ()) for one in self.envelopes), True]
                for name in regions
            ]
        )

    def takes(self, region: NDArray[np.str_], events: ak.Array, regions: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which candidates of simulation would be counted if they were data, shape (N,): those of no closed event.

        Parameters
        ----------
        region : ndarray of str, shape (N,)
            Region of each candidate.
        events : ak.Array, type N * record
            The event of each, with the columns that decide whether it is closed.
        regions : sequence of str
            Names of all regions that are counted; a candidate of no such region is not.
        """
        of_region = region == np.array(regions)[:, np.newaxis]
        taken: NDArray[np.bool_] = (of_region & self.counted(regions)[:, self.gate.secrecy(events)]).any(
            axis=0
        )
        return taken

    def missing(self, regions: Regions) -> dict[str, tuple[str, ...]]:
        """Return by open region the stages that are not counted in it though their guard band reaches into it.

        Parameters
        ----------
        regions : Regions
            Of tracks or of clusters.
        """
        closed = self.gate.rule_of_clusters().envelopes if regions.of_clusters else self.gate.envelopes
        reached = regions.reached_by(closed)
        return {
            name: left
            for name, stages in reached.items()
            if not self._is_closed(name)
            and (left := tuple(one for one in stages if one not in self.opened.get(name, ())))
        }

    def _is_closed(self, region: str) -> bool:
        return region in self.envelopes and region not in self.opened


def _same(one: Line, other: Line) -> bool:
    return np.array_equal(one.point, other.point) and np.array_equal(one.direction, other.direction)
