"""`make lighthouse`: Lighthouse's marks for the desk, a contact and the call log of the invented firm, in Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from tests.asterisk import wait_for
from tests.journeys.product import STOP_SECONDS, installation_env
from webapp import assets_build
from webapp.trial.pbx import dying_with_us, free_tcp_port

HERE = Path(__file__).parent


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("Chromium is not installed", file=sys.stderr)
        return 2
    assets_build.build()
    node = assets_build.find_node(HERE.parents[1] / ".ringback" / "node")
    install = [*node.npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    path = os.pathsep.join([str(node.executable.parent), os.environ.get("PATH", "")])
    subprocess.run(install, cwd=HERE, env=os.environ | {"PATH": path}, check=True)
    port = free_tcp_port()
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "webapp.cli", "run", "--pbx", "fake", "--quiet-traffic", "--port", str(port)]
        product = subprocess.Popen(dying_with_us(command), env=installation_env(Path(data)), stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for("the product to answer", lambda: _answers(url), 120)
            return subprocess.run([*node.script(HERE / "audit.js"), url, chromium], cwd=HERE, check=False).returncode
        finally:
            product.send_signal(signal.SIGINT)
            product.wait(STOP_SECONDS)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/login", timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
