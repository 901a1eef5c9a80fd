"""Child process: signed webhooks over keep-alive connections, as fast as they are answered. Prints JSON."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import secrets
import time
from urllib.parse import urlsplit

import orjson


def event(number: int, record: int) -> bytes:
    return orjson.dumps(
        {
            "id": f"evt-{secrets.token_hex(6)}-{number}",
            "type": "task.updated",
            "object": {"id": record, "kind": "task", "title": "changed over there", "note": "x" * 300},
        }
    )


def request(address: str, secret: str, body: bytes) -> bytes:
    url = urlsplit(address)
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
        f"X-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> int:
    """Send one request, read its whole answer; the status."""
    writer.write(sent)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split(" ")[1])


async def client(address: str, secret: str, until: float, took: list[float], number: int, of: int) -> None:
    url = urlsplit(address)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    while time.perf_counter() < until:
        sent = request(address, secret, event(number, 1 + number % of))
        number += 1
        start = time.perf_counter()
        status = await speak(reader, writer, sent)
        if status != 200:
            raise RuntimeError(f"answered with {status}")
        took.append(time.perf_counter() - start)
    writer.close()


async def run(options: argparse.Namespace) -> dict[str, float]:
    took: list[float] = []
    start = time.perf_counter()
    many = [
        client(options.address, options.secret, start + options.seconds, took, 1000 * number, options.records)
        for number in range(options.clients)
    ]
    await asyncio.gather(*many)
    seconds = time.perf_counter() - start
    took.sort()
    return {"rate": len(took) / seconds, "p50": took[len(took) // 2], "p95": took[int(len(took) * 0.95)]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("secret")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--records", type=int, default=1000)
    print(orjson.dumps(asyncio.run(run(parser.parse_args()))).decode())


if __name__ == "__main__":
    main()
