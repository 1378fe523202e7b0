"""Files on servers: the same events as from the file, whatever a server does; else an error that names the address."""

import importlib.util
import logging
import os
import pickle
import shutil
import socket
import threading
import time

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.analysis import scaffold, template_folder
from bdana.errors import BadFileError, BadFilesError, InputError
from bdana.events import servers
from bdana.events.dataset import Dataset
from bdana.events.file_names import expand
from bdana.events.files import forget_files, open_events
from bdana.events.remote import RemoteFile, _joined, _merged, matching
from bdana.events.remote_config import RemoteConfig
from bdana.events.writing import write_events
from tests import commands
from tests.servers import HOST, FileServer, XRootD
from tests.synthetic import dimuon_event, good_bursts, records

QUICK = RemoteConfig(timeout_s=5.0, retries=2, wait_s=0.01)
HURRIED = RemoteConfig(timeout_s=0.2, retries=1, wait_s=0.0)
COLUMNS = ["run", "burst", "event", "tracks.p", "tracks.charge", "lkr.energy"]


def client(name, extra):
    return pytest.mark.skipif(
        importlib.util.find_spec(name) is None,
        reason=f"{name} is not installed: pip install 'bdana[{extra}]'",
    )


with_http = client("aiohttp", "http")
with_s3 = client("s3fs", "s3")
with_xrootd = client("fsspec_xrootd", "xrootd")
with_server = pytest.mark.skipif(
    shutil.which("xrootd") is None, reason="no XRootD server here: apt-get install xrootd-server"
)


@pytest.fixture(autouse=True)
def _no_file_stays_open():
    yield
    forget_files()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "bucket" / "2021").mkdir(parents=True)
    chunks = [records([dimuon_event(i) for i in range(start, start + 20)]) for start in (0, 20, 40)]
    write_events(folder / "run.root", chunks, good_bursts())
    write_events(folder / "ntuple.root", chunks, good_bursts(), container="rntuple")
    (folder / "cut.root").write_bytes((folder / "run.root").read_bytes()[:-2000])
    (folder / "text.root").write_text("no ROOT file" * 100)
    (folder / "empty.root").touch()
    for name in ("a.root", "b.root"):
        shutil.copy(folder / "run.root", folder / "bucket" / "2021" / name)
    return folder


@pytest.fixture(scope="module")
def _server(folder):
    server = FileServer(folder)
    yield server
    server.close()


@pytest.fixture
def server(_server):
    _server.reset()
    yield _server
    _server.reset()


@pytest.fixture(scope="module")
def xrootd(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("xrootd")
    for parent in (place, *place.parents):  # the server runs as somebody else
        if parent.is_relative_to(tmp_path_factory.getbasetemp().parent.parent) and os.getuid() == 0:
            parent.chmod(0o755)
    server = XRootD(place)
    for name in ("a.root", "b.root", ".hidden.root"):
        shutil.copy(folder / "run.root", server.data / "eos" / name)
    (server.data / "eos" / "deep").mkdir()
    shutil.copy(folder / "ntuple.root", server.data / "eos" / "deep" / "c.root")
    server.start()
    yield server
    server.stop()


def events_of(location, config=QUICK):
    file = open_events(location, "bdana", config)
    return file.read(COLUMNS, 0, file.entries)


def same(location, path, config=QUICK):
    return ak.array_equal(events_of(location, config), events_of(path), equal_nan=True)


def damaged_reading(server, fault, address, path):
    """Read with a fault of the server in the middle, after the file was opened."""
    file = open_events(address, "bdana", QUICK)
    server.faults = [fault] if not isinstance(fault, list) else list(fault)
    read = file.read(COLUMNS, 0, file.entries)
    assert server.faults == []
    return ak.array_equal(read, events_of(path), equal_nan=True)


@with_http
@pytest.mark.parametrize("name", ["run.root", "ntuple.root"])
def test_events_from_a_server_are_those_of_the_file(server, folder, name):
    assert same(f"{server.url}/{name}", folder / name)
    assert server.requests["HEAD"] == 0


@with_http
def test_only_the_columns_that_are_read_are_sent(server, folder, monkeypatch):
    monkeypatch.setattr("bdana.events.remote._GAP", 0)
    file = open_events(f"{server.url}/run.root", "bdana", QUICK)
    server.reset()
    file.read(["run"], 0, file.entries)
    assert server.sent < 0.1 * (folder / "run.root").stat().st_size


@with_http
@pytest.mark.parametrize(
    "fault", [["away"] * 4, "truncated", "short", "elsewhere", 503, 429, ["truncated", 500]]
)
def test_a_server_that_fails_and_comes_back_loses_nothing(server, folder, caplog, fault):
    address = f"{server.url}/run.root"
    with caplog.at_level(logging.WARNING, "bdana"):
        assert damaged_reading(server, fault, address, folder / "run.root")
    assert all(
        f"{address}: " in text and "asked again in 0.01 s (1 of 2)" in text for text in caplog.messages[:1]
    )
    assert caplog.messages


@with_http
def test_what_was_sent_is_not_asked_for_again(server, folder, monkeypatch):
    monkeypatch.setattr("bdana.events.remote._GAP", -1)
    monkeypatch.setattr("bdana.events.remote._AT_ONCE", 1)
    file = RemoteFile(f"{server.url}/run.root", QUICK)
    server.reset()
    server.faults = [206, "away"]  # the first is a 206 without range
    data = file.read([(0, 10), (100, 110), (200, 210)])
    whole = (folder / "run.root").read_bytes()
    assert data == [whole[0:10], whole[100:110], whole[200:210]]
    assert server.requests["GET"] == 3 + 1 + 2  # all, a look whether the file is the same, those that failed


@with_http
@pytest.mark.parametrize(
    ("name", "fault", "message"),
    [
        ("nothing.root", None, r"no such file on the server \(404 Not Found\)"),
        ("run.root", 403, r"no permission to read it \(403 Forbidden\): log in, or ask who may"),
        ("run.root", 401, r"no permission to read it \(401 Unauthorized\)"),
        ("run.root", 400, r"cannot be read \(400 Bad Request\); check the address"),
        ("empty.root", None, "is empty, or cut short"),
        ("text.root", None, "not a ROOT file"),
        ("cut.root", None, "cut short, .* bytes are there; copy the file again"),
    ],
)
def test_what_waiting_does_not_change_is_said_at_once(server, caplog, name, fault, message):
    server.faults = [fault] if fault else []
    address = f"{server.url}/{name}"
    with pytest.raises(InputError, match=f"^{address}: {message}"):
        open_events(address, "bdana", RemoteConfig(retries=50, wait_s=10.0))
    assert not caplog.messages


@with_http
def test_a_server_that_ignores_ranges_sends_no_whole_file(server):
    server.ranges = False
    with pytest.raises(
        InputError, match=r"/run\.root: the server ignores the range .*; put simplecache:: in front"
    ):
        open_events(f"{server.url}/run.root", "bdana", QUICK)
    assert server.requests["GET"] == 1


@with_http
def test_a_web_page_is_no_file(server):
    server.html = True
    with pytest.raises(InputError, match=r"/run\.root: the server sends a web page, perhaps to log in"):
        open_events(f"{server.url}/run.root", "bdana", QUICK)


@with_http
def test_a_server_that_never_answers_is_given_up_in_time(server):
    server.faults = ["silent"] * 4
    begun = time.monotonic()
    with pytest.raises(
        InputError,
        match=rf"^{server.url}/run.root: cannot be read \(no answer within 0.2 s; asked 2 times in \d s\); is the server up\? "
        r"Try later, wait longer \(`--set remote.retries=10`",
    ):
        open_events(f"{server.url}/run.root", "bdana", HURRIED)
    assert time.monotonic() - begun < 10


@with_http
@pytest.mark.parametrize("command", [("check",), ("check", "--sums", "--kind", "mc"), ("init",)])
def test_schema_commands_wait_as_long_as_the_analysis_says(server, tmp_path, command):
    scaffold(tmp_path / "a")
    with (tmp_path / "a" / "analysis.toml").open("a") as file:
        file.write("\n[remote]\ntimeout_s = 0.2\nretries = 0\n")
    verb, *options = command
    server.faults = ["silent"]
    done = commands.bdana("schema", verb, f"{server.url}/run.root", *options, cwd=tmp_path / "a")
    assert done.returncode == 2
    assert "no answer within 0.2 s; asked once" in done.stderr
    server.reset()
    done = commands.bdana("schema", verb, f"{server.url}/run.root", *options, cwd=tmp_path / "a")
    assert done.returncode == 0


@with_http
def test_a_server_that_is_not_there_is_named(server):
    with socket.socket() as free:
        free.bind((HOST, 0))
        address = f"http://{HOST}:{free.getsockname()[1]}/run.root"
    with pytest.raises(InputError, match=f"^{address}: cannot be read .*asked 2 times"):
        open_events(address, "bdana", HURRIED)


@with_http
def test_waits_double_up_to_a_minute(server, monkeypatch):
    waited = []
    monkeypatch.setattr("bdana.events.servers.time.sleep", waited.append)
    server.faults = [500] * 20
    with pytest.raises(InputError, match="asked 8 times"):
        open_events(f"{server.url}/run.root", "bdana", RemoteConfig(retries=7, wait_s=2.0))
    assert waited == [2, 4, 8, 16, 32, 60, 60]


@with_http
@pytest.mark.parametrize("away", [0, 2])
def test_a_file_that_changes_while_it_is_read_is_refused(server, folder, away):
    path = folder / "changing.root"
    shutil.copy(folder / "run.root", path)
    file = open_events(f"{server.url}/changing.root", "bdana", QUICK)
    os.utime(path, (1, 1))
    server.faults = ["away"] * away  # the client itself asks once more
    with pytest.raises(
        InputError, match=r"changing\.root: was changed on the server while it was read; start again"
    ):
        file.read(COLUMNS, 0, file.entries)


@with_http
def test_a_changed_file_is_opened_anew(server, folder):
    path = folder / "replaced.root"
    shutil.copy(folder / "run.root", path)
    assert open_events(f"{server.url}/replaced.root", "bdana", QUICK).entries == 60
    write_events(path, [records([dimuon_event()])], good_bursts())
    assert open_events(f"{server.url}/replaced.root", "bdana", QUICK).entries == 1


@with_http
def test_workers_read_the_file_that_was_opened(server, folder):
    path = folder / "sent.root"
    shutil.copy(folder / "run.root", path)
    sent = pickle.dumps(open_events(f"{server.url}/sent.root", "bdana", QUICK))
    forget_files()
    assert len(pickle.loads(sent).read(["run"], 0, 60)) == 60
    forget_files()
    os.utime(path, (1, 1))
    again = pickle.loads(sent)
    with pytest.raises(InputError, match=r"sent\.root: was changed on the server"):
        again.read(["run"], 0, 60)


@with_http
def test_a_dataset_of_files_here_and_on_a_server(server, folder):
    (folder / "list.txt").write_text(f"# two\n{server.url}/run.root\nntuple.root\n")
    files = [f"@{folder / 'list.txt'}"]
    assert expand(files) == [f"{server.url}/run.root", folder / "ntuple.root"]
    dataset = Dataset.open(files, kind="mc", gate=None, remote=QUICK)
    assert dataset.files == (f"{server.url}/run.root", str(folder / "ntuple.root"))
    assert dataset.exposure.pot == 1e12
    again = pickle.loads(pickle.dumps(dataset))
    (chunk, _) = again.chunks(COLUMNS)
    assert ak.array_equal(again.read(chunk, COLUMNS), events_of(folder / "run.root"), equal_nan=True)


@with_http
def test_a_file_that_is_not_there_is_a_bad_file_and_a_server_that_fails_is_none(server, folder):
    files = [f"{server.url}/run.root", f"{server.url}/nothing.root", f"{server.url}/neither.root"]
    with pytest.raises(BadFilesError, match=r"2 files cannot be read") as told:
        Dataset.open(files, kind="mc", gate=None, remote=QUICK)
    assert str(told.value).count("no such file on the server") == 2
    dataset = Dataset.open(files, kind="mc", gate=None, remote=QUICK, allow_bad_files=True)
    assert [bad.file for bad in dataset.bad_files] == files[1:]
    forget_files()
    server.faults = [503] * 3
    with pytest.raises(InputError, match=r"run\.root: cannot be read .*asked 3 times") as told:
        Dataset.open(files, kind="mc", gate=None, remote=QUICK, allow_bad_files=True)
    assert not isinstance(told.value, BadFileError)


@with_http
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # of fsspec's blockcache
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("cache", ["simplecache", "filecache", "blockcache"])
def test_caches_read_the_same(server, folder, tmp_path, monkeypatch, cache):
    monkeypatch.setitem(servers.conf, cache, {"cache_storage": str(tmp_path)})
    server.ranges = cache == "blockcache"
    address = f"{cache}::{server.url}/run.root"
    assert same(address, folder / "run.root")
    sent = server.sent
    forget_files()
    assert same(address, folder / "run.root")
    assert server.sent == sent
    assert list(tmp_path.iterdir())


@with_http
@pytest.mark.parametrize("fault", ["away", "truncated", 500])
def test_half_a_file_in_a_cache_is_not_kept(server, folder, tmp_path, monkeypatch, fault):
    monkeypatch.setitem(servers.conf, "simplecache", {"cache_storage": str(tmp_path)})
    server.faults = [fault]
    assert same(f"simplecache::{server.url}/run.root", folder / "run.root")
    assert server.faults == []


@with_http
@pytest.mark.parametrize(("name", "fault"), [("nothing.root", None), ("run.root", 403)])
def test_caches_say_at_once_what_waiting_does_not_change(server, tmp_path, monkeypatch, name, fault):
    monkeypatch.setitem(servers.conf, "simplecache", {"cache_storage": str(tmp_path)})
    server.faults = [fault] * 2 if fault else []
    message = "no permission to read it" if fault else "no such file on the server"
    with pytest.raises(InputError, match=f"^simplecache::{server.url}/{name}: {message}"):
        open_events(f"simplecache::{server.url}/{name}", "bdana", RemoteConfig(retries=50, wait_s=10.0))


@with_s3
class TestS3:
    @pytest.fixture(autouse=True)
    def _bucket(self, server, monkeypatch):
        for name, value in {"ACCESS_KEY_ID": "me", "SECRET_ACCESS_KEY": "x", "DEFAULT_REGION": "eu"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setitem(servers.conf, "s3", {"endpoint_url": server.url})

    def test_events_from_a_bucket_are_those_of_the_file(self, folder):
        assert same("s3://bucket/2021/a.root", folder / "run.root")

    def test_a_bucket_lists_what_matches(self):
        assert matching("s3://bucket/2021/*.root", QUICK) == [
            "s3://bucket/2021/a.root",
            "s3://bucket/2021/b.root",
        ]
        with pytest.raises(InputError, match=r"^s3://bucket/2022/\*\.root: no file on the server matches"):
            matching("s3://bucket/2022/*.root", QUICK)

    def test_an_object_that_is_not_there(self):
        with pytest.raises(InputError, match=r"^s3://bucket/2021/x\.root: no such file on the server"):
            open_events("s3://bucket/2021/x.root", "bdana", RemoteConfig(retries=50, wait_s=10.0))

    def test_a_bucket_that_fails_and_comes_back(self, server, folder):
        assert damaged_reading(server, "truncated", "s3://bucket/2021/b.root", folder / "run.root")


@with_xrootd
@with_server
class TestXRootD:
    def test_events_from_a_server_are_those_of_the_file(self, xrootd, folder):
        assert same(f"{xrootd.url}/eos/a.root", folder / "run.root")
        assert same(f"{xrootd.url.replace('root:', 'xroot:')}/eos/a.root", folder / "run.root")
        assert same(f"simplecache::{xrootd.url}/eos/deep/c.root", folder / "ntuple.root")

    def test_a_server_lists_what_matches(self, xrootd):
        there = [f"{xrootd.url}/eos/{name}" for name in ("a.root", "b.root", "deep/c.root")]
        assert matching(f"{xrootd.url}/eos/*.root", QUICK) == there[:2]
        assert matching(f"{xrootd.url}/eos/[b]*.root", QUICK) == there[1:2]
        assert matching(f"{xrootd.url}/eos/**/*.root", QUICK) == there
        assert matching(f"simplecache::{xrootd.url}/eos/a*", QUICK) == [f"simplecache::{there[0]}"]
        assert expand(f"{xrootd.url}/eos/*.root", remote=QUICK) == there[:2]
        for pattern, message in {
            "/eos/*.txt": "no file on the server matches",
            "/no/*.root": "no such file",
        }.items():
            with pytest.raises(InputError, match=message):
                matching(f"{xrootd.url}{pattern}", QUICK)

    @pytest.mark.parametrize(
        ("name", "message"),
        [("x.root", "no such file on the server"), ("deep", "is a folder, not a ROOT file")],
    )
    def test_what_is_no_file(self, xrootd, name, message):
        with pytest.raises(InputError, match=f"^{xrootd.url}/eos/{name}: {message}$"):
            open_events(f"{xrootd.url}/eos/{name}", "bdana", RemoteConfig(retries=50, wait_s=10.0))

    def test_a_server_that_goes_away_and_comes_back_loses_nothing(self, xrootd, folder, caplog):
        address = f"{xrootd.url}/eos/b.root"
        file = open_events(address, "bdana", RemoteConfig(timeout_s=2.0, retries=5, wait_s=0.2))
        first = file.read(COLUMNS, 0, 20)
        xrootd.stop()
        with pytest.raises(InputError, match=f"^{address}: cannot be read .*; is the server up"):
            RemoteFile(address, HURRIED)
        later = threading.Timer(0.5, xrootd.start)
        later.start()
        with caplog.at_level(logging.WARNING, "bdana"):
            rest = file.read(COLUMNS, 20, 60)
        later.join()
        assert caplog.messages
        assert ak.array_equal(ak.concatenate([first, rest]), events_of(folder / "run.root"), equal_nan=True)

    def test_a_server_that_never_answers_is_given_up_in_time(self):
        with socket.socket() as deaf:
            deaf.bind((HOST, 0))
            deaf.listen()
            address = f"root://{HOST}:{deaf.getsockname()[1]}//eos/a.root"
            with pytest.raises(InputError, match=rf"^{address}: cannot be read .*asked once\)"):
                open_events(address, "bdana", RemoteConfig(timeout_s=0.3, retries=0))


@pytest.mark.parametrize(
    ("address", "missing", "said"),
    [
        (
            "root://host//eos/a.root",
            ImportError("x"),
            r"needs the extra 'xrootd': pip install 'bdana\[xrootd\]'",
        ),
        ("root://host//eos/a.root", ValueError("Protocol not known: root"), r"'bdana\[xrootd\]'"),
        ("xroot://host//a.root", ImportError("x"), r"'bdana\[xrootd\]'"),
        ("https://host/a.root?x=*", ImportError("x"), r"'bdana\[http\]', or copy the file here"),
        ("simplecache::http://host/a.root", ImportError("x"), r"'bdana\[http\]'"),
        ("s3://bucket/a.root", ImportError("x"), r"'bdana\[s3\]'"),
        (
            "gs://bucket/a.root",
            ImportError("Please install gcsfs"),
            r"\(Please install gcsfs\); install what reads it",
        ),
        ("warp://host/a.root", ValueError("Protocol not known: warp"), "cannot be read"),
        ("roots://host//a.root", ValueError("Protocol not known: roots"), "write root://"),
    ],
)
def test_the_extra_that_is_missing_is_named(address, missing, said, monkeypatch):
    def failing(*given, **options):
        raise missing

    monkeypatch.setattr(servers, "url_to_fs", failing)
    monkeypatch.setattr(servers, "import_module", failing)
    with pytest.raises(InputError) as told:
        RemoteFile(address, QUICK)
    assert str(told.value).startswith(f"{address}: ")
    assert told.match(said)


def test_how_long_servers_are_waited_for_is_in_no_hash_and_no_freeze():
    usual, patient = (bdana.load(template_folder(), overrides=o) for o in ([], ["remote.retries=9"]))
    assert patient.config.remote.retries == 9
    assert patient.hash == usual.hash
    assert "remote" not in patient.config.model_dump(by_alias=True)


def test_patterns_stay_as_they_are_where_nobody_may_be_asked():
    for address in ("root://host//eos/*.root", "s3://bucket/*.root"):
        assert expand(address) == [address]
    assert expand("https://host/a.root?x=*", remote=QUICK) == ["https://host/a.root?x=*"]


def test_ranges_are_asked_for_together_and_come_back_one_by_one(monkeypatch):
    monkeypatch.setattr("bdana.events.remote._GAP", 10)
    monkeypatch.setattr("bdana.events.remote._MOST", 100)
    assert _merged([(50, 60), (0, 45), (300, 300), (400, 650)]) == [
        (0, 60),
        (400, 500),
        (500, 600),
        (600, 650),
    ]
    rng = np.random.default_rng(1)
    data = rng.bytes(3000)
    for _ in range(50):
        edges = rng.integers(0, 3000, (rng.integers(1, 20), 2))
        ranges = [(int(min(edge)), int(max(edge))) for edge in edges]
        asked = _merged(ranges)
        assert all(0 < stop - start <= 100 for start, stop in asked)
        got = {(start, stop): data[start:stop] for start, stop in asked}
        assert [_joined(got, asked, *one) for one in ranges] == [data[start:stop] for start, stop in ranges]
