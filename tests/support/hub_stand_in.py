"""A stand-in of Hugging Face's hub on this machine: the few calls that pushing and fetching a small run make.

It keeps files in memory and knows no accounts. What it answers follows the published HTTP API; the real hub is not
asked.
"""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves while the block lasts; ``files`` is what was committed, ``made`` the places, by name."""

    def __enter__(self):
        self.files, self.large, self.made, self.tokens = {}, {}, [], set()
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def _body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, content, status=200, **headers):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_POST(self):
        body, hub, path = self._body(), self.hub, self.path.split("?")[0]
        hub.tokens.add(self.headers.get("Authorization"))
        if path == "/api/repos/create":
            asked = json.loads(body)
            hub.made.append(asked["name"])
            self._send({"url": f"{hub.url}/{asked.get('organization', 'somebody')}/{asked['name']}"})
        elif path.endswith("/preupload/main"):
            files = [
                {"path": file["path"], "uploadMode": _mode(file["path"]), "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self._send({"files": files})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [
                {
                    "oid": item["oid"],
                    "size": item["size"],
                    "actions": {"upload": {"href": f"{hub.url}/lfs/{item['oid']}"}},
                }
                for item in json.loads(body)["objects"]
            ]
            self._send({"transfer": "basic", "objects": objects})
        elif path.endswith("/commit/main"):
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    hub.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    hub.files[value["path"]] = hub.large[value["oid"]]
            answer = {"commitUrl": f"{hub.url}/somebody/run/commit/{COMMIT}", "commitOid": COMMIT, "success": True}
            self._send(answer | {"hookOutput": ""})
        else:
            self._send({})

    def do_PUT(self):
        body = self._body()
        oid = hashlib.sha256(body).hexdigest()
        assert self.path.endswith(oid)
        self.hub.large[oid] = body
        self._send(b"")

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        if "/resolve/" in path:
            name = path.split(f"/resolve/{COMMIT}/")[-1]
            if name not in self.hub.files:
                self._send({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound")
                return
            data = self.hub.files[name]
            self._send(data, ETag=f'"{hashlib.sha256(data).hexdigest()}"', X_Repo_Commit=COMMIT)
        elif "/tree/" in path:
            self._send(
                [
                    {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                    for name, data in self.hub.files.items()
                ]
            )
        elif path.startswith("/api/models/") and self.hub.files:
            siblings = [{"rfilename": name} for name in self.hub.files]
            self._send(
                {"id": "somebody/run", "modelId": "somebody/run", "sha": COMMIT, "siblings": siblings, "tags": []}
            )
        else:
            self._send({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")


def _mode(path):
    return "lfs" if path.endswith((".keras", ".tflite", ".png")) else "regular"
