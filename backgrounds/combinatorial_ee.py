"""Combinatorial background of the dielectron selection: pairs of single electrons, weighted as those of muons are.

Its numbers are those of backgrounds/combinatorial.py; [background.combinatorial_ee] can replace them.
"""

from dataclasses import replace

from . import combinatorial

background = replace(combinatorial.background, single_track="single_electron", selection="dielectron")
