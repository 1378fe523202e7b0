"""Yields that are kept between runs: what they depend on, damage, and several processes."""

import threading

import numpy as np
import pytest

import bdana
from bdana.engine import executor_of
from bdana.errors import ConfigError, InputError
from bdana.sensitivity import scan as scan_module
from bdana.sensitivity.scan import Scan, cache_folder
from bdana.sensitivity.yields import mass_yields
from tests.sensitivity import straight

SMALL = ("signal.decays=1000", "signal.events=100")


def numbers(yields):
    found = [yields.mass, yields.width, yields.width_error, yields.ratio]
    for part in yields.production.values():
        sums = [part.in_volume, *(end for ends in part.variations.values() for end in ends)]
        for counted in (part.accepted, *part.selected.values()):
            sums += [counted.mean, counted.square]
        found += [part.per_proton, *(float(one(c2)) for one in sums for c2 in (1e-14, 1e-12))]
    return found


@pytest.fixture
def counted(monkeypatch):
    """The masses whose yields were computed, each in a moment."""
    done, known = [], {}

    def compute(_, mode, mass):
        done.append(mass)
        if mass not in known:
            known[mass] = mass_yields(searched, mode, mass)
        return known[mass]

    searched = straight.analysis_of(monkeypatch, *SMALL)
    monkeypatch.setattr(scan_module, "mass_yields", compute)
    return done


def test_yields_are_the_same_from_the_folder_and_without_one(tmp_path):
    analysis = bdana.load(overrides=SMALL)
    fresh = mass_yields(analysis, "mumu", 300.0)
    kept = Scan(analysis, "mumu", tmp_path)(300.0)
    read = Scan(analysis, "mumu", tmp_path)(300.0)
    assert numbers(kept) == numbers(read) == numbers(fresh) == numbers(Scan(analysis, "mumu", None)(300.0))
    assert list(read.production) == ["bremsstrahlung", "mesons", "mixing"]
    assert list(read.production["mesons"].selected) == list(fresh.production["mesons"].selected)
    assert read.mode == "mumu"


def test_each_mass_is_computed_once(tmp_path, counted):
    analysis = bdana.load(overrides=SMALL)
    for scan in (Scan(analysis, "mumu", tmp_path), Scan(analysis, "mumu", None)):
        scan.compute([250.0, 300.0])
        scan.compute([250.0, 300.0])
        assert scan(300.0) is scan(300.0)
    again = Scan(analysis, "mumu", tmp_path)
    again.compute([250.0, 300.0, 350.0])
    assert counted == [250.0, 300.0, 250.0, 300.0, 350.0]


def test_progress_counts_what_is_computed(tmp_path, counted):
    said = []
    scan = Scan(bdana.load(overrides=SMALL), "mumu", tmp_path)
    scan(250.0)
    scan.compute([250.0, 300.0, 400.0], progress=lambda *args: said.append(args))
    assert said == [(1, 2), (2, 2)]


def test_workers_find_the_same(tmp_path):
    analysis = bdana.load(overrides=SMALL)
    one, two = Scan(analysis, "mumu", None), Scan(analysis, "mumu", tmp_path)
    one.compute([300.0, 400.0])
    two.compute([300.0, 400.0], executor_of(2))
    assert [numbers(one(mass)) for mass in (300.0, 400.0)] == [numbers(two(mass)) for mass in (300.0, 400.0)]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "change",
    [
        "selection.dimuon.max_cda_mm=10.0",
        "signal.parameters.form_factor='none'",
        "signal.decay_volume_m=[105.0, 170.0]",
        "signal.couplings=[1e-8, 1e-5]",
        "signal.min_energy_gev=6.0",
        "signal.acceptance=['STRAW1']",
        "signal.spot_mm=0.0",
        "signal.seed=2",
        "signal.events=101",
        "regions.SR.cda_tax_max_mm=10.0",
        "cluster_regions.SR.centre_max_mm=400.0",
        "beam_line.point_mm=[0.0, 0.0, 23070.0]",
    ],
)
def test_what_changes_a_yield_is_in_its_name(tmp_path, counted, change):
    given = {override.partition("=")[0]: override for override in (*SMALL, change)}
    Scan(bdana.load(overrides=SMALL), "mumu", tmp_path)(300.0)
    Scan(bdana.load(overrides=list(given.values())), "mumu", tmp_path)(300.0)
    assert counted == [300.0, 300.0]


@pytest.mark.parametrize(
    "change",
    ["signal.pot=1e18", "signal.pot_error=0.1", "signal.mass_points=7", "signal.point=[300.0, 1e-6]"],
)
def test_what_changes_no_yield_is_not(tmp_path, counted, change):
    Scan(bdana.load(overrides=SMALL), "mumu", tmp_path)(300.0)
    Scan(bdana.load(overrides=[*SMALL, change]), "mumu", tmp_path)(300.0)
    assert counted == [300.0]


def test_mode_mass_and_code_are_in_the_name(tmp_path, counted, monkeypatch):
    analysis = bdana.load(overrides=SMALL)
    for mode, mass in (("mumu", 300.0), ("ee", 300.0), ("mumu", 300.0000001)):
        Scan(analysis, mode, tmp_path)(mass)
    monkeypatch.setattr(scan_module, "_code", lambda: "changed")
    Scan(analysis, "mumu", tmp_path)(300.0)
    assert len(counted) == 4


def test_a_changed_table_of_widths_makes_yields_anew(tmp_path):
    table, folder = tmp_path / "widths.csv", tmp_path / "kept"
    for hadrons in (0.5, 0.1):
        table.write_text(f"mass_mev,hadrons_mev\n250,{hadrons}\n400,{hadrons}\n")
        analysis = bdana.load(overrides=[*SMALL, f"signal.parameters.widths='{table}'"])
        ratio = Scan(analysis, "mumu", folder)(300.0).ratio
        assert ratio == mass_yields(analysis, "mumu", 300.0).ratio
    assert len(list(folder.iterdir())) == 2


def test_damaged_files_are_made_anew(tmp_path, counted):
    analysis = bdana.load(overrides=SMALL)
    whole = numbers(Scan(analysis, "mumu", tmp_path)(300.0))
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    damaged = [b"", b"x", data[:-1], data[: len(data) // 2], data + b"\0"]
    places = [0, 31, 32, 40, *rng.integers(0, len(data), 30).tolist()]
    damaged += [data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :] for place in places]
    for number, content in enumerate(damaged, start=2):
        path.write_bytes(content)
        assert numbers(Scan(analysis, "mumu", tmp_path)(300.0)) == whole
        assert len(counted) == number
        assert path.read_bytes() == data


def test_readers_never_see_half_a_file(tmp_path, counted):
    analysis = bdana.load(overrides=SMALL)
    yields = Scan(analysis, "mumu", tmp_path)(300.0)
    (path,) = tmp_path.iterdir()
    whole, bad = path.read_bytes(), []

    def write():
        for _ in range(20):
            scan_module._write(path, yields)

    def read():
        while any(writer.is_alive() for writer in writers):
            if path.read_bytes() != whole:
                bad.append(1)

    writers = [threading.Thread(target=write) for _ in range(4)]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in (*writers, reader):
        thread.join()
    assert not bad
    assert list(tmp_path.iterdir()) == [path]


def test_the_folder_is_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "bdana" / "signal"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "bdana" / "signal"


def test_a_folder_that_cannot_be_made_is_an_error_with_a_way_out(tmp_path, counted):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="set XDG_CACHE_HOME, or keep none"):
        Scan(bdana.load(overrides=SMALL), "mumu", tmp_path / "file" / "kept")(300.0)


def test_unknown_channels_and_closed_masses_are_refused(tmp_path):
    analysis = bdana.load(overrides=SMALL)
    with pytest.raises(ConfigError, match="no channel 'tautau'"):
        Scan(analysis, "tautau", tmp_path)
    scan = Scan(analysis, "mumu", tmp_path)
    assert scan.is_open(212.0)
    assert not scan.is_open(211.0)
    with pytest.raises(ConfigError, match=r"opens at 211\.3168 MeV"):
        scan(211.0)
