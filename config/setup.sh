#!/bin/sh
# Set-up in one step, asked for by `make`: virtual environment, locked dependencies, front end, translations.
# --dev adds what development and tests need, and, where this user may install packages, the real parts that tests drive
# (a browser, SIPp, PostgreSQL, Redis). Done once; a second call sees that nothing changed and takes no time.
set -eu
cd "$(dirname "$0")/.."

wanted=config/requirements.txt
dev=no
[ "${1:-}" = --dev ] && dev=yes && wanted=config/requirements-dev.txt
say() { printf '%s\n' "ringback: $*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
may_install() {
  command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}
install() {
  may_install || return 1
  say "installing $*"
  # RUNLEVEL=1: servers are installed, not started; tests start their own
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null 2>&1 || true
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

python=
for candidate in python3.13 python3.12 python3.11 python3; do
  if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ] || ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  install python3 python3-venv || { say "Python 3.11 or newer with venv is needed (apt-get install python3-venv)"; exit 1; }
  python=python3
fi

stamp=.venv/.ringback-$dev
mark="$(cat "$wanted" pyproject.toml | cksum)"
if [ ! -f .venv/bin/python ] || { [ "$(cat "$stamp" 2>/dev/null || true)" != "$mark" ] &&
     [ "$dev" = yes -o "$(cat .venv/.ringback-yes 2>/dev/null || true)" != "$(cat config/requirements-dev.txt pyproject.toml | cksum)" ]; }; then
  [ -f .venv/bin/python ] || { say "making a virtual environment"; "$python" -m venv .venv; }
  say "installing Python packages (about a minute the first time)"
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-compile --require-hashes -r config/requirements-build.txt
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-compile --require-hashes -r "$wanted"
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
  printf '%s' "$mark" > "$stamp"
fi

.venv/bin/ringback assets build
for catalogue in webapp/translations/*/LC_MESSAGES/*.po; do
  compiled="${catalogue%.po}.mo"
  if [ ! -f "$compiled" ] || [ "$catalogue" -nt "$compiled" ]; then
    .venv/bin/pybabel -q compile -d webapp/translations -D "messages flask_security" 2>/dev/null
    break
  fi
done

[ "$dev" = yes ] || exit 0
missing=
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v sipp >/dev/null 2>&1 || missing="$missing sip-tester"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -z "$missing" ] || install $missing ||
  say "not installed, and this user may not install them:$missing. Tests that need them are skipped."
# most journeys take its edition without windows, which opens a page with a fifth of the work; where there is none, they take the other
command -v chromium-headless-shell >/dev/null 2>&1 || install chromium-headless-shell 2>/dev/null || true
