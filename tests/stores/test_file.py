"""What is special to the file store: whole files, private modes, no links, full disks, no leftovers."""

from __future__ import annotations

import errno
import math
import os
import resource
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from filelock import FileLock
from small_disk import mounted, remount

from flask_gosession import ids
from flask_gosession.engine.purging import purge_all
from flask_gosession.errors import ConfigError, StoreUnavailable
from flask_gosession.stores.base import Record, Swap
from flask_gosession.stores.file import FileStore
from flask_gosession.stores.file import store as file_store
from flask_gosession.stores.file.directory import STRIPES, Opened
from flask_gosession.stores.file.envelope import seal
from flask_gosession.stores.file.store import LEFTOVER_AGE
from flask_gosession.testing.proofs.contract import StoreContract

HOUR = 3600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records"


@pytest.fixture
def store(path: Path) -> FileStore:
    return FileStore.from_url(path.as_uri())


def new(value: bytes = b"value") -> Record:
    return Record(value, ids.new_etag())


def put(store: FileStore, subject: str = "a", value: bytes = b"value", expires_at: float | None = None) -> Record:
    record = new(value)
    end = time.time() + HOUR if expires_at is None else expires_at
    assert store.swap(subject, None, record, end) is Swap.DONE
    return record


def records(path: Path) -> list[Path]:
    return [file for file in path.iterdir() if file.suffix != ".lock"]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def exhaust(held: list[int]) -> None:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))


def fill(store: FileStore, kept: dict[str, Record]) -> None:
    for number in range(100):
        kept[str(number)] = put(store, str(number), b"x" * 6000)


class TestContract(StoreContract):
    @pytest.fixture
    def store(self, path: Path) -> FileStore:
        return FileStore.from_url(path.as_uri())

    @pytest.fixture
    def corrupt(self, store: FileStore, path: Path) -> Callable[[str], None]:
        def cut(subject: str) -> None:
            file = path / store._name(subject)
            file.write_bytes(file.read_bytes()[:-1])

        return cut


def test_private_modes(store: FileStore, path: Path) -> None:
    """The directory is 0700 and every file in it 0600, locks too, whatever the umask. STO-06."""
    before = os.umask(0)
    try:
        put(store)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o600}


def test_names_tell_nothing(store: FileStore, path: Path) -> None:
    """A file is named by a hash, so that no subject leaves the directory or reaches the file system. STO-02."""
    put(store, "../../etc/passwd")
    assert [len(file.name) for file in records(path)] == [64]
    assert list(store.subjects()) == ["../../etc/passwd"]


def test_truncated_at_every_byte(store: FileStore, path: Path) -> None:
    """A file cut off anywhere reads as an empty record that the next login replaces. STO-06."""
    put(store, value=b"a\nb" * 10)
    (file,) = records(path)
    whole = file.read_bytes()
    etags = set()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        damaged = store.load("a")
        assert damaged is not None, length
        assert (damaged.value, len(damaged.etag)) == (b"", 8), length
        etags.add(damaged.etag)
    assert len(etags) == len(whole)
    assert store.swap("a", damaged.etag, new(b"again"), time.time() + HOUR) is Swap.DONE


def test_changed_at_every_byte(store: FileStore, path: Path) -> None:
    """A file with any one byte changed is damaged: the checksum covers header and value."""
    put(store)
    (file,) = records(path)
    whole = file.read_bytes()
    for at in set(range(len(whole))) - {64}:  # the blank between checksum and header carries nothing
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        damaged = store.load("a")
        assert damaged is not None
        assert damaged.value == b"", at


def test_file_of_another_subject(store: FileStore, path: Path) -> None:
    """A file copied over another subject's is damaged, not that subject's session. STO-02."""
    put(store, "a")
    (mine,) = records(path)
    put(store, "b")
    (theirs,) = set(records(path)) - {mine}
    theirs.write_bytes(mine.read_bytes())
    damaged = store.load("b")
    assert damaged is not None
    assert damaged.value == b""


def test_linked_file_is_not_followed(store: FileStore, path: Path, tmp_path: Path) -> None:
    """A symbolic link in place of a record is damage; replacing it leaves what it points to alone. STO-06."""
    put(store)
    (file,) = records(path)
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    content = elsewhere.read_bytes()
    file.symlink_to(elsewhere)
    damaged = store.load("a")
    assert damaged is not None
    assert damaged.value == b""
    assert store.swap("a", damaged.etag, new(), time.time() + HOUR) is Swap.DONE
    assert (file.is_symlink(), elsewhere.read_bytes()) == (False, content)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "directory"])
def test_irregular_file(store: FileStore, path: Path, make: Callable[[Path], None]) -> None:
    """A pipe or directory in place of a record neither blocks nor crashes a check, and leaks no descriptor."""
    put(store)
    (file,) = records(path)
    file.unlink()
    make(file)
    before = open_files()
    for _ in range(3):
        damaged = store.load("a")
        assert damaged is not None
        assert damaged.value == b""
    assert open_files() == before


def test_linked_directory_is_refused(path: Path, tmp_path: Path) -> None:
    """A store is not opened through a symbolic link. STO-06."""
    (tmp_path / "real").mkdir(mode=0o700)
    path.symlink_to(tmp_path / "real")
    with pytest.raises(ConfigError, match="cannot be used"):
        FileStore.from_url(path.as_uri())


def test_directory_exchanged_for_a_link(store: FileStore, path: Path) -> None:
    """A directory that became a link is an outage, not an empty store. STO-06."""
    put(store)
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))
    with pytest.raises(StoreUnavailable):
        store.load("a")


def test_missing_directory_is_an_outage(store: FileStore, path: Path) -> None:
    """A directory that is gone does not read as signed out."""
    path.rmdir()
    for call in (
        store.ping,
        lambda: store.load("a"),
        lambda: put(store),
        lambda: store.purge(0),
        store.subjects().__next__,
    ):
        with pytest.raises(StoreUnavailable):
            call()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux shows the folder behind a descriptor")
def test_directory_taken_away_during_a_write(store: FileStore, path: Path) -> None:
    """The write makes no new one, which would read as a store without sessions, and could be read by all."""
    with store._directory.opened() as directory:
        path.rename(path.with_name("away"))
        with directory.locked("0" * 64):
            assert (path.with_name("away") / "00.lock").exists()
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_shared_directory_is_refused(path: Path, mode: int) -> None:
    """A directory that others can look into is refused with advice, and left as it is. STO-06."""
    path.mkdir()
    path.chmod(mode)
    with pytest.raises(ConfigError, match="0700"):
        FileStore.from_url(path.as_uri())
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize(
    "url", ["file://", "file:///", "file://host/path", "file:path", "file:///p?x=1", "file:///p#x"]
)
def test_bad_url(url: str) -> None:
    """A URL that is not one absolute path is a start-up error."""
    with pytest.raises(ConfigError, match="absolute path"):
        FileStore.from_url(url)


@pytest.mark.parametrize("timeout", ["", "0", "-1", "nan", "inf", "long"])
def test_bad_timeout(path: Path, timeout: str) -> None:
    """A timeout that is no number of seconds above zero is a start-up error."""
    with pytest.raises(ConfigError, match="timeout"):
        FileStore.from_url(f"{path.as_uri()}?timeout={timeout}")


def test_replicas_are_refused(path: Path) -> None:
    """A store without replicas cannot be told to wait for them."""
    with pytest.raises(ConfigError, match="WAIT_REPLICAS"):
        FileStore.from_url(path.as_uri(), wait_replicas=1)


def test_prefixes_share_a_directory(store: FileStore, path: Path) -> None:
    """Two prefixes in one directory see, list and purge their own records only."""
    other = FileStore.from_url(path.as_uri(), key_prefix="other")
    mine = put(store, expires_at=0.0)
    assert other.load("a") is None
    assert list(other.subjects()) == []
    assert other.purge(time.time()) == 0
    assert store.load("a") == mine


def test_lock_files_are_few(store: FileStore, path: Path) -> None:
    """However many subjects there are, there are at most 64 lock files."""
    for number in range(300):
        put(store, str(number))
    locks = [file for file in path.iterdir() if file.suffix == ".lock"]
    assert 0 < len(locks) <= STRIPES


def test_held_lock(store: FileStore, path: Path) -> None:
    """A lock that another process keeps is waited for a quarter of a second; reads go on. STO-07."""
    first = put(store)
    (lock,) = [file for file in path.iterdir() if file.suffix == ".lock"]
    with FileLock(lock):
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.swap("a", first.etag, new(), time.time() + HOUR)
        assert 0.2 < time.monotonic() - started < 2.0
        assert store.load("a") == first
    assert store.swap("a", first.etag, new(), time.time() + HOUR) is Swap.DONE


def test_overtaken_while_waiting(store: FileStore, path: Path) -> None:
    """Who waits in vain for the lock while another writer wins has lost, which is no outage."""
    first, second = put(store), new(b"second")
    (lock,) = [file for file in path.iterdir() if file.suffix == ".lock"]
    outcomes: list[Swap] = []
    waiter = threading.Thread(target=lambda: outcomes.append(store.swap("a", first.etag, new(), time.time() + HOUR)))
    with FileLock(lock):
        waiter.start()
        (file,) = records(path)
        aside = path / ".new-test"
        aside.write_bytes(seal("a", second, time.time() + HOUR))
        aside.replace(file)
        waiter.join()
    assert outcomes == [Swap.LOST]
    assert store.load("a") == second


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("call", ["open", "utime", "fsync", "replace"])
def test_failing_write(store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int) -> None:
    """Whatever step of a write fails, the store is unavailable, the old record stands and nothing is left. STO-08."""
    first = put(store)
    real = getattr(os, call)

    def fail(*args: object, **kwargs: object) -> object:
        if call == "open" and not (isinstance(args[0], str) and args[0].startswith(".new-")):
            return real(*args, **kwargs)
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(StoreUnavailable):
            store.swap("a", first.etag, new(b"second"), time.time() + HOUR)
    assert store.load("a") == first
    assert len(records(path)) == 1


def test_out_of_descriptors(store: FileStore) -> None:
    """A process at its limit of open files gets StoreUnavailable, and goes on once it has some again. STO-08."""
    first = put(store)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        with pytest.raises(OSError, match="Too many"):
            exhaust(held)
        with pytest.raises(StoreUnavailable):
            store.load("a")
        with pytest.raises(StoreUnavailable):
            store.swap("a", first.etag, new(), time.time() + HOUR)
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert store.load("a") == first


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 KiB."""
    with mounted(tmp_path, "64k") as disk:
        yield disk


def test_full_disk(disk: Path) -> None:
    """On a full disk a login is refused, every old record stays whole, no leftovers, and a logout still works."""
    store = FileStore.from_url((disk / "records").as_uri())
    first = put(store, "first", b"x" * 6000)
    kept = {"first": first}
    with pytest.raises(StoreUnavailable) as caught:
        fill(store, kept)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    with pytest.raises(StoreUnavailable):
        store.swap("first", first.etag, new(b"y" * 12000), time.time() + HOUR)
    assert {subject: store.load(subject) for subject in kept} == kept
    assert len(records(disk / "records")) == len(kept)
    assert store.swap("first", first.etag, None, 0.0) is Swap.DONE


def test_read_only_disk(disk: Path) -> None:
    """On a disk that went read-only checks go on and writes are refused. STO-08."""
    store = FileStore.from_url((disk / "records").as_uri())
    first = put(store)
    remount(disk, "ro")
    with pytest.raises(StoreUnavailable):
        store.swap("a", first.etag, None, 0.0)
    assert store.load("a") == first


def test_purge_leaves_foreign_files(store: FileStore, path: Path) -> None:
    """A file that is not named like one of ours is never touched."""
    foreign = path / "README"
    foreign.write_text("mine")
    os.utime(foreign, (0, 0))
    assert store.purge(time.time()) == 0
    assert foreign.read_text() == "mine"


def test_purge_of_leftovers(store: FileStore, path: Path) -> None:
    """What a killed process left half-written, and damaged files, go after a day and not before."""
    put(store)
    (file,) = records(path)
    file.write_bytes(b"damaged")
    (path / ".new-0123456789abcdef").write_bytes(b"half")
    assert (store.purge(time.time() + HOUR), len(records(path))) == (0, 2)
    assert (store.purge(time.time() + LEFTOVER_AGE + HOUR), len(records(path))) == (1, 0)


def test_purge_of_what_a_killed_writer_left(store: FileStore, path: Path) -> None:
    """TRU-02: a temporary file whose record would have lived for a year goes a day after it was written, too."""
    with store._directory.opened() as directory:
        directory.write_aside(b"half", time.time() + 365 * 24 * HOUR)
    assert (store.purge(time.time() + HOUR), len(records(path))) == (0, 1)
    assert (store.purge(time.time() + LEFTOVER_AGE + HOUR), len(records(path))) == (0, 0)


def test_purge_looks_through_the_folder_once(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """TRU-02: however much has ended, a purge lists the folder once, and lets others have their turn meanwhile."""
    for number in range(60):
        put(store, f"user-{number}")
    listed: list[object] = []
    turns: list[float] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda fd: listed.append(fd) or scandir(fd))
    monkeypatch.setattr(time, "sleep", turns.append)
    assert purge_all(store, time.time() + 365 * 24 * HOUR) == 60
    assert (len(listed), len(turns) >= 2) == (1, True)


def test_purge_takes_each_lock_once_for_many_files(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eighty files, those that share one of the sixty-four locks are deleted under it together."""
    for number in range(80):
        put(store, f"user-{number}")
    taken: list[str] = []
    locked = Opened.locked
    monkeypatch.setattr(file_store, "HELD", math.inf)  # however slow the machine is
    monkeypatch.setattr(Opened, "locked", lambda self, name: (taken.append(name), locked(self, name))[1])
    assert store.purge(time.time() + 365 * 24 * HOUR) == 80
    stripes = [int(name[:8], 16) % 64 for name in taken]
    assert len(stripes) == len(set(stripes))


def test_purge_gives_a_lock_to_others_now_and_then(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a deletion takes long, a purge holds no lock for more than one, however many files share it."""
    for number in range(80):
        put(store, f"user-{number}")
    held: list[int] = []
    locked, remove = Opened.locked, Opened.remove
    monkeypatch.setattr(file_store, "HELD", 0.0)
    monkeypatch.setattr(Opened, "locked", lambda self, name: (held.append(0), locked(self, name))[1])
    monkeypatch.setattr(Opened, "remove", lambda self, name: (held.append(held.pop() + 1), remove(self, name))[1])
    assert store.purge(time.time() + 365 * 24 * HOUR) == 80
    assert held == [1] * 80


def test_purge_spares_what_was_renewed_after_the_look(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that a writer renewed while the purge came to it is read again under its lock, and stays."""
    first, second = put(store, expires_at=time.time() - HOUR), new(b"second")
    locked = Opened.locked

    def renew(self: Opened, name: str) -> AbstractContextManager[None]:
        monkeypatch.undo()
        assert store.swap("a", first.etag, second, time.time() + HOUR) is Swap.DONE
        return locked(self, name)

    monkeypatch.setattr(Opened, "locked", renew)
    assert store.purge(time.time()) == 0
    assert store.load("a") == second


def test_a_file_is_read_whole_in_parts(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that gives less of a file than it was asked for is asked for the rest."""
    first = put(store, value=b"x" * 500)
    read = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: read(fd, min(size, 7)))
    assert store.load("a") == first


def test_purge_believes_the_header(store: FileStore, path: Path) -> None:
    """The time of change only hints at the end: a file that was touched is not purged early. STO-05."""
    first = put(store)
    os.utime(records(path)[0], (0, 0))
    assert store.purge(time.time()) == 0
    assert store.load("a") == first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_fork_while_a_thread_waits(store: FileStore, path: Path) -> None:
    """A child forked while a thread held a turn writes at once: it has turns of its own."""
    first = put(store)
    code = (
        "import os, sys\n"
        "from contextlib import ExitStack\n"
        "from flask_gosession.stores.base import Record\n"
        "from flask_gosession.stores.file import FileStore\n"
        "store = FileStore.from_url(sys.argv[1])\n"
        "turns = ExitStack()\n"
        "for stripe in range(64): turns.enter_context(store._directory._turns.hold(stripe))\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    done = store.swap('a', bytes.fromhex(sys.argv[2]), Record(b'child', b'12345678'), 9e9)\n"
        "    os._exit(0 if done.value == 'done' else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    subprocess.run([sys.executable, "-c", code, path.as_uri(), first.etag.hex()], check=True, timeout=30)
    loaded = store.load("a")
    assert loaded is not None
    assert loaded.value == b"child"
