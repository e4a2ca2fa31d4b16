"""What the test's own HTTP servers have in common: they answer JSON, send people on, and say nothing about it."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any


class JSONAnswers(BaseHTTPRequestHandler):
    """A handler with two kinds of answers."""

    def answer(self, body: Any) -> None:
        """Answer with JSON."""
        sent = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def send_on(self, url: str) -> None:
        """Answer that it is at another address."""
        self.send_response(302)
        self.send_header("location", url)
        self.end_headers()

    def read(self) -> str:
        """The body that was sent."""
        return self.rfile.read(int(self.headers["content-length"])).decode()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
