"""Functions of an analysis as variables, and distributions without one of the cuts: bins, weights, closed regions, mistakes."""

import re
from dataclasses import replace
from pathlib import Path

import hist
import numpy as np
import pytest

import bdana
from bdana.errors import BlindingError, ConfigError, UserCodeError
from bdana.selection import Distributions, Filled, Selection, Variable, WithoutCut, border
from tests.synthetic import dimuon_event, records

ANALYSIS = bdana.load(bdana.analysis.template_folder())
SELECTION, PAR = ANALYSIS.selection("dimuon")
LAV = Variable("lav", "time to the LAV", "ns", bins=4, low=0.0, high=20.0, function="lav_dt")
E_OVER_P = Variable("e_over_p", "E/p", "", bins=10, low=0.0, high=1.0, function="lkr_e_over_p")
MASS = Variable("mass", "mass", "MeV", bins=3, low=0.0, high=9000.0)


def shown(regions=ANALYSIS.regions.names):
    without = {"lav": WithoutCut("lav_veto", LAV), "mass": WithoutCut("trigger_time", MASS)}
    return Distributions({"e_over_p": E_OVER_P}, without, tuple(regions))


def events():
    """Four that pass, one that a LAV hit vetoes, one out of time with the trigger, one with both, each with its weight."""
    made = [dimuon_event(i) | {"weight": 1.0 + i} for i in range(7)]
    made[4]["lav"] = [{"time": 16.0}, {"time": -80.0}]
    made[5]["trigger_time"] = 40.0
    made[6] |= {"lav": [{"time": 16.0}], "trigger_time": 40.0}
    return records(made)


def selected(part=slice(None), regions=ANALYSIS.regions.names, gate=None):
    return SELECTION.apply(events()[part], PAR, ANALYSIS.setup, gate, distributions=shown(regions)).filled


def test_a_pair_is_filled_without_a_cut_if_it_fails_this_one_alone_or_none():
    filled = selected()
    passing = 1.0 + 2.0 + 3.0 + 4.0
    assert filled["n-1/lav/every"].sum_w.sum() == passing + 5.0
    assert filled["n-1/lav/passed"].sum_w.sum() == passing
    second = (
        filled["n-1/lav/every"].sum_w[:, 2].sum()
    )  # 6 ns is in the second of the bins of 5 ns, behind the underflow
    assert second == 5.0
    assert filled["n-1/lav/every"].sum_w2[:, 2].sum() == 25.0
    assert filled["n-1/lav/every"].sum_w[:, -1].sum() == passing  # 50 ns away
    assert filled["n-1/mass/every"].sum_w.sum() == passing + 6.0
    assert filled["e_over_p"].sum_w.sum() == 2 * passing  # both tracks


def test_the_parts_of_the_events_add_up():
    whole = selected()
    for name, one in (Selected(selected(slice(0, 3))) + Selected(selected(slice(3, None)))).items():
        np.testing.assert_allclose(one.sum_w, whole[name].sum_w)


class Selected(dict):
    def __add__(self, other):
        return {name: one + other[name] for name, one in self.items()}


def test_a_closed_region_is_not_filled():
    open_only = [name for name in ANALYSIS.regions.names if name != "SR"]
    everything, rest = selected(), selected(regions=open_only)
    for name, one in rest.items():
        kept = [ANALYSIS.regions.names.index(region) for region in open_only]
        np.testing.assert_array_equal(one.sum_w, everything[name].sum_w[kept])
    assert (
        everything["n-1/lav/every"].sum_w[ANALYSIS.regions.names.index("SR")].sum() > 0
    )  # where these pairs lie


def test_a_pair_that_the_gate_says_is_closed_stops_the_selection():
    gate = ANALYSIS.policy.gate(ANALYSIS.detector)
    vetoed = events()[4:5]  # no candidate, but n-1
    with pytest.raises(BlindingError, match="closed pairs in open data"):
        SELECTION.apply(vetoed, PAR, ANALYSIS.setup, gate, distributions=shown())
    assert not SELECTION.apply(vetoed, PAR, ANALYSIS.setup, gate).filled


@pytest.mark.parametrize("value", [-1.0, 0.0, 4.999, 5.0, 19.999, 20.0, 25.0, np.nan, np.inf, -np.inf])
def test_bins_are_those_of_hist(value):
    filled = Filled.of(LAV, ["CR"], np.array(["CR"]), np.array([[value]]), np.array([2.0]))
    reference = hist.Hist(hist.axis.Regular(4, 0.0, 20.0), storage=hist.storage.Weight()).fill(
        value, weight=2.0
    )
    made = filled.histogram(LAV, ["CR"])["CR", :]
    np.testing.assert_array_equal(made.values(flow=True), reference.values(flow=True))
    np.testing.assert_array_equal(made.variances(flow=True), reference.variances(flow=True))


def test_borders_have_the_unit_of_the_axis():
    metres = Variable("z_vertex", "z", "m", bins=2, low=0.0, high=200.0)
    millimetres = replace(metres, unit="mm", high=2e5)
    assert border("min_z_vertex_m", PAR, metres) == PAR.min_z_vertex_m
    assert border("min_z_vertex_m", PAR, millimetres) == 1000.0 * PAR.min_z_vertex_m
    assert border("-max_dt_ns", PAR, LAV) == -PAR.max_dt_ns
    assert border("min_p_gev", PAR, replace(MASS, unit="GeV")) == PAR.min_p_gev
    assert border("max_e_over_p", PAR, E_OVER_P) == PAR.max_e_over_p
    assert border("of_another_selection_mm", PAR, metres) is None
    with pytest.raises(ConfigError, match="max_dt_ns is in ns, and the axis in m"):
        border("max_dt_ns", PAR, metres)
    with pytest.raises(ConfigError, match="straw1_separation is no number"):
        border("straw1_separation", PAR, metres)


def test_a_function_of_the_wrong_kind_is_told():
    @bdana.track_quantity("tracks.chi2")
    def nothing(tracks, par):
        pass

    @bdana.pair_quantity()
    def too_many(pairs, par):
        return np.ones(len(pairs) + 1)

    for wrong, said in (
        (nothing, "quantity nothing returns None"),
        (too_many, "quantity too_many returns numbers of shape"),
    ):
        axis = replace(E_OVER_P, function=wrong.name)
        with pytest.raises(UserCodeError, match=said):
            replace(SELECTION, quantities=(wrong,)).apply(
                events(),
                PAR,
                ANALYSIS.setup,
                distributions=Distributions({"x": axis}, {}, ANALYSIS.regions.names),
            )
    with pytest.raises(UserCodeError, match=r"did you mean .tracks\.chi2"):
        bdana.track_quantity("tracks.chi")(lambda tracks, par: tracks.chi2)
    with pytest.raises(UserCodeError, match=r"write @bdana.track_quantity\(\) above"):
        bdana.track_quantity(lambda tracks, par: tracks.chi2)
    with pytest.raises(ConfigError, match="`quantities` must be a tuple of functions"):
        Selection(good_track=SELECTION.good_track, cuts=(), parameters=SELECTION.parameters, quantities=[len])


def test_candidates_do_not_know_what_a_function_gives():
    candidates = SELECTION.apply(events(), PAR, ANALYSIS.setup).candidates
    with pytest.raises(ConfigError, match="candidates do not keep it"):
        E_OVER_P.values(candidates)
    with pytest.raises(ConfigError, match="an expression and a function"):
        replace(E_OVER_P, expression="mass")


def test_the_function_of_the_docs():
    page = (Path(bdana.__file__).parents[1] / "docs" / "figures.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {
        "bdana": bdana,
        "good_track": SELECTION.good_track,
        "CUTS": SELECTION.cuts,
        "Parameters": SELECTION.parameters,
    }
    exec(block, names)
    shown = Distributions({"e_over_p": E_OVER_P}, {}, ANALYSIS.regions.names)
    with_clusters = events()[:4]
    own = names["selection"].apply(with_clusters, PAR, ANALYSIS.setup, distributions=shown).filled["e_over_p"]
    np.testing.assert_array_equal(own.sum_w, selected(slice(0, 4))["e_over_p"].sum_w)
