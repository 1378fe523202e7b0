"""The search of an analysis folder: its run, backgrounds, checks, opened regions, output and skims."""

from typing import TYPE_CHECKING

from bdana.on_demand import on_demand

if TYPE_CHECKING:
    from bdana.search.estimates import estimate_combinatorial, fit_prompt
    from bdana.search.run import run_sample

__all__ = ["estimate_combinatorial", "fit_prompt", "run_sample"]

__getattr__ = on_demand(
    __name__, {"estimates": ("estimate_combinatorial", "fit_prompt"), "run": ("run_sample",)}
)
