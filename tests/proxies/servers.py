"""Envoy, Traefik, nginx and HAProxy on free ports of 127.0.0.1, put together from the very text of the recipes."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from pki.readers import recipes
from tests.servers import _stop, binary, free_port, wait_until

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
REPLACED = ("", "")  # what a test puts in the place of what in a recipe
RELOADING = "Reloading HAProxy"
ACCEPTED = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # to the key of RFC 6455 section 1.3


@dataclass(slots=True)
class Proxy:
    """A running proxy: `reload` lets it read its files again, where it does not do so by itself."""

    port: int
    reload: Callable[[], None]


@dataclass(slots=True)
class Backend:
    """Answers 200 and remembers the headers of the last request, each with all its values. `documents` are what it
    serves by path, for a proxy that gets its configuration over HTTP."""

    port: int
    headers: dict[str, list[str]] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)


@contextlib.contextmanager
def backend() -> Iterator[Backend]:
    made = Backend(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.headers.get("Upgrade") == "websocket":
                self._echo()
                return
            body = made.documents.get(self.path, b"ok")
            if body == b"ok":
                made.headers = {name.lower(): self.headers.get_all(name, []) for name in self.headers}
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _echo(self) -> None:
            """Changes the protocol, and gives back what comes."""
            made.headers = {name.lower(): self.headers.get_all(name, []) for name in self.headers}
            lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", ACCEPTED, "", ""]
            self.wfile.write("\r\n".join(lines).encode())
            while content := self.rfile.read1(1000):
                self.wfile.write(content)
            self.close_connection = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None: ...  # a proxy that ends resets its connections

    with Server(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        server.shutdown()


def parts_of(name: str, folder: Path) -> dict[str, str]:
    """What a recipe says to paste, by the place that its comment line names."""
    recipe = next(each for each in recipes(str(folder)) if each.name == name)
    found: dict[str, str] = {}
    text = recipe.text.replace(*REPLACED) if REPLACED[0] else recipe.text
    for line in text.splitlines(keepends=True):
        if line.startswith("# in "):
            place = line.removeprefix("# in ").strip()
            found[place] = ""
        else:
            found[place] += line
    return found


def part(parts: dict[str, str], place: str) -> str:
    return next(body for where, body in parts.items() if place in where)


@contextlib.contextmanager
def envoy(folder: Path, backend: Backend) -> Iterator[Proxy]:
    port, parts = free_port(), parts_of("Envoy", folder)

    def said(place: str) -> dict[str, Any]:
        return dict(yaml.safe_load(part(parts, place)))

    context = said("DownstreamTlsContext")
    server = {"filename": str(folder.parent / "server.pem")}
    context["common_tls_context"]["tls_certificates"] = [{"certificate_chain": server, "private_key": server}]
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "backend"}}]
    manager = said("HttpConnectionManager") | {
        "stat_prefix": "gateways",
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
        "route_config": said("route configuration")
        | {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    }
    chain = {
        "transport_socket": {"name": "tls", "typed_config": {"@type": TLS} | context},
        "filters": [{"name": "http", "typed_config": {"@type": HTTP} | manager}],
    }
    listener = {"name": "gateways", "address": _address(port), "filter_chains": [chain]}
    upstream = {"lb_endpoints": [{"endpoint": {"address": _address(backend.port)}}]}
    cluster = {"name": "backend", "load_assignment": {"cluster_name": "backend", "endpoints": [upstream]}}
    file = folder.parent / "envoy-main.json"
    file.write_text(
        json.dumps(said("bootstrap") | {"static_resources": {"listeners": [listener], "clusters": [cluster]}})
    )
    with _running([binary("envoy"), "-c", str(file), "--concurrency", "1", "--use-dynamic-base-id"], port, folder):
        yield Proxy(port, lambda: None)


@contextlib.contextmanager
def traefik(folder: Path, backend: Backend) -> Iterator[Proxy]:
    """Its routers come over HTTP, because the one file provider reads the file of the release."""
    port, parts = free_port(), parts_of("Traefik", folder)
    server = str(folder.parent / "server.pem")
    router = yaml.safe_load(part(parts, "each router")) | {"rule": "PathPrefix(`/`)", "service": "backend"}
    service = {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{backend.port}"}]}}
    dynamic = {
        "tls": {"certificates": [{"certFile": server, "keyFile": server}]},
        "http": {"routers": {"all": router}, "services": {"backend": service}},
    }
    backend.documents["/traefik"] = json.dumps(dynamic).encode()
    static = yaml.safe_load(part(parts, "static").replace(":8887", f"127.0.0.1:{port}"))
    static["providers"] |= {
        "http": {"endpoint": f"http://127.0.0.1:{backend.port}/traefik", "pollInterval": "1s"},
        "providersThrottleDuration": "100ms",
    }
    file = folder.parent / "traefik-main.yaml"
    file.write_text(yaml.safe_dump(static | {"global": {"checkNewVersion": False, "sendAnonymousUsage": False}}))
    with _running([binary("traefik"), f"--configFile={file}"], port, folder):
        yield Proxy(port, lambda: None)


@contextlib.contextmanager
def nginx(folder: Path, backend: Backend) -> Iterator[Proxy]:
    port, parts, own = free_port(), parts_of("nginx", folder), folder.parent
    temporary = " ".join(
        f"{each}_temp_path {own}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = own / "nginx.conf"
    file.write_text(f"""
daemon off; pid {own}/nginx.pid; error_log {own}/nginx.log; worker_processes 1;
{part(parts, "main context")}
events {{}}
http {{
  access_log off; {temporary}
  {part(parts, "http {")}
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {own}/server.pem; ssl_certificate_key {own}/server.pem;
    {part(parts, "server {")}
    location / {{
      {part(parts, "location {")}
      proxy_pass http://127.0.0.1:{backend.port};
    }}
  }}
}}
""")
    with _running([_sbin("nginx"), "-c", str(file), "-p", str(own)], port, folder) as process:
        yield Proxy(port, lambda: process.send_signal(signal.SIGHUP))


@contextlib.contextmanager
def haproxy(folder: Path, backend: Backend) -> Iterator[Proxy]:
    port, parts = free_port(), parts_of("HAProxy", folder)
    server = str(folder.parent / "server.pem")
    frontend = part(parts, "frontend").replace("bind :8887", f"bind 127.0.0.1:{port}")
    file = folder.parent / "haproxy.cfg"
    file.write_text(f"""
global
{part(parts, "global")}
  maxconn 50
defaults
  mode http
  timeout client 10s
  timeout server 5s
  timeout connect 2s
frontend gateways
{frontend.replace("/etc/haproxy/server.pem", server)}
  default_backend all
backend all
{part(parts, "backend")}
  server one 127.0.0.1:{backend.port}
""")
    with _running([_sbin("haproxy"), "-W", "-f", str(file)], port, folder) as process:
        wait_until(lambda: "Loading success" in (folder.parent / "log").read_text(), what="HAProxy's master")
        yield Proxy(port, lambda: _reload_haproxy(process, folder.parent / "log"))


def _reload_haproxy(process: subprocess.Popen[bytes], log: Path) -> None:
    """Its master says when it reloads, and hears no signal for a moment after it has said that the worker stands."""
    before = log.read_text().count(RELOADING)
    for _ in range(20):
        process.send_signal(signal.SIGUSR2)
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: log.read_text().count(RELOADING) > before, seconds=1)
            return
    raise TimeoutError("HAProxy's master does not hear that it shall reload")


def _sbin(name: str) -> str:
    """Debian keeps servers where only root's path leads."""
    return shutil.which(name, path="/usr/sbin") or binary(name)


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


@contextlib.contextmanager
def _running(command: list[str], port: int, folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    log = folder.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until(lambda: _listens(port) or process.poll() is not None, what=f"{command[0]} (log: {log})")
        if process.poll() is not None:
            raise RuntimeError(log.read_text())
        yield process
    finally:
        _stop(process)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
