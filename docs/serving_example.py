"""A small HTTP server for an exported SavedModel. It needs TensorFlow and nothing else, fer_keras neither.

    python serving_example.py saved_models/RUN/exports/savedmodel --port 8501
    curl --data-binary @face.jpg http://127.0.0.1:8501/predict

POST /predict   one JPEG or PNG file of a face as the body; JSON out
GET  /health    {"status": "ok", "classes": [...]}

It listens on this machine only. In front of other machines put a server that knows TLS, users and rates.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf

MAX_BODY = 10 * 2**20  # bytes; the model refuses longer images itself, this one is refused before it is read
CHECKSUMS = "assets.extra/sha256sums.txt"


def check_files(folder: Path) -> None:
    """Stop when a file differs from the checksum that was written with the model."""
    for line in (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines():
        expected, name = line.split("  ", 1)
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise SystemExit(f"{folder / name} differs from its checksum; export the run again")


class Handler(BaseHTTPRequestHandler):
    """One request; ``server.model`` is the loaded SavedModel."""

    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds that a client may be silent

    def do_GET(self):
        if self.path != "/health":
            self.answer(HTTPStatus.NOT_FOUND, {"error": "there are GET /health and POST /predict"})
        else:
            self.answer(HTTPStatus.OK, {"status": "ok", "classes": self.server.classes})

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if self.path != "/predict":
            self.answer(HTTPStatus.NOT_FOUND, {"error": "there are GET /health and POST /predict"})
        elif not (length.isascii() and length.isdigit()):
            self.answer(HTTPStatus.LENGTH_REQUIRED, {"error": "the request needs a Content-Length"})
        elif len(length) > 12 or int(length) > MAX_BODY:
            self.answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"at most {MAX_BODY} bytes"})
        else:
            self.answer(*self.predict(self.rfile.read(int(length))))

    def predict(self, image: bytes) -> tuple[HTTPStatus, dict]:
        try:
            with self.server.slots:  # each image of 40 megapixels takes some hundred megabytes while it is decoded
                found = self.server.model.signatures["serve_bytes"](image_bytes=tf.constant([image]))
        except tf.errors.InvalidArgumentError as error:
            reason = re.search(r"image_bytes\[0\] (is .*?)\. Unusable", error.message)
            return HTTPStatus.BAD_REQUEST, {"error": f"the image {reason[1]}" if reason else "the image is not usable"}
        probabilities = [round(float(value), 6) for value in found["probabilities"][0]]
        return HTTPStatus.OK, {
            "expression": found["expression"].numpy()[0].decode(),
            "confidence": round(float(found["confidence"][0]), 6),
            "probabilities": dict(zip(self.server.classes, probabilities, strict=True)),
        }

    def answer(self, status: HTTPStatus, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status != HTTPStatus.OK:  # its body may not have been read
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Write nothing: faces are nobody's business, and neither is who asked."""


def make_server(folder: Path, port: int) -> ThreadingHTTPServer:
    check_files(folder)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.model = tf.saved_model.load(str(folder))
    server.classes = (folder / "assets" / "labels.txt").read_text(encoding="utf-8").splitlines()
    server.slots = threading.BoundedSemaphore(os.cpu_count() or 1)
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="exports/savedmodel of a run")
    parser.add_argument("--port", type=int, default=8501, help="0 for a free one")
    options = parser.parse_args()
    server = make_server(options.folder, options.port)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
