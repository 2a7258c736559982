"""Run a peer's own tests through its adapter, and compare what fails with what is expected to.

From the folder ``tests``: ``python -m peers flask-login [FOLDER]``. FOLDER holds the peer's tests; without one, the
source distribution of the installed version is downloaded, where it carries them. Nothing of the peer's is kept.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

from peers.expected import EXPECTED, NEEDED

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Return 0 where nothing but the expected differs."""
    parser = argparse.ArgumentParser(prog="python -m peers", description=__doc__)
    parser.add_argument("peer", choices=EXPECTED)
    parser.add_argument("folder", nargs="?", type=Path, help="the folder of the peer's tests")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        tests = Path(work, "tests")
        shutil.copytree(given.folder or downloaded(given.peer, Path(work)), tests)
        pip("install", "--no-deps", "--target", str(Path(work, "needed")), NEEDED[given.peer])
        outcomes = run(given.peer, tests, Path(work))
    return compare(given.peer, outcomes)


def downloaded(peer: str, work: Path) -> Path:
    """Return the folder of the tests in the peer's source distribution."""
    wanted = f"{peer}=={version(peer)}"
    # What builds it may come as a wheel: to build that, too, takes minutes.
    pip("download", "--no-deps", "--no-binary", peer, "-d", str(work), wanted)
    for archive in work.glob("*.tar.gz"):
        shutil.unpack_archive(archive, work / "source")
    found = next((path for path in work.glob("source/*/tests") if any(path.glob("test_*.py"))), None)
    if found is None:
        sys.exit(f"The source distribution of {wanted} carries no tests: pass the folder that has them.")
    return found


def pip(*arguments: str) -> None:
    """Run pip to a good end."""
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments], check=True)


def run(peer: str, tests: Path, work: Path) -> dict[str, bool]:
    """Return for each test whether it has passed."""
    report = work / "report.xml"
    paths = [str(HERE.parent), str(work / "needed"), *filter(None, [os.environ.get("PYTHONPATH")])]
    options = ["-q", "--tb=short", "-n0", "-p", "peers.under_adapter", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-W", "ignore", "--rootdir", work, "-c", os.devnull, tests],
        cwd=work,
        env={**os.environ, "PEER": peer, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    cases = ET.parse(report).getroot().iter("testcase")
    return {f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}": _passed(case) for case in cases}


def compare(peer: str, outcomes: dict[str, bool]) -> int:
    """Print every difference, and return whether there is one that is not expected."""
    expected, failed = EXPECTED[peer], {name for name, passed in outcomes.items() if not passed}
    for name in sorted(failed & expected.keys()):
        print(f"expected: {name}: {expected[name]}")
    wrong = [f"differs: {name}" for name in sorted(failed - expected.keys())]
    wrong += [f"no longer differs: {name}" for name in sorted(expected.keys() - failed)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    passed, differ = len(outcomes) - len(failed), len(failed & expected.keys())
    print(f"{peer}: {passed} of {len(outcomes)} pass, {differ} differ as expected")
    return 1 if wrong or not outcomes else 0


def _passed(case: ET.Element) -> bool:
    return case.find("failure") is None and case.find("error") is None


if __name__ == "__main__":
    sys.exit(main())
