"""Reading bdana's own layout, whole and spoiled: the right answer or a refusal that names file and branch."""

import struct

import awkward as ak
import numpy as np
import pytest
import uproot

import bdana
from bdana.errors import BlindingError, ConfigError, InputError, MissingColumnError
from bdana.events import EventArrays, write_events
from tests.synthetic import dimuon_event, good_bursts, records

ANALYSIS = bdana.load(bdana.analysis.template_folder())


def table(burst=(1, 2, 3), **columns):
    return good_bursts(len(burst), burst=burst, live_time_s=4.5, downscale=100.0, **columns)


def events(n=12, bursts=3):
    return records([dimuon_event(i, burst=1 + i % bursts) for i in range(n)])


def write(path, found=None, bursts=None, **options):
    write_events(
        path, [events() if found is None else found], table() if bursts is None else bursts, **options
    )
    return path


def select(*files, **options):
    return ANALYSIS.select(files, **({"kind": "mc"} | options))


def test_numbers_in_memory_have_the_types_of_those_that_are_read(tmp_path):
    """A cut at 5 ns must not depend on where an event lies: 5 - 1e-9 is 5 in single precision."""
    found = events()[["run", "burst", "event", "trigger", "trigger_time", "tracks"]]
    single = ak.with_field(found, ak.values_astype(found.tracks.time, np.float32), ["tracks", "time"])
    single = ak.with_field(
        single, ak.values_astype(found.tracks.n_chambers, np.uint8), ["tracks", "n_chambers"]
    )
    opened = bdana.events.open_events(write(tmp_path / "a.root", single), "bdana")
    read = opened.read(opened.columns() - {"weight"}, 0, opened.entries)
    kept = EventArrays(single).read(opened.columns() - {"weight"}, 0, opened.entries)
    for name in read.fields:
        assert kept[name].type == read[name].type
        assert kept[name].to_list() == read[name].to_list()


def test_a_file_that_is_written_again_is_opened_again(tmp_path):
    for n in (3, 9):
        path = write(tmp_path / "a.root", events(n))
        assert select(path).cutflow.rows[0].events == n


@pytest.mark.parametrize("container", ["ttree", "rntuple"])
def test_what_is_written_is_read_back(tmp_path, container):
    path = write(tmp_path / "a.root", container=container, provenance={"made": "here"})
    opened = bdana.events.open_events(path, "bdana")
    columns = [*sorted(opened.columns() - {"weight"}), "weight"]
    back = opened.read(columns, 0, opened.entries)
    for field in events().fields:
        assert back[field].tolist() == events()[field].tolist(), field
    assert uproot.open(path)["provenance"] == '{"made": "here"}'
    assert select(path).exposure == bdana.events.Exposure(3e12, 13.5, 3)


@pytest.mark.parametrize("container", ["ttree", "rntuple"])
def test_candidates_as_root_have_the_columns_of_the_csv(tmp_path, container):
    found = select(write(tmp_path / "a.root")).candidates
    found.write_root(tmp_path / "c.root", container=container, provenance={"kind": "mc"})
    back = uproot.open(tmp_path / "c.root")["candidates"].arrays()
    assert back.mass_mev.tolist() == found.mass.tolist()
    assert back.region.tolist() == found.region.tolist()


def test_globs_lists_and_memory_give_the_same_as_files(tmp_path):
    paths = [write(tmp_path / f"{i}.root", records([dimuon_event(i)]), table((1,))) for i in range(3)]
    (tmp_path / "list.txt").write_text("# mine\n0.root\n\n1.root\n2.root\n")
    expected = select(*paths).candidates.event.tolist()
    assert expected == [0, 1, 2]
    assert select(tmp_path / "*.root").candidates.event.tolist() == expected
    assert select(f"@{tmp_path / 'list.txt'}").candidates.event.tolist() == expected
    assert select(EventArrays(events(3, bursts=1), table((1,)))).candidates.event.tolist() == expected
    with pytest.raises(InputError, match="no file matches"):
        select(tmp_path / "*.data")
    with pytest.raises(InputError, match="cannot be read"):
        select(f"@{tmp_path / 'no.txt'}")
    with pytest.raises(InputError, match="given twice"):
        select(paths[0], tmp_path / "0*.root")


def test_events_in_memory_are_checked():
    with pytest.raises(InputError, match="'colour' is no column"):
        EventArrays(ak.Array([{"colour": 1}]))
    with pytest.raises(InputError, match="not finite"):
        EventArrays(ak.Array([{"trigger_time": np.inf}])).read(["trigger_time"], 0, 1)
    with pytest.raises(MissingColumnError, match=r"tracks\.p"):
        select(EventArrays(ak.Array([{"run": 1, "burst": 1, "event": 1}])))


# Exposure


def test_bad_bursts_are_left_out_unless_asked_for(tmp_path):
    path = write(tmp_path / "a.root", bursts=table(good=[True, False, True]))
    assert (len(select(path).candidates), select(path).exposure.bursts) == (8, 2)
    run = select(path, all_bursts=True)
    assert (len(run.candidates), run.exposure.bursts) == (12, 3)


def test_a_burst_in_two_files_counts_once_if_they_agree(tmp_path):
    a = write(tmp_path / "a.root", events()[:5])
    b = write(tmp_path / "b.root", events()[5:])
    assert select(a, b).exposure == bdana.events.Exposure(3e12, 13.5, 3)
    c = write(tmp_path / "c.root", bursts=table(pot=2e12))
    with pytest.raises(
        InputError, match=r"run 99001 burst 1: .*a\.root says pot = 1e\+12, .*c\.root says 2e\+12"
    ):
        select(a, c)


def test_bursts_twice_and_events_without_burst_are_errors(tmp_path):
    with pytest.raises(InputError, match=r"b\.root: run 99001 burst 2 is in the burst table twice"):
        select(write(tmp_path / "b.root", bursts=table((1, 2, 2, 3))))
    with pytest.raises(InputError, match="run 99001 burst 3 has events but is not in the burst table"):
        select(write(tmp_path / "c.root", bursts=table((1, 2))))


def test_bursts_without_events_count(tmp_path):
    assert select(write(tmp_path / "a.root", bursts=table((1, 2, 3, 4, 5)))).exposure.pot == 5e12


def test_a_good_run_list_restricts_the_bursts(tmp_path):
    path = write(tmp_path / "a.root", bursts=table(good=[True, True, False]))
    listed = tmp_path / "good.csv"
    listed.write_text("run,burst\n99001,1\n99001,3\n99002,1\n")
    run = select(path, good_runs=listed)
    assert (run.exposure.bursts, len(run.candidates)) == (1, 4)
    listed.write_text("run\n99001\n")
    assert select(path, good_runs=listed).exposure.bursts == 2


def test_a_good_run_list_is_the_burst_table_of_a_layout_without_one(tmp_path):
    listed = tmp_path / "good.csv"
    listed.write_text("run,burst,pot,live_time_s\n99001,1,2e12,4.0\n99001,9,1e12,4.0\n")
    run = select(EventArrays(events()), good_runs=listed)
    assert run.exposure == bdana.events.Exposure(3e12, 8.0, 2)
    assert len(run.candidates) == 4
    listed.write_text("run,burst\n99001,1\n")
    with pytest.raises(InputError, match="must have the columns burst, pot and live_time_s"):
        select(EventArrays(events()), good_runs=listed)


@pytest.mark.parametrize("text", ["run,burst\n1,x\n", "burst\n1\n", "run,colour\n1,2\n", "run,burst\n1\n"])
def test_a_good_run_list_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "good.csv").write_text(text)
    with pytest.raises(InputError, match=r"good\.csv"):
        select(EventArrays(events()), good_runs=tmp_path / "good.csv")


def test_data_without_exposure_are_refused_simulation_is_not():
    assert select(EventArrays(events())).exposure is None
    with pytest.raises(InputError, match="good-run list"):
        select(EventArrays(events()), kind="data")


# Samples


def test_triggers_select_at_reading(tmp_path):
    found = events()
    found["trigger"] = np.arange(12) % 4  # bits: 1 is Q1, 2 is H2
    path = write(tmp_path / "a.root", found)

    def inputs(trigger):
        dataset = bdana.events.Dataset.open([path], kind="mc", trigger=trigger, gate=None)
        return ANALYSIS.select_from(dataset).cutflow.rows[0].events

    assert (inputs("any"), inputs("H2"), inputs("Q1")) == (12, 6, 3)


def test_runs_of_samples_add_up(tmp_path):
    a, b = (write(tmp_path / f"{n}.root", bursts=table(run=99001)) for n in "ab")
    one, two = select(a), select(b)
    both = one + two
    assert both.cutflow.rows[-1].events == 24
    assert both.exposure.pot == 6e12
    assert {r.name: r.observed for r in both.regions}["SR"] == 24
    assert both.hists["mass"].sum(flow=True).value == 24
    with pytest.raises(ConfigError, match="would count double"):
        one + one


# Damage


def rewritten(source, target, change):
    """Copy a bdana file column by column through `change(columns)`."""
    with uproot.open(source) as old, uproot.recreate(target) as new:
        for name in ("events", "bursts"):
            columns = {key: old[name][key].array() for key in old[name].keys() if not key.startswith("n")}  # noqa: SIM118
            change(name, columns)
            if columns:
                new.mktree(name, {key: column.type for key, column in columns.items()}).extend(columns)
    return target


def on(tree, **changes):
    def change(name, columns):
        if name == tree:
            for key, new in changes.items():
                if new is None:
                    del columns[key]
                else:
                    columns[key] = new(columns[key])

    return change


def spoil(value):
    def change(column):
        flat = ak.to_numpy(ak.flatten(column, axis=None)).astype(float)
        flat[3] = value
        return ak.unflatten(flat, ak.num(column)) if column.ndim == 2 else ak.Array(flat)

    return change


@pytest.mark.parametrize(
    "branch", ["tracks_p", "tracks_time", "muv3_x", "lkr_energy", "trigger_time", "tracks_tx_before"]
)
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e13, np.nan])
def test_values_that_cannot_be_are_refused_with_count_and_branch(tmp_path, branch, value):
    path = rewritten(write(tmp_path / "a.root"), tmp_path / "b.root", on("events", **{branch: spoil(value)}))
    with pytest.raises(InputError, match=rf"b\.root: branch '{branch}'.*: 1 of \d+ values"):
        select(path)


def test_nan_is_allowed_for_chi2_only_and_fails_the_cut(tmp_path):
    path = rewritten(write(tmp_path / "a.root"), tmp_path / "b.root", on("events", tracks_chi2=spoil(np.nan)))
    assert len(select(path).candidates) == 11


@pytest.mark.parametrize("branch", ["tracks_p", "tracks_charge", "lav_time", "muv3_time", "run"])
def test_a_missing_branch_is_named(tmp_path, branch):
    path = rewritten(write(tmp_path / "a.root"), tmp_path / "b.root", on("events", **{branch: None}))
    with pytest.raises(MissingColumnError, match=branch):
        select(path, schema="bdana")


@pytest.mark.parametrize(
    ("branch", "new"),
    [
        ("tracks_charge", lambda c: c * 1.5),
        ("trigger_time", lambda c: ak.unflatten(c, 1)),
        ("run", lambda c: c + 0.5),
        ("tracks_charge", lambda c: ak.values_astype(c, np.uint8)),
    ],
)
def test_a_wrong_type_or_shape_is_refused(tmp_path, branch, new):
    path = rewritten(write(tmp_path / "a.root"), tmp_path / "b.root", on("events", **{branch: new}))
    with pytest.raises(InputError, match=branch):
        select(path, schema="bdana")


def test_missing_burst_tree_and_burst_columns_are_named(tmp_path):
    source = write(tmp_path / "a.root")
    with pytest.raises(InputError, match="no tree 'bursts'"):
        select(
            rewritten(source, tmp_path / "b.root", lambda name, c: c.clear() if name == "bursts" else None),
            schema="bdana",
        )
    with pytest.raises(MissingColumnError, match="'pot'"):
        select(rewritten(source, tmp_path / "c.root", on("bursts", pot=None)), schema="bdana")


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 0.995])
def test_a_file_that_is_cut_short_is_refused(tmp_path, share):
    whole = write(tmp_path / "a.root").read_bytes()
    (tmp_path / "cut.root").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"cut\.root"):
        select(tmp_path / "cut.root")


def test_empty_files_and_folders_are_refused(tmp_path):
    (tmp_path / "empty.root").write_bytes(b"")
    for path in (tmp_path / "empty.root", tmp_path):
        with pytest.raises(InputError, match=str(path)):
            select(path)


def test_an_empty_tree_is_a_valid_empty_result(tmp_path):
    run = select(write(tmp_path / "a.root", events()[:0]))
    assert [row.events for row in run.cutflow.rows] == [0] * len(run.cutflow.rows)
    assert run.exposure.bursts == 3


def test_gated_data_need_the_columns_of_the_gate(tmp_path):
    path = rewritten(write(tmp_path / "a.root"), tmp_path / "b.root", on("events", tracks_chi2=None))
    with pytest.raises(BlindingError, match=r"tracks\.chi2"):
        select(path, kind="data", schema="bdana")


@pytest.mark.parametrize("container", ["ttree", "rntuple"])
def test_one_changed_byte_of_a_stored_number_is_found(tmp_path, container, monkeypatch):
    monkeypatch.setattr(uproot, "ZSTD", lambda level: None)  # plain bytes, which no decompression checks
    found = events()
    path = write(tmp_path / "a.root", found, container=container)
    raw = path.read_bytes()
    place = raw.find(struct.pack(">d" if container == "ttree" else "<d", found.tracks.p[0, 0]))
    path.write_bytes(raw[: place + 6] + bytes([raw[place + 6] ^ 1]) + raw[place + 7 :])
    with pytest.raises(InputError, match=r"checksum of branch 'tracks_p' is wrong"):
        select(path)
