"""The rules of the house, kept by tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from flask import Flask

from config.settings import VARIABLES
from webapp import schema

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("webapp", "telephony", "dialer", "recordings", "config")
SOURCES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts
)
FEATURES = (
    "accounts", "contacts", "calls", "phones", "tasks", "books", "desk", "timeline", "notices", "mail", "settings",
    "wrapup", "scripts", "agents", "push", "routing",
)  # fmt: skip
PRIVATE = ("views", "forms", "api", "jobs")


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_the_import_contracts_hold() -> None:
    from importlinter.api import use_cases  # type: ignore[attr-defined] # noqa: F401
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS


def test_one_module_imports_the_ami_library() -> None:
    users = [path.relative_to(ROOT).as_posix() for path in SOURCES if any(
        name == "asterisk" or name.startswith("asterisk.") for name in imports_of(path))]  # fmt: skip
    assert users == ["telephony/ami/client.py"]


def test_one_place_commits() -> None:
    commits = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if re.search(r"session(\(\))?\.commit\(", path.read_text(encoding="utf-8"))
    ]
    assert commits == ["webapp/db.py"]


@pytest.mark.parametrize("feature", FEATURES)
def test_no_feature_reaches_into_anothers_edges(feature: str) -> None:
    """Of another feature only models, actions, queries and events may be used."""
    others = {f"webapp.{other}.{part}" for other in FEATURES if other != feature for part in PRIVATE}
    reached = {
        f"{path.name}: {name}"
        for path in (ROOT / "webapp" / feature).glob("*.py")
        for name in imports_of(path)
        if any(name == other or name.startswith(other + ".") for other in others)
    }
    assert reached == set()


def test_only_the_entry_points_and_two_modules_know_redis() -> None:
    knowing = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if "redis_url" in path.read_text(encoding="utf-8") and path.parts[-2] != "config"
    }
    assert knowing <= {"webapp/jobs.py", "webapp/live.py", "webapp/wsgi.py", "webapp/worker.py", "webapp/run.py"}


def test_every_setting_is_documented_for_the_administrator() -> None:
    documented = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in VARIABLES if name not in documented] == []


def test_the_models_and_the_migrations_say_the_same(app: Flask) -> None:
    assert schema.differences(app) == []
    assert schema.is_current(app)


def test_only_agreed_names_stand_at_the_root() -> None:
    agreed = {
        *PACKAGES, "tests", "docs", "pyproject.toml", "README.md", "Makefile", "LICENSE", "CHANGELOG.md",
        "CONTRIBUTING.md", "ARCHITECTURE.md",
    }  # fmt: skip
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".") and path.name != "__pycache__"}
    assert there <= agreed


def test_nothing_of_the_trial_is_needed_by_the_product() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if "trial" not in path.parts and any(name.startswith("webapp.trial") for name in imports_of(path))
    }
    assert users <= {"webapp/run.py", "webapp/demo.py", "webapp/cli.py"}
