"""Figures of candidates, estimates and checks, drawn with mplhep."""

from typing import TYPE_CHECKING

from bdana.on_demand import on_demand

if TYPE_CHECKING:
    from bdana.plotting.against_mass import save_mass_limits
    from bdana.plotting.comparison import save_comparison
    from bdana.plotting.counts import save_flatness, save_regions
    from bdana.plotting.event_display import save_event
    from bdana.plotting.events_left import save_cutflow
    from bdana.plotting.likelihood import save_count_probabilities, save_likelihood
    from bdana.plotting.muon_spectrum import save_unfolding
    from bdana.plotting.plane import save_plane
    from bdana.plotting.pulls import save_pulls
    from bdana.plotting.rates import save_rates
    from bdana.plotting.signal_efficiency import save_efficiency, save_resolution
    from bdana.plotting.stability import save_stability
    from bdana.plotting.without_cut import save_without_cut

__all__ = [
    "save_comparison",
    "save_count_probabilities",
    "save_cutflow",
    "save_efficiency",
    "save_event",
    "save_flatness",
    "save_likelihood",
    "save_mass_limits",
    "save_plane",
    "save_pulls",
    "save_rates",
    "save_regions",
    "save_resolution",
    "save_stability",
    "save_unfolding",
    "save_without_cut",
]

__getattr__ = on_demand(
    __name__,
    {
        "against_mass": ("save_mass_limits",),
        "comparison": ("save_comparison",),
        "counts": (
            "save_flatness",
            "save_regions",
        ),
        "event_display": ("save_event",),
        "events_left": ("save_cutflow",),
        "muon_spectrum": ("save_unfolding",),
        "plane": ("save_plane",),
        "pulls": ("save_pulls",),
        "stability": ("save_stability",),
        "without_cut": ("save_without_cut",),
        "likelihood": (
            "save_count_probabilities",
            "save_likelihood",
        ),
        "rates": ("save_rates",),
        "signal_efficiency": (
            "save_efficiency",
            "save_resolution",
        ),
    },
)
