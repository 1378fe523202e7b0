"""Tests here look at what is in figures, not at their layout."""

from tests.unlaid import figures_without_layout

__all__ = ["figures_without_layout"]
