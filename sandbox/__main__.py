"""``python -m sandbox --port 8765 --data DIR``: the stand-ins of all vendors on one port."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from werkzeug.serving import make_server

from .app import Sandbox
from .testing import _QuietHandler


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Stand-ins of the vendors' APIs.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (loopback by default)")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument(
        "--data",
        type=Path,
        default=None,
        help="folder that keeps the records; memory if left out",
    )
    options = parser.parse_args()
    sandbox = Sandbox(options.data)
    server = make_server(
        options.host,
        options.port,
        sandbox,
        threaded=True,
        request_handler=_QuietHandler,
    )
    server.daemon_threads = True  # type: ignore[attr-defined]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(
        f"sandbox: http://{options.host}:{server.server_port}/ ({', '.join(sorted(sandbox.vendors))})",
        flush=True,
    )
    try:
        server.serve_forever()
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        server.server_close()
        sandbox.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
