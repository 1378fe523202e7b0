"""What a search made that does not depend on declared uncertainties, kept for a search with others."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from bdana.analysis import AnalysisFolder

__all__ = ["KeptParts"]

Made = TypeVar("Made")


class KeptParts:
    """Selections and estimates of an analysis whose files do not change, each made once.

    An analysis that differs in more than [systematics] finds nothing of another one.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[str, ...], Any] = {}

    def once(self, analysis: AnalysisFolder, what: tuple[str, ...], make: Callable[[], Made]) -> Made:
        """Return what was made before for an analysis with the same cuts, numbers and samples, or make it.

        Parameters
        ----------
        analysis : AnalysisFolder
        what : tuple of str
            Names what is made.
        make : callable
            f() -> what is made.
        """
        key = (analysis.hash_without("systematics"), *what)
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made
