"""An OpenAI-compatible endpoint of the tests' own: it answers by a function of the prompt, and keeps a log."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def pairs(*texts: tuple[str, str]) -> str:
    """An answer of the right form."""
    return json.dumps({"pairs": [{"question": question, "answer": answer} for question, answer in texts]})


class ChatSite:
    """`says` makes an answer of the prompt; `faults` are statuses that are answered first, one after the other."""

    def __init__(self) -> None:
        self.says: Callable[[str], str] = lambda prompt: pairs((f"What is {prompt.split()[0]}?", "It is a thing."))
        self.log: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.faults: list[int] = []
        self.usage: Any = {"prompt_tokens": 100, "completion_tokens": 50}
        self.body: bytes | None = None
        self.refuses: dict[str, int] = {}  # first words of prompts, each with a status
        self.location = ""  # where faults lead
        self.pause_seconds = 0.0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> "ChatSite":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(site) -> type[BaseHTTPRequestHandler]:  # `self` is the handler's
        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.keys.append(self.headers.get("Authorization"))
                self.send_error(404)

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with site._lock:
                    site.log.append(asked)
                    site.keys.append(self.headers.get("Authorization"))
                    status = site.faults.pop(0) if site.faults else 200
                time.sleep(site.pause_seconds)
                if self.path != "/v1/chat/completions":
                    status = 404
                prompt = asked["messages"][-1]["content"]
                status = site.refuses.get(prompt.split()[0], status)
                said = site.says(prompt)
                told = {"model": "tiny-1", "choices": [{"message": {"role": "assistant", "content": said}}]}
                told |= {} if site.usage is None else {"usage": site.usage}
                body = json.dumps(told).encode() if status == 200 else b"the prompt again"
                self.send_response(status)
                self.send_header("Retry-After", "0")
                if site.location:
                    self.send_header("Location", site.location)
                self.end_headers()
                self.wfile.write(site.body if site.body is not None else body)

            def log_message(self, *_args: object) -> None:
                pass

        return Answering
