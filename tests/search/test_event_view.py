"""Pictures of single events: what they show, and that a closed event is refused like one that is not there."""

import json
from types import SimpleNamespace

import pytest

import bdana
from bdana.errors import BlindingError, InputError
from bdana.events import write_events
from bdana.events.files import EventFile
from bdana.events.plain_events import plain_events
from bdana.plotting import save_event
from bdana.search import event_view
from bdana.search.event_view import view_event
from tests import commands
from tests.synthetic import dimuon_event, good_bursts, records


@pytest.fixture
def analysis(tmp_path):
    """Samples with a closed event, 1, of signal-like tracks, and an open one, 2, of like-sign tracks."""
    closed, open_one = dimuon_event(1), dimuon_event(2)
    open_one["tracks"][0] |= {"charge": -1}
    path = tmp_path / "events.root"
    write_events(path, [records([closed, open_one])], good_bursts())
    files = json.dumps([str(path)])
    return bdana.load(
        overrides=[f'samples.{kind}={{kind="{kind}", files={files}}}' for kind in ("data", "pseudo", "mc")]
    )


def number(event):
    return dimuon_event(event)["run"], dimuon_event(event)["burst"], event


@pytest.mark.parametrize("sample", ["data", "pseudo"])
def test_a_closed_event_is_refused_like_one_that_is_not_there(analysis, sample):
    said = []
    for event in (1, 77):
        with pytest.raises(
            BlindingError, match="closed events are not shown, whether they exist or not"
        ) as refused:
            view_event(analysis, sample, number(event))
        said.append(str(refused.value).replace(f"event {event}", "event N"))
    assert said[0] == said[1]
    assert view_event(analysis, sample, number(2)).event == number(2)


def test_an_event_of_simulation_is_shown_with_its_quantities(analysis, tmp_path):
    view = view_event(analysis, "mc", number(1))
    assert "SR" in str(view.quantities["region"])
    picture = tmp_path / "event.png"
    save_event(view, picture, "event 1")
    assert picture.stat().st_size > 0
    with pytest.raises(InputError, match="has no event run"):
        view_event(analysis, "mc", number(77))


def test_an_opened_event_is_shown_as_the_opening_wrote_it_down(analysis, tmp_path, monkeypatch):
    (plain,) = plain_events(records([dimuon_event(1)]))
    written = json.loads(json.dumps(plain))  # as the ledger holds it
    written.pop("weight", None)  # which sealed data do not have
    data = bdana.load(analysis.folder, [*analysis.overrides, 'search.data="data"'])
    expected = view_event(analysis, "mc", number(1))
    monkeypatch.setattr(event_view, "opened_events", lambda analysis: [written])
    monkeypatch.setattr(event_view, "opened_regions", lambda analysis: [SimpleNamespace(name="SR")])
    view = view_event(data, "data", number(1))
    assert view.quantities == expected.quantities
    assert view.cuts == expected.cuts
    assert (view.label, view.sample) == ("data", "data")
    assert view.closed == ("CR", "CR1", "CR2", "CR3")
    for name, hits in expected.hits.items():
        for field, values in hits.items():
            assert view.hits[name][field] == pytest.approx(values)
    with pytest.raises(BlindingError, match="closed events are not shown"):
        view_event(data, "data", number(77))
    with pytest.raises(BlindingError, match="closed events are not shown"):
        view_event(data, "pseudo", number(1))  # of another sample nothing was opened
    monkeypatch.setattr(EventFile, "simulated", True)
    assert view_event(data, "data", number(1)).label == "pseudo-data", "as everything else of its sample says"


def test_the_command_draws_an_event_and_refuses_a_closed_one(analysis, tmp_path):
    path = tmp_path / "event.png"

    def display(event, sample):
        files = json.dumps(list(analysis.config.samples[sample].files))
        chosen = f'samples.{sample}={{kind="{sample}", files={files}}}'
        options = ["--sample", sample, "--plot", str(path), "--json", "--set", chosen]
        return commands.bdana("display", *map(str, number(event)), *options, cwd=analysis.folder)

    refused = display(1, "data")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert not path.exists()
    shown = display(1, "mc")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["quantities"]["region"] == "SR"
    assert path.stat().st_size > 10_000
