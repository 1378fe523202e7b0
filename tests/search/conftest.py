"""Tests here look at which figures there are, and at their words."""

from tests.unlaid import figures_of_words

__all__ = ["figures_of_words"]
