"""Prompt background: muons through upstream matter, unfolding, in-time pairs, and the fit of their share in DT."""

from bdana.upstream.energy_loss import COPPER, IRON, MATERIALS, Material
from bdana.upstream.prompt import Prompt, PromptEstimate
from bdana.upstream.propagation import Block, MuonStates, backward, forward
from bdana.upstream.share import PromptShare, fit_prompt_share
from bdana.upstream.unfolding import Unfolded, UnfoldingClosure, unfold

__all__ = [
    "COPPER",
    "IRON",
    "MATERIALS",
    "Block",
    "Material",
    "MuonStates",
    "Prompt",
    "PromptEstimate",
    "PromptShare",
    "Unfolded",
    "UnfoldingClosure",
    "backward",
    "fit_prompt_share",
    "forward",
    "unfold",
]
