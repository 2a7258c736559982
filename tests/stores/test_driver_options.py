"""The driver's options in a SQL URL: read by type, and a wrong one is found at start-up. TRU-03."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_gosession.errors import ConfigError
from flask_gosession.stores.registry import open_store
from flask_gosession.stores.sql.driver_options import read_driver_options


def read(text: str) -> dict[str, object]:
    return read_driver_options(sa.make_url(text))[1]


def test_options_have_types():
    """Numbers, flags and words reach the driver as what they are."""
    assert read("mysql+pymysql://h/d?read_timeout=0.5&local_infile=false&charset=latin1") == {
        "read_timeout": 0.5,
        "local_infile": False,
        "charset": "latin1",
    }
    assert read("postgresql+psycopg://h/d?prepare_threshold=5&application_name=mine") == {
        "prepare_threshold": 5,
        "application_name": "mine",
    }
    assert read("postgresql+psycopg://h/d?prepare_threshold=none") == {"prepare_threshold": None}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@127.0.0.1:1/d?pool_sise=3",
        "postgresql://u:secret@127.0.0.1:1/d?connect_timeout=soon",
        "postgresql://u:secret@127.0.0.1:1/d?sslmode=yes",
        "postgresql://u:secret@127.0.0.1:1/d?prepare_threshold=often",
        "mysql://u:secret@127.0.0.1:1/d?read_timeout=soon",
        "mysql://u:secret@127.0.0.1:1/d?local_infile=perhaps",
        "mysql://u:secret@127.0.0.1:1/d?sslmode=require",
        "sqlite:////nowhere/a.db?journal=wal",
    ],
)
def test_wrong_options_are_found_at_start_up(url):
    """A name that the driver does not know and a value of another type are a ConfigError without the password."""
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
