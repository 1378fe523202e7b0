"""Prompt background: muons through upstream matter, unfolding, in-time pairs, and the fit of their share in DT."""

from typing import TYPE_CHECKING

from bdana.on_demand import on_demand

if TYPE_CHECKING:
    from bdana.upstream.directions import DirectionClosure, Directions, unfold_directions
    from bdana.upstream.energy_loss import COPPER, IRON, MATERIALS, Material
    from bdana.upstream.prompt import Prompt, PromptEstimate
    from bdana.upstream.prompt_parameters import PromptParameters
    from bdana.upstream.propagation import Block, MuonStates, backward, forward
    from bdana.upstream.share import PromptShare, fit_prompt_share
    from bdana.upstream.spectrum import ProductionSpectrum, UnfoldingClosure, production_spectrum
    from bdana.upstream.transfer import PromptRegion, transfer_prompt
    from bdana.upstream.unfolding import Unfolded, unfold

__all__ = [
    "COPPER",
    "IRON",
    "MATERIALS",
    "Block",
    "DirectionClosure",
    "Directions",
    "Material",
    "MuonStates",
    "ProductionSpectrum",
    "Prompt",
    "PromptEstimate",
    "PromptParameters",
    "PromptRegion",
    "PromptShare",
    "Unfolded",
    "UnfoldingClosure",
    "backward",
    "fit_prompt_share",
    "forward",
    "production_spectrum",
    "transfer_prompt",
    "unfold",
    "unfold_directions",
]

__getattr__ = on_demand(
    __name__,
    {
        "directions": (
            "DirectionClosure",
            "Directions",
            "unfold_directions",
        ),
        "energy_loss": (
            "COPPER",
            "IRON",
            "MATERIALS",
            "Material",
        ),
        "prompt": (
            "Prompt",
            "PromptEstimate",
        ),
        "prompt_parameters": ("PromptParameters",),
        "propagation": (
            "Block",
            "MuonStates",
            "backward",
            "forward",
        ),
        "share": (
            "PromptShare",
            "fit_prompt_share",
        ),
        "spectrum": (
            "ProductionSpectrum",
            "UnfoldingClosure",
            "production_spectrum",
        ),
        "transfer": (
            "PromptRegion",
            "transfer_prompt",
        ),
        "unfolding": (
            "Unfolded",
            "unfold",
        ),
    },
)
