"""Ask a vulnerability service about every dependency, as installed now: `python .ci/audit.py`, or `nox -s audit`.

Where no service can be reached, or it knows none of the packages, it says so and proves nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig

ASK = ["--format", "json", "--progress-spinner", "off", "--skip-editable", "--path", sysconfig.get_path("purelib")]
SECONDS = 300


def main() -> int:
    """Print what is known of the packages; fail when one is vulnerable."""
    asked = subprocess.run([sys.executable, "-m", "pip_audit", *ASK], capture_output=True, text=True, timeout=SECONDS)  # noqa: PLW1510
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        print("skipped: no vulnerability service can be reached:", asked.stderr.strip().splitlines()[-1:])
        return 0
    known = [one for one in packages if "vulns" in one]
    vulnerable = [one for one in known if one["vulns"]]
    for one in vulnerable:
        print(one["name"], one["version"], *(vulnerability["id"] for vulnerability in one["vulns"]))
    if not known:
        print(f"skipped: the service knows none of the {len(packages)} packages")
        return 0
    print(f"{len(known)} of {len(packages)} packages audited, {len(vulnerable)} vulnerable")
    return int(bool(vulnerable))


if __name__ == "__main__":
    sys.exit(main())
