"""`bdana simulate` as a user types it."""

import json

import pytest

from tests.commands import bdana
from tests.searches import analysis_folder


def test_the_file_holds_what_the_json_says(tmp_path):
    done = bdana(
        "simulate", "out.root", "--pot", "1e14", "--bursts", "3", "--seed", "5", "--json",
        "--set", "beam.intensity_rms=0.6", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["config"]["beam"]["intensity_rms"] == 0.6
    assert document["events"] > 100
    read = bdana("select", tmp_path / "out.root", "--kind", "mc", "--json", cwd=tmp_path)
    assert json.loads(read.stdout)["cutflow"][0]["events"] == document["events"]


@pytest.mark.parametrize("mode", ["ee", "pipi"])
def test_other_modes_and_spectra_are_simulated(mode, tmp_path):
    done = bdana(
        "simulate", "out.root", "--kind", "signal", "--mass", "411", "--mode", mode, "--spectrum", "all",
        "--decays", "200", "--epsilon", "1e-6", "--bursts", "3", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["events"] == 200
    assert document["config"]["signal"]["mode"] == mode


@pytest.mark.parametrize(
    ("model", "mass", "mode", "spectrum"),
    [
        ("dark_photon", 411, "mumu", "bremsstrahlung"),
        ("dark_photon", 100, "ee", "bremsstrahlung"),
        ("alp", 100, "gammagamma", "primakoff"),
        ("dark_scalar", 300, "mumu", "beauty"),
        ("hnl", 400, "pie", "leptonic"),
    ],
)
def test_decay_and_spectrum_that_are_not_named_are_those_of_the_model(model, mass, mode, spectrum, tmp_path):
    done = bdana(
        "simulate", "out.root", "--kind", "signal", "--model", model, "--mass", mass, "--decays", 20, "--bursts", 2,
        "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    signal = json.loads(done.stdout)["config"]["signal"]
    assert (signal["model"], signal["mode"], signal["spectrum"]) == (model, mode, spectrum)


def test_the_particle_is_that_of_the_analysis(tmp_path):
    """Its parameters too, as long as no other model is named."""
    analysis_folder(tmp_path / "a")
    with (tmp_path / "a" / "analysis.toml").open("a") as file:
        file.write('\n[signal]\nmodel = "alp"\n[signal.parameters]\ncoupling = "w"\n')
    words = [
        "simulate",
        "out.root",
        "--kind",
        "signal",
        "--mass",
        300,
        "--decays",
        20,
        "--bursts",
        2,
        "--json",
    ]
    made = [json.loads(bdana(*words, *more, cwd=tmp_path / "a").stdout)["config"]["signal"]
            for more in ((), ("--model", "alp"), ("--model", "dark_photon"), ("--set", 'signal.spectrum="flat"'))]  # fmt: skip
    assert [(one["model"], one["mode"], one["spectrum"]) for one in made] == [
        ("alp", "gammagamma", "primakoff"),
        ("alp", "gammagamma", "primakoff"),
        ("dark_photon", "mumu", "bremsstrahlung"),
        ("alp", "gammagamma", "flat"),
    ]
    assert [one["parameters"] for one in made] == [
        {"coupling": "w"},
        {"coupling": "w"},
        {},
        {"coupling": "w"},
    ]


def test_events_of_a_generator_are_simulated_and_counted(tmp_path):
    hepmc = pytest.importorskip("pyhepmc", reason="pyhepmc is not installed: pip install 'bdana[generators]'")
    event = hepmc.GenEvent(hepmc.Units.GEV, hepmc.Units.MM)
    dump = hepmc.GenVertex((0.0, 0.0, 0.0, 0.0))
    dump.add_particle_in(hepmc.GenParticle((0.0, 0.0, 400.0, 400.0), 2212, 4))
    dump.add_particle_out(hepmc.GenParticle((0.1, 0.0, 60.0, 60.001), 32, 1))
    dump.add_particle_out(hepmc.GenParticle((0.1, 0.0, 60.0, 60.001), 211, 1))
    event.add_vertex(dump)
    with hepmc.open(tmp_path / "events.hepmc", "w") as file:
        for _ in range(3):
            file.write(event)
    arguments = ["simulate", "out.root", "--from", "events.hepmc", "--bursts", "3"]
    done = bdana(
        *arguments,
        "--particle",
        "32",
        "--ctau-mm",
        "1000",
        "--set",
        "generated.spot_mm=3",
        "--json",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["events"] == document["counts"]["written"] == 3
    assert document["generated"]["spot_mm"] == 3.0
    assert document["generated"]["particle"] == 32
    refused = bdana(*arguments, cwd=tmp_path)
    assert refused.returncode == 2
    assert "3 before it" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "data"], "choose mc, pseudo or signal"),
        (["--kind", "signal"], "go together"),
        (["--mass", "411"], "go together"),
        (["--kind", "signal", "--mass", "100", "--mode", "mumu"], "mumu opens at 211"),
        (["--kind", "signal", "--mass", "0.5"], "no decay mode of dark_photon at 0.5 MeV has a selection"),
        (["--kind", "signal", "--mass", "411", "--spectrum", "hard"], "choose flat, all, bremsstrahlung"),
        (
            ["--kind", "signal", "--mass", "411", "--mode", "tautau"],
            "only decays into two electrons, muons or pions",
        ),
        (["--kind", "signal", "--mass", "411", "--model", "ghost"], "no signal model 'ghost'"),
        (["--particle", "32"], "--particle: only together with --from"),
        (["--ctau-mm", "5", "--origin", "tax"], "--ctau-mm and --origin: only together with --from"),
        (
            ["--from", "absent.hepmc", "--spectrum", "all", "--decays", "5"],
            "leave out --spectrum and --decays",
        ),
        (["--from", "absent.hepmc", "--epsilon", "1e-6"], "leave out --epsilon"),
        (["--from", "absent.hepmc", "--model", "dark_photon"], "leave out --model"),
        (["--from", "absent.hepmc", "--mode", "ee"], "--mode: the file has the decays"),
        (["--from", "absent.hepmc"], "absent.hepmc: cannot be read"),
        (["--from", "absent.hepmc", "--mass", "411"], "leave out --mass"),
        (["--from", "absent.hepmc", "--origin", "moon"], "choose dump or zero"),
        (["--from", "absent.hepmc", "--set", "generated.spot=1"], "no key 'spot': did you mean 'spot_mm'?"),
        (["--set", "beam.ripple=2.0"], "between 0 and 1"),
        (["--bursts", "0"], "at least one burst"),
    ],
)
def test_mistakes_are_named(arguments, words, tmp_path):
    done = bdana("simulate", "out.root", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("out.txt", "out.txt: end the name in .root"),
        ("absent/out.root", "absent/out.root: cannot write there"),
        (".", ".: end the name in .root"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_simulated(output, words, tmp_path):
    done = bdana("simulate", output, "--bursts", 0, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_mass_beyond_the_range_of_a_formula_is_refused_or_asked_for(tmp_path):
    words = ("simulate", tmp_path / "o.root", "--kind", "signal", "--mass", 770, "--decays", 10)
    refused = bdana(*words, cwd=tmp_path)
    assert refused.returncode == 2
    assert "holds for mass from 0 to 650 MeV, not at 770 MeV" in refused.stderr
    assert not (tmp_path / "o.root").exists()
    made = bdana(*words, "--set", "signal.parameters.extrapolate=true", cwd=tmp_path)
    assert made.returncode == 0
    assert "omega pole dominates the form factor" in made.stderr
    flat = bdana(*words, "--spectrum", "flat", cwd=tmp_path)
    assert flat.returncode == 0
    assert "omega" not in flat.stderr
