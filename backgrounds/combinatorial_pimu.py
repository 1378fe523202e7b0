"""Combinatorial background of selections/pion_lepton.py: pairs of its single tracks, weighted as those of muons are.

Its numbers are those of backgrounds/combinatorial.py; [background.combinatorial_pimu] can replace them.
"""

from dataclasses import replace

from . import combinatorial

background = replace(combinatorial.background, single_track="single_pion_lepton", selection="pion_lepton")
