"""Exclusion figures: what is in the legend, what is said in words, and bands that have the right inside."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bdana.errors import InputError
from bdana.plotting.excluded import save_exclusion, save_lifetime, save_sensitivity
from bdana.sensitivity.contour import Island
from bdana.sensitivity.overlays import Overlay


def islands(scale=1.0, first=215.0):
    mass = np.linspace(first, 500.0, 30)
    width = scale * np.sqrt(1 - ((mass - mass.mean()) / (mass[-1] - mass.mean())) ** 2)
    return (Island(mass, 1e-6 * np.exp(-width), 1e-6 * np.exp(width)),)


def overlay(name, coupling, level=0.9):
    return Overlay(name, np.array([220.0, 300.0, 400.0]), np.full(3, coupling), f"paper of {name}", level)


BAND = [islands(scale) for scale in (1.4, 1.2, 1.0, 0.8, 0.6)]


@pytest.fixture
def drawn(monkeypatch):
    """What is written into a figure: the legend, the notes below it, and the areas that are filled."""
    found = {"legend": [], "notes": "", "patches": [], "frame": None}
    legend, note, patch, setting = Axes.legend, Figure.supxlabel, Axes.add_patch, Axes.set

    def spy_legend(self, handles, labels, **kwargs):
        found["legend"] = [label.replace("\n", " ") for label in labels]
        return legend(self, handles, labels, **kwargs)

    def spy_note(self, text, **kwargs):
        found["notes"] = text.replace("\n", " ")
        return note(self, text, **kwargs)

    def spy_patch(self, added):
        found["patches"].append(added.get_path())
        return patch(self, added)

    def spy_set(self, **kwargs):
        found["frame"] = (kwargs["xlim"], kwargs["ylim"]) if "xlim" in kwargs else found["frame"]
        return setting(self, **kwargs)

    monkeypatch.setattr(Axes, "legend", spy_legend)
    monkeypatch.setattr(Figure, "supxlabel", spy_note)
    monkeypatch.setattr(Axes, "add_patch", spy_patch)
    monkeypatch.setattr(Axes, "set", spy_set)
    return found


def test_every_contour_is_in_the_legend_with_its_level(tmp_path, drawn):
    save_exclusion(
        tmp_path / "p.png",
        {"observed, 90% CL": islands(), "observed, 95% CL": islands(0.9)},
        BAND,
        {"form factor": (islands(0.7), islands(1.1))},
        [overlay("CHARM", 1e-6), overlay("NuCal", 8e-7, None)],
    )
    assert drawn["legend"] == [
        "observed, 90% CL",
        "observed, 95% CL",
        "expected, median",
        "expected, ±1σ",
        "expected, ±2σ",
        "form factor",
        "CHARM (90% CL)",
        "NuCal (CL not stated)",
    ]
    assert "CHARM, paper of CHARM; NuCal, paper of NuCal" in drawn["notes"]
    assert len(drawn["patches"]) == 3


def test_a_band_lies_between_its_contours_and_not_inside_both(tmp_path, drawn):
    save_exclusion(tmp_path / "p.png", {}, BAND)
    for band, wide, narrow in zip(drawn["patches"], (BAND[1], BAND[0]), (BAND[3], BAND[4]), strict=True):
        rings = [polygon for polygon in band.to_polygons() if len(polygon) > 2]
        # The border of the hole runs the other way round, so that its inside is not filled.
        assert [signed_area(ring) for ring in rings] == pytest.approx([area(wide), -area(narrow)], rel=1e-6)


def area(contour):
    return sum(np.trapezoid(np.log(one.high / one.low), one.mass) for one in contour)


def signed_area(ring):
    x, y = ring[:, 0], np.log(ring[:, 1])
    return 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))


@pytest.mark.parametrize(
    ("expected", "words", "bands"),
    [
        ([islands()] * 5, "±1σ and ±2σ: no wider than the line", 0),
        ([islands(1.4), islands(), islands(), islands(), islands(0.6)], "±1σ: no wider than the line", 1),
        ([islands()], "", 0),
        ([()] * 5, "Nothing is expected to be excluded", 0),
        ([islands(), islands(0.5), (), (), ()], "", 2),
    ],
)
def test_a_band_no_wider_than_the_line_is_said_in_words(tmp_path, drawn, expected, words, bands):
    save_exclusion(tmp_path / "p.png", {"observed": islands()}, expected)
    assert len(drawn["patches"]) == bands
    assert words in drawn["notes"]
    assert bool(words) == bool(drawn["notes"])


def test_what_excludes_nothing_is_named_and_not_drawn(tmp_path, drawn):
    save_exclusion(tmp_path / "p.png", {"observed, 90% CL": ()})
    assert drawn["legend"] == []
    assert drawn["notes"] == "Nothing excluded: observed, 90% CL."


def test_contours_of_others_outside_the_frame_are_not_in_the_legend(tmp_path, drawn):
    save_exclusion(
        tmp_path / "p.png", {"observed": islands()}, overlays=[overlay("LHCb", 1e-3), overlay("CHARM", 1e-6)]
    )
    assert drawn["legend"] == ["observed", "CHARM (90% CL)"]
    assert "Outside the frame: LHCb." in drawn["notes"]


def test_the_frame_holds_all_contours_of_our_own(tmp_path, drawn):
    wide = islands(3.0, first=200.0)
    save_exclusion(tmp_path / "p.png", {"observed": islands()}, systematics={"a": (islands(0.5), wide)})
    (left, right), (low, high) = drawn["frame"]
    assert left < 200
    assert right > 500
    assert low < wide[0].low.min() < wide[0].high.max() < high


def test_without_a_contour_of_our_own_the_frame_is_that_of_the_others(tmp_path, drawn):
    closed_at_the_top = Overlay("A1", np.array([40.0, 40.0, 300.0]), np.array([1e5, 1e-3, 1e5]), "a", 0.9)
    save_exclusion(tmp_path / "p.png", {"observed": ()}, overlays=[closed_at_the_top, overlay("b", 1e-6)])
    (left, _), (low, high) = drawn["frame"]
    assert left < 40
    assert low < 1e-6
    assert 1e-3 < high < 1


def test_sensitivity_has_the_sum_first(tmp_path, drawn):
    save_sensitivity(
        tmp_path / "p.png", {"mesons": islands(0.5), "mixing": (), "sum": islands()}, total="sum"
    )
    assert drawn["legend"] == ["sum", "mesons"]
    assert drawn["notes"] == "Nothing excluded: mixing."
    assert len(drawn["patches"]) == 1
    save_sensitivity(tmp_path / "p.png", {"mesons": islands(0.5), "brem": islands()})
    assert drawn["legend"] == ["mesons", "brem"]


@pytest.mark.parametrize("missing", ["none", "some", "all"])
def test_a_limit_in_mass_and_lifetime_says_where_there_is_none(tmp_path, drawn, missing):
    limit = 10.0 ** np.add.outer(np.linspace(1, 3, 8), np.linspace(0, 4, 12))
    limit[{"none": slice(0, 0), "some": slice(0, 3), "all": slice(None)}[missing]] = np.inf
    save_lifetime(
        tmp_path / "p.png", np.linspace(215, 700, 8), np.geomspace(1e-2, 1e4, 12), limit, "limit on decays"
    )
    assert (drawn["notes"] == "White: no limit.") == (missing != "none")
    assert drawn["frame"] == ((215.0, 700.0), (0.01, 1e4))


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_exclusions_are_drawn_the_same_every_time(tmp_path, ending):
    for name in ("a", "b"):
        save_exclusion(
            tmp_path / f"{name}.{ending}", {"observed": islands()}, BAND, {"a": (BAND[0], BAND[1])}
        )
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_an_exclusion_in_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(InputError, match="end the name of a picture"):
        save_exclusion(tmp_path / "p.gif", {"observed": islands()})
