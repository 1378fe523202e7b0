"""Masses of known particles are those of the package `particle`."""

from particle import Particle

from bdana.masses import MASS


def test_masses_are_those_of_the_particle_data_group():
    assert {number: Particle.from_pdgid(number).mass for number in MASS} == MASS
