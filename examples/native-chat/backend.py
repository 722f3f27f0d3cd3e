"""The backend of the chat: it shows the page, takes what is said there, and publishes it over HTTP.

It needs nothing but Python, and the gateway's publish secret in the file `secret`.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

PAGE = Path(__file__).with_name("page.html").read_bytes()
SECRET = Path("secret").read_text().strip()


def publish(room, event, data):
    body = json.dumps({"room": room, "event": event, "data": data}).encode()
    headers = {"Authorization": f"Bearer {SECRET}"}
    urlopen(Request("http://localhost:8899/api/publish", body, headers)).close()


class Backend(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, PAGE)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        # This is the place to ask who says it, and whether they may.
        publish("chat", "said", {"text": parse_qs(body)["text"][0]})
        self.answer(204)  # the browser stays on its page

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)


print("Open http://localhost:7788/", flush=True)
ThreadingHTTPServer(("127.0.0.1", 7788), Backend).serve_forever()
