"""The proof that a store keeps the contract of `flask_gosession.stores.base`: subclass it, give it a ``store``."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from flask_gosession import ids
from flask_gosession.stores.base import Record, Store, Swap

HOUR = 3600.0

AWKWARD_SUBJECTS = (
    *("a", "A", "a ", " a", "aa", "a\n", "a\x00", "a\x00b", "a\t", "a+b", "a b", "a%20b", "a%2Fb", "a/b", "a\\b"),
    *("_", "__", "a_b", "a%b", ":", "a:b", "{", "}", "}x", "{a}b", "{a}c", "*", "?", "[a]", "$where", "$", "'; --"),
    *(".", "..", "../x", "/etc/passwd", "-", "--", "~", "CON", "nul", "0", "00", "1", "01", "1.0", "None", "null"),
    *(
        "\u00e9",
        "e\u0301",
        "e",
        "E\u0301",
        "\u00df",
        "ss",
        "\u0131",
        "i",
        "\ufb01",
        "fi",
        "\u200b",
        "\u202e",
        "ﾃ",
        "テ",
    ),
    *("\U0001f511", "\uffff", "x" * 255, "x" * 254, "}" + "x" * 254, "\u00e9" * 255, "\U0001f511" * 255),
)
"""Subjects that some encoding, collation, file system or query language would confuse."""


def record(value: bytes = b"value") -> Record:
    """Return a record with *value* and an etag of its own."""
    return Record(value, ids.new_etag())


def soon() -> float:
    """Return an end that lies an hour ahead by the real clock, which is the one that servers have."""
    return time.time() + HOUR


class StoreContract:
    """Every clause of the contract. A subclass overrides the fixture ``store`` with an empty store, and closes it.

    It should also override ``corrupt`` with a function that damages the stored record of a subject from outside,
    where the store's medium can be damaged. Register this module with ``pytest.register_assert_rewrite`` in your
    ``conftest.py`` for readable failures.
    """

    forgets_at_once = True
    """Whether what has ended is gone after `purge`; False where a server takes its time."""

    @pytest.fixture
    def store(self) -> Store:
        """Return the empty store to be proved."""
        raise NotImplementedError("override the fixture `store`")

    @pytest.fixture
    def corrupt(self) -> Callable[[str], None]:
        """Return a function that damages the stored record of a subject."""
        pytest.skip("no way was given to damage a record of this store")

    def test_is_a_store(self, store: Store) -> None:
        """It has every verb of the protocol, and says whether other processes see its records."""
        assert isinstance(store, Store)
        assert isinstance(store.shared, bool)

    def test_missing_is_a_value(self, store: Store) -> None:
        """Nothing stored is None, not an exception."""
        assert store.load("nobody") is None

    def test_create_and_load(self, store: Store) -> None:
        """What was swapped in is read back whole, with its etag."""
        new = record()
        assert store.swap("a", None, new, soon()) is Swap.DONE
        assert store.load("a") == new

    def test_load_gives_plain_bytes(self, store: Store) -> None:
        """Value and etag are bytes, whatever the driver returns."""
        store.swap("a", None, record(), soon())
        loaded = store.load("a")
        assert loaded is not None
        assert (type(loaded.value), type(loaded.etag), len(loaded.etag)) == (bytes, bytes, 8)

    def test_create_only_if_missing(self, store: Store) -> None:
        """A swap that expects nothing loses against what is there, and changes nothing."""
        first = record(b"first")
        store.swap("a", None, first, soon())
        assert store.swap("a", None, record(b"second"), soon()) is Swap.LOST
        assert store.load("a") == first

    def test_replace(self, store: Store) -> None:
        """A swap that names the stored etag replaces the record."""
        first, second = record(b"first"), record(b"second, and longer")
        store.swap("a", None, first, soon())
        assert store.swap("a", first.etag, second, soon()) is Swap.DONE
        assert store.load("a") == second

    def test_replace_loses_to_another_writer(self, store: Store) -> None:
        """A swap that names an older etag changes nothing."""
        first, second = record(b"first"), record(b"second")
        store.swap("a", None, first, soon())
        store.swap("a", first.etag, second, soon())
        assert store.swap("a", first.etag, record(b"third"), soon()) is Swap.LOST
        assert store.load("a") == second

    def test_same_value_new_etag(self, store: Store) -> None:
        """The etag decides, not the value: writing the same bytes is a write."""
        first, second = record(b"same"), record(b"same")
        store.swap("a", None, first, soon())
        assert store.swap("a", first.etag, second, soon()) is Swap.DONE
        assert store.swap("a", first.etag, record(), soon()) is Swap.LOST

    def test_replace_what_is_missing_loses(self, store: Store) -> None:
        """A swap that expects a record never creates one."""
        assert store.swap("a", ids.new_etag(), record(), soon()) is Swap.LOST
        assert store.load("a") is None

    def test_delete(self, store: Store) -> None:
        """A swap to None that names the stored etag deletes the record."""
        first = record()
        store.swap("a", None, first, soon())
        assert store.swap("a", first.etag, None, soon()) is Swap.DONE
        assert store.load("a") is None

    def test_delete_loses_to_another_writer(self, store: Store) -> None:
        """A deletion with an older etag leaves the record."""
        first = record()
        store.swap("a", None, first, soon())
        assert store.swap("a", ids.new_etag(), None, soon()) is Swap.LOST
        assert store.load("a") == first

    def test_delete_expecting_nothing_loses(self, store: Store) -> None:
        """A deletion that expects nothing leaves what is there."""
        first = record()
        store.swap("a", None, first, soon())
        assert store.swap("a", None, None, soon()) is Swap.LOST
        assert store.load("a") == first

    def test_delete_what_is_missing(self, store: Store) -> None:
        """Deleting nothing, expecting nothing, is done; expecting something, it is lost."""
        assert store.swap("a", None, None, soon()) is Swap.DONE
        assert store.swap("a", ids.new_etag(), None, soon()) is Swap.LOST

    def test_old_etag_is_dead_after_deletion(self, store: Store) -> None:
        """After a deletion the old etag matches nothing, for a write as for a deletion."""
        first = record()
        store.swap("a", None, first, soon())
        store.swap("a", first.etag, None, soon())
        assert store.swap("a", first.etag, record(), soon()) is Swap.LOST
        assert store.swap("a", first.etag, None, soon()) is Swap.LOST
        assert store.load("a") is None

    def test_old_etag_is_dead_after_recreation(self, store: Store) -> None:
        """No ABA: an etag from before a deletion does not match the record that came after it."""
        first, second = record(b"same"), record(b"same")
        store.swap("a", None, first, soon())
        store.swap("a", first.etag, None, soon())
        store.swap("a", None, second, soon())
        assert store.swap("a", first.etag, record(), soon()) is Swap.LOST
        assert store.swap("a", first.etag, None, soon()) is Swap.LOST
        assert store.load("a") == second

    def test_lost_reply_tried_again(self, store: Store) -> None:
        """The very same swap once more has no second effect, and the record still has the etag that was sent."""
        first, second = record(b"first"), record(b"second")
        store.swap("a", None, first, soon())
        store.swap("a", first.etag, second, soon())
        store.swap("a", first.etag, second, soon())
        assert store.load("a") == second

    @pytest.mark.parametrize("announce", [False, True])
    def test_announcing_changes_no_outcome(self, store: Store, announce: bool) -> None:  # noqa: FBT001
        """Done is done and lost is lost, announced or not."""
        first = record()
        assert store.swap("a", None, first, soon(), announce=announce) is Swap.DONE
        assert store.swap("a", None, record(), soon(), announce=announce) is Swap.LOST
        assert store.swap("a", first.etag, None, soon(), announce=announce) is Swap.DONE

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param(b"", id="empty"),
            pytest.param(bytes(range(256)), id="every byte"),
            pytest.param(b"\x00", id="NUL"),
            pytest.param(b"[]", id="looks like JSON"),
            pytest.param(b"\r\n$-1\r\n", id="looks like RESP"),
            pytest.param(b"\xff\xfe\xc3\x28", id="not UTF-8"),
            pytest.param(b"trailing space and newline \n", id="trailing blanks"),
            pytest.param(bytes(range(256)) * 512, id="128 KiB"),
        ],
    )
    def test_value_is_opaque(self, store: Store, value: bytes) -> None:
        """Any bytes come back as they went in, at the creation and at a replacement."""
        first, second = record(value), record(value)
        store.swap("a", None, first, soon())
        assert store.load("a") == first
        store.swap("a", first.etag, second, soon())
        assert store.load("a") == second

    @pytest.mark.parametrize("etag", [bytes(8), b"\xff" * 8, b"12345678", b" \r\n\t \x00 \n", b"\x00" * 7 + b"\x01"])
    def test_etag_is_opaque(self, store: Store, etag: bytes) -> None:
        """Any eight bytes are an etag, and are compared byte by byte."""
        second = record(b"second")
        assert store.swap("a", None, Record(b"first", etag), soon()) is Swap.DONE
        assert store.swap("a", bytes([etag[0] ^ 1]) + etag[1:], record(), soon()) is Swap.LOST
        assert store.swap("a", etag[:7] + bytes([etag[7] ^ 1]), record(), soon()) is Swap.LOST
        assert store.swap("a", etag, second, soon()) is Swap.DONE
        assert store.load("a") == second

    @pytest.mark.parametrize("subject", AWKWARD_SUBJECTS, ids=ascii)
    def test_any_subject(self, store: Store, subject: str) -> None:
        """Create, read, list, replace and delete work for every subject. STO-02."""
        first, second = record(b"first"), record(b"second")
        assert store.load(subject) is None
        assert store.swap(subject, None, first, soon(), announce=True) is Swap.DONE
        assert list(store.subjects()) == [subject]
        assert store.swap(subject, first.etag, second, soon(), announce=True) is Swap.DONE
        assert store.load(subject) == second
        assert store.swap(subject, second.etag, None, soon(), announce=True) is Swap.DONE
        assert store.load(subject) is None

    def test_no_two_subjects_share_a_record(self, store: Store) -> None:
        """Case, Unicode forms, blanks and escapes: two different subjects are two records. STO-02."""
        records = {subject: record(subject.encode()) for subject in AWKWARD_SUBJECTS}
        for subject, new in records.items():
            assert store.swap(subject, None, new, soon()) is Swap.DONE, ascii(subject)
        assert {subject: store.load(subject) for subject in records} == records
        assert sorted(store.subjects()) == sorted(records)

    def test_subjects_of_an_empty_store(self, store: Store) -> None:
        """Nothing stored, nothing listed."""
        assert list(store.subjects()) == []

    def test_subjects_lists_each_once(self, store: Store) -> None:
        """Every subject with a record is listed once; a deleted one is not."""
        gone = record()
        for number in range(300):
            store.swap(f"user-{number}", None, record(), soon())
        store.swap("gone", None, gone, soon())
        store.swap("gone", gone.etag, None, soon())
        assert sorted(store.subjects()) == sorted(f"user-{number}" for number in range(300))

    def test_subjects_while_writing(self, store: Store) -> None:
        """What stays is listed although others come and go during the iteration."""
        for number in range(50):
            store.swap(f"stays-{number}", None, record(), soon())
        listed: list[str] = []
        for subject in store.subjects():
            listed.append(subject)
            store.swap(f"comes-{subject}"[:40], None, record(), soon())
            if len(listed) > 5000:
                break
        assert {f"stays-{number}" for number in range(50)} <= set(listed)

    def test_purge_spares_the_living(self, store: Store) -> None:
        """What has not ended survives a purge. STO-05."""
        living = record()
        store.swap("a", None, living, soon())
        assert store.purge(time.time()) == 0
        assert store.load("a") == living

    def test_past_end_is_not_for_ever(self, store: Store) -> None:
        """A record whose end lies in the past, even before 1970, is gone after a purge. STO-05."""
        for subject, end in {"past": time.time() - HOUR, "zero": 0.0, "negative": -HOUR}.items():
            assert store.swap(subject, None, record(), end) is Swap.DONE
        store.purge(time.time())
        if self.forgets_at_once:
            assert [store.load(subject) for subject in ("past", "zero", "negative")] == [None, None, None]

    def test_replacing_moves_the_end(self, store: Store) -> None:
        """The end is that of the last swap, later or earlier. STO-05."""
        living, dying = record(), record()
        store.swap("later", None, living, time.time() + 1)
        later = record()
        store.swap("later", living.etag, later, soon())
        store.swap("earlier", None, dying, soon())
        store.swap("earlier", dying.etag, record(), time.time() - HOUR)
        store.purge(time.time() - 1)
        assert store.load("later") == later
        if self.forgets_at_once:
            assert store.load("earlier") is None

    def test_far_end(self, store: Store) -> None:
        """An end ten years ahead does not overflow. STO-05."""
        new = record()
        assert store.swap("a", None, new, time.time() + 10 * 366 * 86_400) is Swap.DONE
        store.purge(time.time())
        assert store.load("a") == new

    def test_purge_is_bounded(self, store: Store) -> None:
        """A purge deletes at most as many as it is asked to, counts what it deleted, and finishes the rest later."""
        for number in range(5):
            store.swap(f"user-{number}", None, record(), time.time() - HOUR)
        left = len(list(store.subjects()))
        counts = [store.purge(time.time(), limit=2) for _ in range(4)]
        assert counts in ([2, 2, 1, 0], [0, 0, 0, 0])
        if self.forgets_at_once:
            assert sum(counts) == left
            assert list(store.subjects()) == []

    def test_ping(self, store: Store) -> None:
        """A store that answers says so by returning."""
        store.ping()

    def test_close_twice(self, store: Store) -> None:
        """Closing what is closed is fine, and so is closing what was never used."""
        store.load("a")
        store.close()
        store.close()

    def test_corrupt_record_is_replaced(self, store: Store, corrupt: Callable[[str], None]) -> None:
        """A damaged record reads as empty, with an etag by which it is replaced: nobody is locked out."""
        first, new = record(), record(b"new")
        store.swap("a", None, first, soon())
        corrupt("a")
        damaged = store.load("a")
        assert damaged is not None
        assert damaged.value == b""
        assert store.swap("a", None, record(), soon()) is Swap.LOST
        assert store.swap("a", first.etag, record(), soon()) is Swap.LOST
        assert store.swap("a", damaged.etag, new, soon()) is Swap.DONE
        assert store.load("a") == new
        assert store.swap("a", damaged.etag, record(), soon()) is Swap.LOST

    def test_corrupt_record_is_deleted(self, store: Store, corrupt: Callable[[str], None]) -> None:
        """A damaged record can be deleted by its etag, and does not disturb its neighbours."""
        neighbour = record()
        store.swap("a", None, record(), soon())
        store.swap("b", None, neighbour, soon())
        corrupt("a")
        damaged = store.load("a")
        assert damaged is not None
        assert store.load("b") == neighbour
        assert store.swap("a", damaged.etag, None, soon(), announce=True) is Swap.DONE
        assert store.load("a") is None
