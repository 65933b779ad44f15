"""A server on 127.0.0.1 that speaks OpenAI's files and batches, and chat completions for comparison. Answers are a pure function
of a request's body, so that runs can be compared byte for byte; everything that can go wrong is switched on by attributes."""

import hashlib
import http.server
import json
import random
import re
import threading
import urllib.parse

WORDS = "flux decay burst spectrum telescope redshift host galaxy trigger afterglow model detector energy light curve".split()


def answer_to(body):
    """Status and response of a chat completion, the same for the same body."""
    digest = hashlib.sha256(json.dumps(body["messages"], sort_keys=True).encode()).hexdigest()
    draw = random.Random(digest)
    text = f"Notes on field {digest[:12]}\n\n" + " ".join(draw.choice(WORDS) for _ in range(60)) + "."
    prompt = sum(len(m["content"]) for m in body["messages"]) // 4
    return {"id": "chatcmpl-" + digest[:8], "object": "chat.completion", "model": body["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": 90, "total_tokens": prompt + 90}}


class BatchServer:
    def __init__(self):
        self.lock = threading.RLock()
        self.files, self.batches, self.log = {}, {}, []
        self.usage = [0, 0]         # tokens in and out of all answers that were given in batches
        self.polls = 3              # looks until a batch has ended
        self.batch_support = True   # False: 404 for everything but chat completions
        self.fail_share = 0.0       # of the lines' first attempts: an error in the error file
        self.filter_share = 0.0     # of the lines' first attempts: refused, in the output file, and paid for
        self.parameter = None       # not taken: lines with it are answered 400, in the error file
        self.no_error_file = False  # the lines that failed are in no file
        self.stray_lines = False    # lines that nobody asked for, and one twice
        self.expire = 0             # so many batches expire with half of their lines done
        self.queue_tokens = None    # a batch with more in the queue is failed for it
        self.refuse = 0             # so many batches are refused at validation
        self.cut_downloads = 0      # so many files end in the middle
        self.trouble = 0            # so many requests are answered 503, every second one, after they were carried out
        self.hook = lambda kind, phase: None
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                server.serve(self)

            do_POST = do_GET

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None  # a client that is killed hangs up in the middle
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    # ------------------------------------------------------------------------------------------------- protocol
    def serve(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(request.path)
        path, query = url.path.removeprefix("/v1"), dict(urllib.parse.parse_qsl(url.query))
        kind = self.kind_of(request.command, path)
        try:
            self.hook(kind, "before")
            with self.lock:
                status, reply = self.act(kind, path, query, body, request.headers)
                self.log.append((kind, path, status))
            self.hook(kind, "after")
        except ConnectionAbortedError:
            request.close_connection = True
            return
        data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        try:
            request.send_response(status)
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(data)))
            request.end_headers()
            if kind == "download" and status == 200 and self.cut_downloads > 0:
                self.cut_downloads -= 1
                data, request.close_connection = data[:len(data) // 2], True
            request.wfile.write(data)
        except OSError:
            request.close_connection = True

    @staticmethod
    def kind_of(method, path):
        if path == "/chat/completions":
            return "chat"
        if path == "/files":
            return "upload" if method == "POST" else "list_files"
        if path == "/batches":
            return "submit" if method == "POST" else "list_batches"
        if path.endswith("/cancel"):
            return "cancel"
        if path.startswith("/batches/"):
            return "look"
        return "download"

    def act(self, kind, path, query, body, headers):
        if headers.get("Authorization") != "Bearer sk-batches-0123456789abcdef":
            return 401, {"error": {"code": "invalid_api_key", "message": "wrong key"}}
        if kind == "chat":
            return 200, answer_to(json.loads(body))
        if not self.batch_support:
            return 404, {"detail": "Not Found"}
        status, reply = getattr(self, kind)(path, query, body, headers)
        if self.trouble > 0 and kind != "download" and len(self.log) % 2 == 0:
            self.trouble -= 1
            return 503, {"error": {"code": "server_is_overloaded", "message": "overloaded, though it was done"}}
        return status, reply

    def upload(self, path, query, body, headers):
        boundary = re.search(r"boundary=(\S+)", headers["Content-Type"]).group(1).encode()
        parts = {}
        for part in body.split(b"--" + boundary)[1:-1]:
            head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
            parts[re.search(rb'name="(\w+)"', head).group(1)] = (head, content)
        assert parts[b"purpose"][1] == b"batch"
        head, content = parts[b"file"]
        name = re.search(rb'filename="([^"]+)"', head).group(1).decode()
        return 200, self.add_file(name, content)

    def add_file(self, name, content):
        file = {"id": f"file-{len(self.files) + 1:04}", "object": "file", "filename": name, "bytes": len(content), "content": content,
                "purpose": "batch"}
        self.files[file["id"]] = file
        return {k: v for k, v in file.items() if k != "content"}

    @staticmethod
    def page(items, query):
        items = list(reversed(items))
        if "after" in query:
            ids = [item["id"] for item in items]
            items = items[ids.index(query["after"]) + 1:]
        limit = min(2, int(query.get("limit", 20)))  # small pages, so that there are several
        return {"object": "list", "data": items[:limit], "has_more": len(items) > limit}

    def list_files(self, path, query, body, headers):
        return 200, self.page([{k: v for k, v in f.items() if k != "content"} for f in self.files.values()], query)

    def list_batches(self, path, query, body, headers):
        return 200, self.page([self.public(b) for b in self.batches.values()], query)

    def submit(self, path, query, body, headers):
        asked = json.loads(body)
        assert asked["endpoint"] == "/v1/chat/completions" and asked["completion_window"] == "24h"
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]]["content"].splitlines()]
        batch = {"id": f"batch_{len(self.batches) + 1:04}", "object": "batch", "status": "validating",
                 "input_file_id": asked["input_file_id"], "metadata": asked["metadata"], "output_file_id": None,
                 "error_file_id": None, "errors": None, "expires_at": 4_000_000_000, "lines": lines, "looks": 0,
                 "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
                 "tokens": sum(len(json.dumps(line["body"]["messages"])) // 4 for line in lines)}
        assert len({line["custom_id"] for line in lines}) == len(lines) and len({line["body"]["model"] for line in lines}) == 1
        self.batches[batch["id"]] = batch
        return 200, self.public(batch)

    @staticmethod
    def public(batch):
        return {k: v for k, v in batch.items() if k not in ("lines", "looks", "tokens")}

    def look(self, path, query, body, headers):
        batch = self.batches.get(path.split("/")[2])
        if batch is None:
            return 404, {"error": {"message": "no such batch"}}
        self.go_on(batch)
        return 200, self.public(batch)

    def cancel(self, path, query, body, headers):
        batch = self.batches[path.split("/")[2]]
        if batch["status"] in ("validating", "in_progress"):
            batch["status"] = "cancelling"
        return 200, self.public(batch)

    def download(self, path, query, body, headers):
        file = self.files.get(path.split("/")[2])
        return (200, file["content"]) if file else (404, {"error": {"message": "no such file"}})

    # ------------------------------------------------------------------------------------------------- progress
    def queued(self):
        return sum(b["tokens"] for b in self.batches.values() if b["status"] in ("in_progress", "finalizing"))

    def go_on(self, batch):
        batch["looks"] += 1
        if batch["status"] == "validating":
            if self.refuse > 0:
                self.refuse -= 1
                batch["status"] = "failed"
                batch["errors"] = {"data": [{"code": "invalid_json_line", "message": "line 1 is not what it should be"}]}
            elif self.queue_tokens is not None and self.queued() + batch["tokens"] > self.queue_tokens:
                batch["status"] = "failed"
                batch["errors"] = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]}
            else:
                batch["status"] = "in_progress"
        elif batch["status"] == "cancelling":
            self.finish(batch, "cancelled", batch["lines"][:len(batch["lines"]) // 3])
        elif batch["status"] == "in_progress" and batch["looks"] >= self.polls:
            if self.expire > 0:
                self.expire -= 1
                self.finish(batch, "expired", batch["lines"][:len(batch["lines"]) // 2])
            else:
                self.finish(batch, "completed", batch["lines"])

    def finish(self, batch, status, worked_on):
        output, errors = [], []
        worked = {line["custom_id"] for line in worked_on}
        for line in batch["lines"]:
            entry = {"id": "batch_req_" + line["custom_id"], "custom_id": line["custom_id"], "response": None, "error": None}
            first = line["custom_id"].endswith("-1")
            draw = random.Random("fate" + json.dumps(line["body"]["messages"])).random()
            if line["custom_id"] not in worked:
                entry["error"] = {"code": "batch_expired" if status == "expired" else "batch_cancelled", "message": "not worked on"}
                errors.append(entry)
            elif self.parameter in line["body"]:
                entry["response"] = {"status_code": 400, "request_id": "r", "body": {"error": {
                    "message": f"Unsupported parameter: '{self.parameter}'", "type": "invalid_request_error", "param": self.parameter,
                    "code": "unsupported_parameter"}}}
                errors.append(entry)
            elif first and draw < self.fail_share:
                entry["response"] = {"status_code": 500, "request_id": "r", "body": {"error": {"message": "trouble", "type": "server_error"}}}
                errors.append(entry)
            else:
                reply = answer_to(line["body"])
                if first and draw < self.fail_share + self.filter_share:
                    reply["choices"][0] = {"index": 0, "message": {"role": "assistant", "content": None, "refusal": "I cannot."},
                                           "finish_reason": "stop"}
                self.usage[0] += reply["usage"]["prompt_tokens"]
                self.usage[1] += reply["usage"]["completion_tokens"]
                entry["response"] = {"status_code": 200, "request_id": "r", "body": reply}
                output.append(entry)
        random.Random(batch["id"]).shuffle(output)
        if self.stray_lines and output:
            output.insert(0, {**output[0], "custom_id": "somebody-else-1"})
            output.insert(0, {**output[1], "custom_id": output[1]["custom_id"] + "9"})
            output.append(output[2])
        batch["status"] = status
        batch["request_counts"].update(completed=len(output), failed=len(errors))
        if output:
            batch["output_file_id"] = self.add_file("output", "".join(json.dumps(e) + "\n" for e in output).encode())["id"]
        if errors and not self.no_error_file:
            batch["error_file_id"] = self.add_file("errors", "".join(json.dumps(e) + "\n" for e in errors).encode())["id"]
