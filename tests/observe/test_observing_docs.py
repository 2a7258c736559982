"""The page about observing says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import flask_gosession
from flask_gosession.observe.prometheus import PrometheusObserver
from flask_gosession.testing.clock import FakeClock

ROOT = Path(flask_gosession.__file__).parents[1]
TEXT = (ROOT / "docs" / "howto" / "observe.md").read_text("utf-8")


def test_every_metric_stands_there():
    """The table of metrics has all that both exporters make, and no other."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    PrometheusObserver(registry)
    families = re.findall(r"^# TYPE (\S+) (\S+)", generate_latest(registry).decode(), re.MULTILINE)
    rows = re.findall(r"^\| `(gosession_\w+)` \| `(gosession\.[\w.]+)` \|", TEXT, re.MULTILINE)
    assert {prometheus for prometheus, _ in rows} == {name for name, kind in families if not name.endswith("_created")}
    source = (ROOT / "flask_gosession" / "observe" / "opentelemetry.py").read_text("utf-8")
    made = set(re.findall(r'create_\w+\(\s*"(gosession\.[\w.]+)"', source))
    assert {name for _, name in rows} == made


def test_the_python_of_the_page_runs(tmp_path: Path, clock: FakeClock):
    """Each block of Python works, one after the other."""
    from cli.shop import make_shop

    shop = make_shop("memory://", clock, AUDIT=f"sqlite:///{tmp_path}/audit.db", OBSERVERS=["prometheus"])
    names = {"app": shop.app, "gosession": shop.gosession}
    blocks = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    for block in blocks:
        if "WatchedFileHandler" not in block and "multiprocess" not in block:
            exec(compile(block, "observe.md", "exec"), names)
    assert "gosession_check_duration" in shop.app.test_client().get("/metrics").get_data(as_text=True)
    assert issubclass(names["SlowStore"], names["Observer"])


def test_the_line_of_the_log_is_one_that_is_written():
    """The example of a line has exactly the fields of such an entry."""
    import json

    from flask_gosession.observe import AuditEntry, document_of

    shown = json.loads(re.search(r"^```json\n(.*?)\n```$", TEXT, re.MULTILINE)[1])
    entry = AuditEntry(
        at=1795284131.0,
        action="revoked",
        subject="42",
        realm="default",
        sid="sOEDaSi_5riWdmpUurDN_Q",
        client="web",
        ip="198.51.100.9",
        reason="kicked",
        actor="7",
    )
    assert document_of(entry) == {**shown, "@timestamp": document_of(entry)["@timestamp"]}
