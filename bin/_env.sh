# Sourced by the commands in this folder: finds Python, makes .venv, installs a lock only when it changed.
# shellcheck shell=bash
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
VENV="$ROOT/.venv"
PY="$VENV/bin/python"

say() { printf '%s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

digest() { "$PY" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"; }

find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3.14 python3 python; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    if command -v python3 >/dev/null 2>&1; then
        fail "Lockstep needs Python 3.11 or newer; only $(python3 -V 2>&1) was found here. Install a newer one (for example: apt-get install python3, brew install python)."
    fi
    fail "Lockstep needs Python 3.11 or newer, and none was found. Install it (for example: apt-get install python3 python3-venv, brew install python)."
}

as_root_on_debian() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

apt_install() {
    say "Installing $* (apt-get) …"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return
    apt-get update -qq >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}

make_venv() {
    local python
    if [ -x "$PY" ] && "$PY" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        return
    fi
    python="$(find_python)"
    check_space "$ROOT" 700
    say "Making an environment in .venv with $("$python" -V 2>&1) …"
    rm -rf "$VENV"
    if ! "$python" -m venv "$VENV" >/dev/null 2>&1; then
        rm -rf "$VENV"
        if as_root_on_debian && apt_install python3-venv && "$python" -m venv "$VENV" >/dev/null 2>&1; then
            return
        fi
        rm -rf "$VENV"
        fail "Python's venv module is missing; install it (on Debian: apt-get install python3-venv) and try again."
    fi
}

check_space() { # folder, megabytes
    local free
    free="$(df -Pk "$1" | awk 'NR==2 {print int($4 / 1024)}')"
    if [ "$free" -lt "$2" ]; then
        fail "Only $free MB are free on the disk of $1, and $2 MB are needed to install; free some space and try again."
    fi
}

# install LOCK: what the lock says, with hashes. Seconds if nothing changed.
install() {
    local lock="$1" stamp="$VENV/.installed-$1" wanted log
    wanted="$(digest "$lock")"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    check_space "$ROOT" 500
    say "Installing $(grep -c '^[a-zA-Z0-9].*==' "$lock") packages of $lock (only when it changed; about a minute) …"
    log="$VENV/install.log"
    # The lock names every package, so nothing is resolved anew: pip's resolver would look past the lock for a newer
    # release of what some package wants with an extra, and then miss its hash.
    if ! "$PY" -m pip install --disable-pip-version-check --no-input --no-deps --require-hashes -r "$lock" >"$log" 2>&1; then
        if grep -qi 'no space left' "$log"; then
            fail "The disk is full; free some space and try again."
        fi
        tail -n 5 "$log" >&2
        fail "The packages could not be installed; the lines above say why, all of it is in .venv/install.log."
    fi
    printf '%s' "$wanted" >"$stamp"
}
