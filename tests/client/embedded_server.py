"""A script that stands for `trimtab-service serve --embedded`: its locks, its key, the line it prints, a healthz.

Options beside those of the real one: --fail ends at once with words on stderr; --slow waits before it takes the lock.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"status":"ok"}' if self.path == "/healthz" else b'{"items":[],"next_cursor":null}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("--embedded", action="store_true", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True)
    options = parser.parse_args()
    if options.fail:
        print("trimtab-service: the disk is full", file=sys.stderr)
        return 3
    time.sleep(options.slow)
    file = unquote(options.database.partition("?")[0].removeprefix("sqlite:///"))  # as SQLAlchemy reads it
    lock = os.open(f"{file}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("trimtab-service: the file is served already", file=sys.stderr)
        return 1
    with open(f"{file}.starts", "a") as starts:
        starts.write(f"{os.getpid()}\n")
    server = ThreadingHTTPServer((options.host, options.port), Handler)
    server.daemon_threads = True
    url = f"http://{options.host}:{server.server_port}"
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({"url": url, "pid": os.getpid()}).encode(), 0)
    credentials = Path(os.environ["XDG_CONFIG_HOME"]) / "trimtab" / "credentials"
    credentials.parent.mkdir(parents=True, exist_ok=True)
    credentials.write_text(f'["sqlite:///{file}"]\nkey = "tt_local"\n')
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"trimtab-service: listening on {url}", flush=True)
    clients = os.open(f"{file}.clients", os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        time.sleep(0.02)
        try:
            fcntl.flock(clients, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return 0


if __name__ == "__main__":
    sys.exit(main())
