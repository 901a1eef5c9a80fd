#!/usr/bin/env python
"""Django's command line; ``up`` runs everything (see bin/up)."""

from __future__ import annotations

import os
import sys

#: They write no data and sign nothing, so they may run where no secrets are set (builds, CI).
NEED_NO_SECRETS = {"makemigrations", "collectstatic", "spectacular", "check"}


def main(argv: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = argv[1] if len(argv) > 1 else ""
    if command == "up" and "--help" not in argv and "-h" not in argv:
        from config import embedded

        try:
            embedded.LOCK = embedded.prepare(reset="--reset" in argv)
        except embedded.StartProblem as problem:
            sys.exit(f"Lockstep cannot start. {problem}")
    elif command in NEED_NO_SECRETS and "--deploy" not in argv:
        os.environ.setdefault("LOCKSTEP_NO_SECRETS", "1")

    from django.core.management import execute_from_command_line

    execute_from_command_line(argv)


if __name__ == "__main__":
    try:
        main(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)
