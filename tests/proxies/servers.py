"""Envoy, Traefik, nginx and HAProxy on free ports of 127.0.0.1, with what the recipes say, before a small backend."""

import contextlib
import http.server
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import _stop, binary, free_port, wait_until

FORGED = {"X-Forwarded-Client-Cert": "forged", "X-Forwarded-Tls-Client-Cert": "forged"}
REQUEST = "".join(
    f"{line}\r\n"
    for line in (
        "GET / HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        *(f"{name}: {value}" for name, value in FORGED.items()),
        "",
    )
)


@dataclass(slots=True)
class Proxy:
    """A running proxy: `reload` lets it read its files again, where it does not do so by itself."""

    port: int
    reload: Callable[[], None]


@dataclass(slots=True)
class Backend:
    """Answers 200 and remembers the headers of the last request."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def backend() -> Iterator[Backend]:
    made = Backend(0)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


def ask(port: int, certificate: Path | None) -> int:
    """The status that a client with this certificate and key (one PEM file) gets; 0 where TLS itself refuses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as raw, context.wrap_socket(raw) as tls:
            lines = [
                "GET / HTTP/1.1",
                "Host: localhost",
                "Connection: close",
                *(f"{k}: {v}" for k, v in FORGED.items()),
            ]
            tls.sendall("\r\n".join([*lines, "", ""]).encode())
            answer = tls.recv(200)
    except OSError:
        return 0
    return int(answer.split()[1]) if answer else 0


@contextlib.contextmanager
def envoy(folder: Path, upstream: int) -> Iterator[Proxy]:
    port = free_port()
    (folder / "envoy-main.yaml").write_text(
        ENVOY % {"port": port, "folder": folder, "upstream": upstream, "own": folder.parent}
    )
    command = [binary("envoy"), "-c", str(folder / "envoy-main.yaml"), "--concurrency", "1", "--use-dynamic-base-id"]
    with _running(command, port, folder):
        yield Proxy(port, lambda: None)


@contextlib.contextmanager
def traefik(folder: Path, upstream: int) -> Iterator[Proxy]:
    port = free_port()
    dynamic = folder.parent / "dynamic"
    dynamic.mkdir(exist_ok=True)
    (dynamic / "router.yaml").write_text(TRAEFIK_ROUTER % {"upstream": upstream, "own": folder.parent})
    link = dynamic / "trust.yaml"
    link.unlink(missing_ok=True)
    link.write_bytes((folder / "traefik.yaml").read_bytes())
    static = folder.parent / "traefik-main.yaml"
    static.write_text(TRAEFIK % {"port": port, "dynamic": dynamic})

    def follow() -> None:
        beside = dynamic / "new"
        beside.write_bytes((folder / "traefik.yaml").read_bytes())
        beside.replace(link)

    with _running([binary("traefik"), f"--configFile={static}"], port, folder):
        yield Proxy(port, follow)


@contextlib.contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[Proxy]:
    port = free_port()
    file = folder.parent / "nginx.conf"
    file.write_text(NGINX % {"port": port, "folder": folder, "upstream": upstream, "own": folder.parent})
    with _running([binary("nginx"), "-c", str(file), "-p", str(folder.parent)], port, folder) as process:
        yield Proxy(port, lambda: process.send_signal(signal.SIGHUP))


@contextlib.contextmanager
def haproxy(folder: Path, upstream: int) -> Iterator[Proxy]:
    port = free_port()
    file = folder.parent / "haproxy.cfg"
    file.write_text(HAPROXY % {"port": port, "folder": folder, "upstream": upstream, "own": folder.parent})
    with _running([binary("haproxy"), "-W", "-f", str(file)], port, folder) as process:
        yield Proxy(port, lambda: process.send_signal(signal.SIGUSR2))


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


ENVOY = """
node: {id: gateways, cluster: gateways}
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: %(port)d}}
    filter_chains:
    - transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
          common_tls_context:
            tls_certificates:
            - certificate_chain: {filename: %(own)s/server.pem}
              private_key: {filename: %(own)s/server.pem}
            validation_context_sds_secret_config:
              name: certadmin
              sds_config:
                resource_api_version: V3
                path_config_source:
                  path: %(folder)s/envoy.yaml
                  watched_directory: {path: %(folder)s}
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: test
          forward_client_cert_details: SANITIZE_SET
          set_current_client_cert_details: {chain: true}
          http_filters:
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              request_headers_to_remove: [x-forwarded-tls-client-cert]
              routes: [{match: {prefix: /}, route: {cluster: backend}}]
  clusters:
  - name: backend
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %(upstream)d}}}
"""
TRAEFIK = """
global: {checkNewVersion: false, sendAnonymousUsage: false}
entryPoints: {gateways: {address: "127.0.0.1:%(port)d"}}
providers: {file: {directory: %(dynamic)s, watch: true}}
"""
TRAEFIK_ROUTER = """
tls: {certificates: [{certFile: %(own)s/server.pem, keyFile: %(own)s/server.pem}]}
http:
  routers:
    all:
      rule: "PathPrefix(`/`)"
      service: backend
      middlewares: [client-certificate, no-forged-certificate]
      tls: {}
  middlewares:
    client-certificate: {passTLSClientCert: {pem: true}}
    no-forged-certificate: {headers: {customRequestHeaders: {X-Forwarded-Client-Cert: ""}}}
  services: {backend: {loadBalancer: {servers: [{url: "http://127.0.0.1:%(upstream)d"}]}}}
"""
NGINX = """
daemon off; pid %(own)s/nginx.pid; error_log %(own)s/nginx.log; worker_processes 1;
events {}
http {
  access_log off; client_body_temp_path %(own)s/t1; proxy_temp_path %(own)s/t2; fastcgi_temp_path %(own)s/t3;
  uwsgi_temp_path %(own)s/t4; scgi_temp_path %(own)s/t5;
  map $ssl_client_i_dn $is_trusted_issuer { default 0; include %(folder)s/issuers.map; }
  server {
    listen 127.0.0.1:%(port)d ssl; ssl_certificate %(own)s/server.pem; ssl_certificate_key %(own)s/server.pem;
    ssl_client_certificate %(folder)s/chains.pem; ssl_verify_client on; ssl_verify_depth 4;
    if ($is_trusted_issuer = 0) { return 403; }
    location / {
      proxy_set_header X-Forwarded-Tls-Client-Cert "";
      proxy_set_header X-Forwarded-Client-Cert 'Chain="$ssl_client_escaped_cert"';
      proxy_pass http://127.0.0.1:%(upstream)d;
    }
  }
}
"""
HAPROXY = """
global
  maxconn 50
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 2s
frontend gateways
  bind 127.0.0.1:%(port)d ssl crt %(own)s/server.pem ca-file %(folder)s/chains.pem verify required
  acl trusted_issuer ssl_c_i_dn(,0,rfc2253) -m str -f %(folder)s/issuers.txt
  http-request deny deny_status 403 unless trusted_issuer
  http-request del-header X-Forwarded-Client-Cert
  http-request del-header X-Forwarded-Tls-Client-Cert
  http-request set-header X-Forwarded-Tls-Client-Cert %%[ssl_c_der,base64]
  default_backend all
backend all
  server one 127.0.0.1:%(upstream)d
"""
