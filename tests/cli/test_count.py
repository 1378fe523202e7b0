"""`bdana count` as a user types it: the JSON keys, tables of regions, and what is refused."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from bdana.statistics.methods import METHODS
from tests.commands import bdana

SIGNAL_REGION = ("--observed", "1", "--background", "0.016", "--background-error", "0.002")
# NA62, A' -> mu mu, workshop of 2 November 2022 (preliminary); p-values recalculated.
ROWS = {
    "outside": ("26.3", "3.4", "28", 0.4065, 0.7440),
    "CR3": ("1.70", "0.22", "2", 0.5037, 0.6909),
    "CR2": ("0.58", "0.07", "1", 0.4387, 0.4387),
    "CR1": ("0.29", "0.04", "1", 0.2511, 0.2511),
    "CR": ("0.17", "0.02", "0", 1.0, 1.0),
    "SR": ("0.016", "0.002", "1", 0.01587, 0.01587),
}


def count(*arguments):
    done = bdana("count", *arguments)
    return done.returncode, done.stdout, done.stderr


def document(*arguments):
    code, out, err = count(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def regions_file(folder, names):
    text = "name,expected,error,observed\n" + "".join(f"{n},{','.join(ROWS[n][:3])}\n" for n in names)
    path = folder / "regions.csv"
    path.write_text(text)
    return path


def test_json_has_p_values_significances_and_limits_of_one_region():
    found = document(*SIGNAL_REGION, "--cl", "0.9")
    assert found["p_n"] == pytest.approx(0.01587, abs=5e-6)
    assert found["p_l"] == pytest.approx(0.01587, abs=5e-6)
    assert found["z_one_sided"] == pytest.approx(2.15, abs=0.005)
    assert found["z_two_sided"] == pytest.approx(2.41, abs=0.005)
    assert set(found["limits"]) == set(METHODS)
    assert set(METHODS) | {"p", "z_one_sided", "z_two_sided"} <= set(found["conventions"])
    assert all(found["conventions"].values())
    assert found["limits"]["cls"] == pytest.approx([0, 3.874], abs=5e-4)
    assert found["limits"]["bayes"] == pytest.approx([0, 3.874], abs=5e-4)
    assert found["limits"]["classical"] == pytest.approx([0, 3.874], abs=5e-4)
    assert found["limits"]["feldman_cousins"] == pytest.approx([0.0894, 4.3414], abs=5e-4)


def test_efficiency_error_is_log_normal_with_median_one():
    found = document(*SIGNAL_REGION, "--efficiency-error", "0.2")["limits"]
    assert found["cls"][1] == pytest.approx(3.995, abs=1e-3)
    assert found["bayes"][1] == pytest.approx(4.130, abs=1e-3)


def test_other_significances_name_themselves():
    found = document(*SIGNAL_REGION, "--method", "cls")
    assert found["z_bi"] == pytest.approx(
        2.1415, abs=1e-4
    )  # betainc(1, tau b + 1, 1/(1+tau)), tau = b/error^2
    assert "Z_Bi" in found["conventions"]["z_bi"]
    assert "asymptotic" in found["conventions"]["z_profile_likelihood"]
    known = document("--observed", 1, "--background", 0.016, "--method", "cls")
    assert "z_bi" not in known
    assert known["z_profile_likelihood"] == pytest.approx(math.sqrt(2 * (math.log(1 / 0.016) - 1 + 0.016)))
    assert (
        0 < known["z_profile_likelihood"] - found["z_profile_likelihood"] < 0.01
    )  # the background gives way


@pytest.mark.parametrize("prior", ["gamma", "lognormal"])
def test_the_form_of_the_background_error_is_named(prior):
    wide = ("--observed", 3, "--background", 1, "--background-error", 0.5, "--method", "cls")
    found = document(*wide, "--background-prior", prior)
    assert prior in found["conventions"]["p"]
    assert prior in found["conventions"]["cls"]
    assert found["p_n"] != pytest.approx(document(*wide)["p_n"], rel=1e-3)
    if prior == "gamma":
        assert found["p_n"] == pytest.approx(stats.nbinom.sf(2, 4, 0.8), rel=1e-7)


def test_an_infinite_significance_is_null():
    found = document("--observed", 2, "--background", 0)
    assert found["p_n"] == 0
    assert found["z_one_sided"] is found["z_two_sided"] is found["z_profile_likelihood"] is None
    assert "infinite" in count("--observed", 2, "--background", 0, "--method", "cls")[1]


def test_asymptotic_limits_only_on_request_and_with_a_warning():
    code, out, err = count(*SIGNAL_REGION, "--method", "asymptotic_cls", "--json")
    assert code == 0
    assert json.loads(out)["limits"]["asymptotic_cls"][1] == pytest.approx(3.0364, abs=1e-3)
    assert "-21.6% from the exact limit 3.874" in err
    assert "-21.6%" in json.loads(out)["conventions"]["asymptotic_cls"]


def test_methods_may_be_named_one_by_one():
    found = document(*SIGNAL_REGION, "--method", "bayes", "--method", "cls")
    assert list(found["limits"]) == ["bayes", "cls"]


@pytest.mark.parametrize("level", [0.5, 0.683, 0.95, 0.99, 0.999])
def test_limits_are_of_any_confidence_level(level):
    n, b = 3, 2.6
    found = document(
        "--observed", n, "--background", b, "--cl", level, "--method", "cls", "--method", "classical"
    )
    classical, cls = found["limits"]["classical"][1], found["limits"]["cls"][1]
    assert stats.poisson.cdf(n, b + classical) == pytest.approx(1 - level, rel=1e-9)
    assert stats.poisson.cdf(n, b + cls) == pytest.approx((1 - level) * stats.poisson.cdf(n, b), rel=1e-9)


@pytest.mark.parametrize("number", range(1, 7))
def test_tables_of_one_to_six_regions_have_their_p_values(tmp_path, number):
    names = list(ROWS)[-number:]
    found = document("--regions", regions_file(tmp_path, names))
    assert [row["name"] for row in found["regions"]] == names
    for row in found["regions"]:
        assert (row["p_n"], row["p_l"]) == pytest.approx(ROWS[row["name"]][3:], abs=5e-5), row
    joint = found["joint"]
    assert 0 < joint["p_n"] <= 1
    assert 0 < joint["p_l"] <= 1
    assert joint["computed"] == "exact"
    if number == 1:
        assert (joint["p_n"], joint["p_l"]) == pytest.approx(ROWS["SR"][3:], abs=5e-6)
    local = min(row["p_n"] for row in found["regions"])
    assert local * (1 - 1e-9) <= joint["p_global"] <= number * local


def test_joint_of_the_control_regions(tmp_path):
    joint = document("--regions", regions_file(tmp_path, ["CR1", "CR2", "CR3"]))["joint"]
    assert (joint["p_n"], joint["p_l"]) == pytest.approx((0.2595, 0.2396), abs=5e-5)


def test_a_covariance_replaces_errors_that_move_together(tmp_path):
    table, matrix = regions_file(tmp_path, ["CR2", "CR1"]), tmp_path / "covariance.csv"
    matrix.write_text("name,CR1,CR2\nCR1,0.0016,0.0028\nCR2,0.0028,0.0049\n")
    joint = document("--regions", table, "--covariance", matrix)
    together = document("--regions", table)
    assert joint["joint"]["p_l"] == pytest.approx(together["joint"]["p_l"], rel=1e-9)
    assert "given covariance" in joint["conventions"]["joint"]
    matrix.write_text("name,CR2,CR1\nCR2,0.0049,0\nCR1,0,0.0016\n")
    joint = document("--regions", table, "--covariance", matrix)["joint"]
    assert joint["p_l"] != pytest.approx(together["joint"]["p_l"], rel=1e-6)
    for text, reason in [
        ("name,CR1\nCR1,0.0016\n", "CR2"),
        ("name,CR1,CR2\nCR1,0.0016,x\nCR2,x,0.0049\n", "'x'"),
        ("name,CR1,CR2\nCR1,1,0\nCR2,0,1\n", "diagonal"),
    ]:
        matrix.write_text(text)
        code, _, err = count("--regions", table, "--covariance", matrix)
        assert code == 2
        assert reason in err


def test_a_closed_region_shows_no_number_and_no_joint(tmp_path):
    path = regions_file(tmp_path, ["CR1", "SR"])
    path.write_text(path.read_text().replace("SR,0.016,0.002,1", "SR,0.016,0.002,"))
    found = document("--regions", path)
    assert found["regions"][1] == {"name": "SR", "expected": 0.016, "error": 0.002, "state": "closed"}
    assert "joint" not in found


def test_the_table_for_people_says_every_convention(tmp_path):
    code, out, _ = count(*SIGNAL_REGION, "--method", "cls")
    assert code == 0
    for word in ("0.01587", "3.874", "one-sided", "two-sided", "truncated_gaussian", "P(L <= Lobs)"):
        assert word in out
    code, out, _ = count("--regions", regions_file(tmp_path, ["CR1", "SR"]))
    assert code == 0
    assert "joint" in out
    assert "exact" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--observed", "1", "--background", "-0.1"), "the background is -0.1"),
        (("--observed", "1", "--background", "nan"), "the background is nan"),
        (("--observed", "1", "--background", "inf"), "the background is inf"),
        (("--observed", "1", "--background", "1", "--background-error", "-1"), "the background error is -1"),
        (("--observed", "1.5", "--background", "1"), "the observed count is 1.5"),
        (("--observed", "-1", "--background", "1"), "the observed count is -1"),
        (("--observed", "nan", "--background", "1"), "the observed count is nan"),
        ((*SIGNAL_REGION, "--cl", "0"), "between 0 and 1"),
        ((*SIGNAL_REGION, "--cl", "1"), "between 0 and 1"),
        ((*SIGNAL_REGION, "--cl", "90"), "between 0 and 1"),
        ((*SIGNAL_REGION, "--cl", "nan"), "between 0 and 1"),
        ((*SIGNAL_REGION, "--efficiency-error", "-0.2"), "efficiency error is -0.2"),
        ((*SIGNAL_REGION, "--efficiency-error", "20"), "is 20: it is relative, so give a number"),
        ((*SIGNAL_REGION, "--ses-error", "1e-12"), "--ses-error belongs to --ses"),
        ((*SIGNAL_REGION, "--ses", "0"), "--ses 0"),
        ((*SIGNAL_REGION, "--ses", "1e-11", "--ses-error", "2e-11"), "--ses-error 2e-11"),
        ((*SIGNAL_REGION, "--ses", "1", "--ses-error", ".1", "--efficiency-error", ".1"), "leave out --eff"),
        ((*SIGNAL_REGION, "--interval", "68"), "between 0 and 1"),
        ((*SIGNAL_REGION, "--independent"), "--independent belongs to --category"),
        ((*SIGNAL_REGION, "--background-toys", "x"), "give --observed N and --background B (or"),
        (("--observed", "1", "--background-toys", "x.txt"), "x.txt: cannot be read"),
        (
            ("--observed", "1", "--background", "1", "--background-error", "+1,+2"),
            "the background error is +1,+2",
        ),
        (("--category", "a:1:1:0:1", "--observed", "1"), "leave out --observed"),
        (("--category", "a:1:1"), "--category a:1:1: write NAME"),
        ((*SIGNAL_REGION, "--background-prior", "flat"), "unknown prior 'flat'"),
        ((*SIGNAL_REGION, "--covariance", "x.csv"), "--covariance belongs to --regions"),
        ((*SIGNAL_REGION, "--method", "guess"), "unknown method 'guess'"),
        (("--observed", "1"), "--background"),
        (("--regions", "absent.csv"), "absent.csv: cannot be read"),
        (("--regions", "absent.csv", "--observed", "1"), "not both"),
    ],
)
def test_refusals_say_why(arguments, reason):
    code, out, err = count(*arguments)
    assert (code, out) == (2, "")
    assert reason in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,expected,error\nSR,1,0\n", "no column 'observed'"),
        ("name,expected,error,observed\n", "no region"),
        ("name,expected,error,observed\nSR,-1,0,1\n", "line 2, region 'SR': the background is -1"),
        ("name,expected,error,observed\nSR,1,nan,1\n", "line 2, region 'SR': the background error is nan"),
        ("name,expected,error,observed\nSR,1,0,1.5\n", "line 2, region 'SR': the observed count is 1.5"),
        ("name,expected,error,observed\nSR,one,0,1\n", "line 2, region 'SR'"),
        ("name,expected,error,observed\nSR,1,0,1\nSR,2,0,1\n", "region 'SR' twice"),
    ],
)
def test_wrong_tables_name_the_file_and_the_line(tmp_path, text, reason):
    path = tmp_path / "counts.csv"
    path.write_text(text)
    code, _, err = count("--regions", path)
    assert code == 2
    assert str(path) in err
    assert reason in err


def test_p_values_are_finite_at_the_largest_counts():
    found = document("--observed", 50, "--background", 100, "--method", "cls")
    assert all(math.isfinite(found[key]) for key in ("p_n", "p_l", "z_one_sided", "z_two_sided"))


def test_counts_too_large_for_exact_sums_are_refused_at_once():
    code, _, err = count("--observed", 10**9, "--background", 10**9, "--method", "cls")
    assert code == 2
    assert "exact probabilities of 1e+09 counts take too long" in err


PUBLISHED = ("--observed", 20, "--background", 7.03, "--background-error", "+1.05,-0.82")
SENSITIVITY = ("--ses", "0.839e-11", "--ses-error", "0.053e-11")


def test_a_branching_ratio_with_its_errors():
    """K+ -> pi+ nu nu 2016-18 in one bin, recalculated; the paper has 10.6 +4.0 -3.4 from finer bins."""
    found = document(*PUBLISHED, *SENSITIVITY, "--method", "cls")
    assert found["p_n_known_background"] == pytest.approx(4.703e-5, rel=1e-3)
    assert found["p_n"] > found["p_n_known_background"]
    ratio, events = found["branching_ratio"], found["signal"]
    assert [round(ratio[key] * 1e11, 2) for key in ("value", "up", "down")] == [10.88, 4.04, 3.48]
    assert ratio["value"] == pytest.approx(0.839e-11 * events["value"], rel=1e-6, abs=0)
    assert ratio["total_down"] > ratio["down"]
    (low, high) = found["branching_ratio_limits"]["cls"]
    assert (low, high) == (0.0, pytest.approx(0.839e-11 * found["limits"]["cls"][1], rel=1e-6, abs=0))
    assert "sigma = ln(1 + 0.0631" in found["conventions"]["cls"]
    code, out, _ = count(*PUBLISHED, *SENSITIVITY, "--method", "cls")
    assert code == 0
    assert "(1.09 +0.40 -0.35)e-10 (statistical)" in out


def test_categories_of_a_measurement(tmp_path):
    text = ["2016:1:0.152:0.03:3.15e-10", "2017:2:1.46:0.3:0.389e-10", "2018:17:5.42:+0.9,-0.7:0.11073e-10"]
    given = [part for one in text for part in ("--category", one)]
    found = document(*given)
    ratio = found["branching_ratio"]
    assert [round(ratio[key] * 1e11, 2) for key in ("value", "up", "down")] == [10.88, 4.04, 3.48]
    assert found["ses"] == pytest.approx(0.839e-11, rel=1e-3, abs=0)
    assert 0 < found["joint"]["p_n"] < 1e-3
    assert found["branching_ratio_limits"].keys() == {"cls", "bayes"}
    apart = document(*given, "--independent")["branching_ratio"]
    assert apart["value"] == pytest.approx(ratio["value"], rel=1e-6, abs=0)
    assert apart["total_down"] != pytest.approx(ratio["total_down"], rel=1e-4, abs=0)
    path = tmp_path / "years.csv"
    lines = [one.replace("+0.9,-0.7", '"+0.9,-0.7"').replace(":", ",") for one in text]
    path.write_text("\n".join(["name,observed,background,error,ses", *lines]))
    assert document("--categories", path) == found
    assert "branching_ratio" in count(*given)[1]


def test_a_background_of_toys(tmp_path):
    path = tmp_path / "toys.txt"
    path.write_text("6.0 7.0 8.0\n")
    found = document("--observed", 20, "--background-toys", path, "--method", "cls")
    assert found["p_n"] == pytest.approx(np.mean(stats.poisson.sf(19, [6.0, 7.0, 8.0])))


def test_the_errors_of_a_table_are_used(tmp_path):
    """Independent errors of the table of a run, which a table without them does not have."""
    rows = [
        {"name": n, "expected": b, "error": 3.0, "observed": x} for n, b, x in [("a", 8.0, 3), ("b", 9.0, 20)]
    ]
    errors = {
        "regions": ["a", "b"],
        "shifts": {"single tracks, a": [3.0, 0.0], "single tracks, b": [0.0, 3.0]},
    }
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"regions": rows}))
    together = document("--regions", path)["joint"]["p_l"]
    path.write_text(json.dumps({"regions": rows, "errors": errors}))
    apart = document("--regions", path)["joint"]["p_l"]
    matrix = tmp_path / "covariance.csv"
    matrix.write_text("name,a,b\na,9,0\nb,0,9\n")
    given = document("--regions", path, "--covariance", matrix)["joint"]["p_l"]
    assert apart == pytest.approx(given)
    assert abs(together / apart - 1) > 0.2
    assert count("--regions", path, "--export", tmp_path / "out.json")[0] == 0
    samples = json.loads((tmp_path / "out.json").read_text())["channels"][0]["samples"]
    assert [x["name"] for x in samples[1]["modifiers"]] == ["single tracks, a"]
    path.write_text(json.dumps({"regions": rows, "errors": {"regions": ["a"], "shifts": {"x": [1, 2]}}}))
    code, _, err = count("--regions", path)
    assert code == 2
    assert "its 'errors' are damaged" in err


def test_the_downward_errors_of_a_table_are_used(tmp_path):
    """As a run writes them, and its one-sided sources in the workspace."""
    row = {"name": "SR", "expected": 8.0, "error": 3.0, "error_down": 1.0, "observed": 14}
    errors = {"regions": ["SR"], "shifts": {"own": [1.0], "ripple": [8.0**0.5]}, "one_sided": ["ripple"]}
    path, csv = tmp_path / "table.json", tmp_path / "t.csv"
    path.write_text(json.dumps({"regions": [row], "errors": errors}))
    csv.write_text('name,expected,error,observed\nSR,8.0,"+3.0,-1.0",14\n')
    found, same = (document("--regions", one)["regions"][0] for one in (path, csv))
    assert found == same
    assert (found["error"], found["error_down"]) == (3.0, 1.0)
    assert count("--regions", path, "--export", tmp_path / "out.json")[0] == 0
    samples = json.loads((tmp_path / "out.json").read_text())["channels"][0]["samples"]
    assert {x["name"]: x["data"]["lo_data"] for x in samples[1]["modifiers"]} == {
        "own": [7.0],
        "ripple": [8.0],
    }


def test_a_table_may_have_toys_and_two_sided_errors(tmp_path):
    (tmp_path / "toys.txt").write_text("\n".join(["0.25", "0.29", "0.33"] * 20))
    table = tmp_path / "t.csv"
    table.write_text('name,expected,error,observed\nCR1,,@toys.txt,1\nCR2,0.58,"+0.09,-0.05",1\n')
    found = document("--regions", table)
    values = np.array([0.25, 0.29, 0.33])
    assert found["regions"][0]["p_n"] == pytest.approx((1 - np.exp(-values)).mean(), rel=1e-6)
    assert found["joint"]["computed"] == "exact"
    table.write_text("name,expected,error,observed\nCR1,0.3,@toys.txt,1\n")
    code, _, err = count("--regions", table)
    assert code == 2
    assert "leave expected empty" in err
    table.write_text("name,expected,error,observed\nCR1,,@none.txt,1\n")
    code, _, err = count("--regions", table)
    assert code == 2
    assert "none.txt" in err


def test_a_given_covariance_is_in_the_workspace(tmp_path):
    table, matrix, out = (tmp_path / name for name in ("t.csv", "c.csv", "w.json"))
    table.write_text("name,expected,error,observed\nCR1,4,2,5\nCR2,9,3,8\n")
    matrix.write_text("name,CR1,CR2\nCR1,4,0\nCR2,0,9\n")
    document("--regions", table, "--covariance", matrix, "--export", out)
    sources = {
        channel["name"]: {x["name"] for x in channel["samples"][1]["modifiers"]}
        for channel in json.loads(out.read_text())["channels"]
    }
    assert len(sources["CR1"] | sources["CR2"]) == 2
    assert sources["CR1"] != sources["CR2"]
    document("--regions", table, "--export", out)
    channels = json.loads(out.read_text())["channels"]
    assert {x["name"] for c in channels for x in c["samples"][1]["modifiers"]} == {"background"}
