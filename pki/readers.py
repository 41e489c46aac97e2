"""What proxies read of a trust release: files that stand beside the bundle, and what to paste so that nobody can forge
the header in which the client's certificate goes on.

All four hold each trusted authority for an end of the path in itself, as The Things Stack does, so that a root which
is not trusted lets nobody in. Envoy (SDS from a file) and Traefik (file provider) do so anyway, and take the PEM inside
the YAML, so that one rename changes all of it. OpenSSL, under nginx and HAProxy, wants paths up to a root, unless an
authority carries explicit trust: the block `TRUSTED CERTIFICATE` (openssl-verification-options(1), trust anchors).
"""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pki import crl
from pki.bundle import BundleEntry, write_annotated_bundle

ENVOY_NAME = "certadmin"  # Envoy calls the trusted authorities a secret, and wants a name for it
# X509_CERT_AUX (OpenSSL crypto/x509/x_x509a.c): trusted for clientAuth, 1.3.6.1.5.5.7.3.2
_TRUSTED_FOR_CLIENTS = bytes.fromhex("300c300a06082b06010505070302")
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\n(.+?)-----END CERTIFICATE-----\n", re.DOTALL)
# An authority whose private key nobody has: x of its P-256 key is the SHA-256 of "certadmin: nobody's key 5"
_NOBODY = base64.b64decode(
    "MIIBDzCB9aADAgECAgZub2JvZHkwCgYIKoZIzj0EAwIwHDEaMBgGA1UEAwwRTm9ib2R5IGlzIHRydXN0ZWQwHhcNMjYwMTAxMDAwMDAwWhcN"
    "NDYwMTAxMDAwMDAwWjAcMRowGAYDVQQDDBFOb2JvZHkgaXMgdHJ1c3RlZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJOHf7hPpyDEYGkJ"
    "0wSTIXNRWvV+T+BQDfM9cDcyYKVML5KlKuYAbrh9tV3J1LEukOCNxIaxzqo/uERz0n79k8qjIzAhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0P"
    "AQH/BAQDAgIEMAoGCCqGSM49BAMCAwkAMAYCAQECAQE="
)
# A list of an issuer that does not exist: HAProxy does not start with a file in which there is none
_NOBODYS_LIST = base64.b64decode(
    "MIHHMG4CAQEwCgYIKoZIzj0EAwIwHDEaMBgGA1UEAwwRTm9ib2R5IGlzIHJldm9rZWQXDTI2MDEwMTAwMDAwMFoXDTQ2MDEwMTAwMDAwMFqgITAf"
    "MBEGA1UdIwQKMAiABm5vYm9keTAKBgNVHRQEAwIBATAKBggqhkjOPQQDAgNJADBGAiEAuKwjv92Bheigu46cNmcUxuD/zsLeopXzN57zAwv3Nj0C"
    "IQCqJtH8yRdrEOXIhHkVR0yoEOtOUUDj5ko8GsxB1f38hw=="
)
REVOCATION_FILES = ("crls.pem", "envoy-crl.yaml", "revoked.map")
NOBODY = BundleEntry(_NOBODY, "nobody", "this group is empty", datetime(2046, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one proxy uses the files: its name, the file that it reads, what to paste, and what to know.

    Each part of `text` starts with a comment line that says where it goes.
    """

    name: str
    file: str
    language: str
    text: str
    notes: tuple[str, ...]


def reader_files(trusted: Sequence[BundleEntry]) -> dict[str, bytes]:
    """The files beside a bundle, by name; the same authorities give the same bytes. Raises PkiError as `write_bundle`.

    No proxy starts with an empty list, and one whose file is taken away goes on with the old: an empty group trusts
    `NOBODY`, whose key does not exist.
    """
    pem = write_annotated_bundle(trusted or [NOBODY]).decode()
    return {
        "envoy.yaml": _envoy(pem).encode(),
        "traefik.yaml": _traefik(pem).encode(),
        "authorities.pem": pem.encode(),
        "anchors.pem": _BLOCK.sub(_as_anchor, pem).encode(),
    }


def revocation_files(authorities: str, lists: Sequence[bytes], serials: Iterable[int]) -> dict[str, bytes]:
    """The files that say who is revoked, by the names of `REVOCATION_FILES`; the same input gives the same bytes.

    `authorities` is the PEM of the release (`authorities.pem`), `lists` are CertificateLists in DER, `serials` are the
    revoked serial numbers of all of them.
    """
    pem = b"".join(b"".join(crl.pem_lines([each])) for each in lists or [_NOBODYS_LIST])
    return {
        "crls.pem": pem,
        "envoy-crl.yaml": (_envoy(authorities) + _envoy_lists(pem.decode())).encode(),
        "revoked.map": "".join(["# revoked serial numbers, for a map of nginx\n", *map(_map_line, serials)]).encode(),
    }


def _map_line(serial: int) -> str:
    """As nginx writes $ssl_client_serial: whole octets in upper case."""
    digits = f"{serial:X}"
    return f"{'0' * (len(digits) % 2)}{digits} 1;\n"


def _as_anchor(block: re.Match[str]) -> str:
    """The same certificate in a block that says: trusted for clients, whoever signed it."""
    text = base64.encodebytes(base64.b64decode(block[1]) + _TRUSTED_FOR_CLIENTS).decode()
    return f"-----BEGIN TRUSTED CERTIFICATE-----\n{text}-----END TRUSTED CERTIFICATE-----\n"


def recipes(folder: str) -> tuple[Recipe, ...]:
    """What to paste for each proxy that finds the group's files under `folder` (an absolute path without a slash at
    its end). Forwarded headers are set by the proxy alone: whatever a client sends under their names is dropped."""
    return (_envoy_recipe(folder), _traefik_recipe(folder), _nginx_recipe(folder), _haproxy_recipe(folder))


def _envoy(pem: str) -> str:
    return (
        "resources:\n"
        '  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n'
        f"    name: {ENVOY_NAME}\n"
        "    validation_context:\n"
        "      max_verify_depth: 0\n"
        "      trusted_ca:\n"
        f"        inline_string: |\n{_indented(pem, 10)}"
    )


def _envoy_lists(pem: str) -> str:
    """Only the gateway's own certificate is looked up: of what signed the authorities there is no list here."""
    return f"      only_verify_leaf_cert_crl: true\n      crl:\n        inline_string: |\n{_indented(pem, 10)}"


def _traefik(pem: str) -> str:
    return (
        "http:\n"
        "  middlewares:\n"
        "    certadmin:\n"
        "      chain: {middlewares: [certadmin-forget, certadmin-pass]}\n"
        "    certadmin-forget:\n"
        "      headers:\n"
        "        customRequestHeaders:\n"
        '          X-Forwarded-Client-Cert: ""\n'
        '          X-Forwarded-Tls-Client-Cert: ""\n'
        '          X-Forwarded-Tls-Client-Cert-Info: ""\n'
        "    certadmin-pass:\n"
        "      passTLSClientCert: {pem: true}\n"
        "tls:\n"
        "  options:\n"
        "    default:\n"
        "      clientAuth:\n"
        "        clientAuthType: RequireAndVerifyClientCert\n"
        "        caFiles:\n"
        f"          - |\n{_indented(pem, 12)}"
    )


def _indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


_OPENSSL_NOTES = (
    (
        "It wants a path up to a root. anchors.pem says in OpenSSL's own form that each authority is enough. Never "
        "help with a root: it would let in what is withdrawn below it."
    ),
    (
        "It does not look at the end of a trusted authority, only at that of the gateway's certificate: publish a "
        "release without an authority that ends."
    ),
)
_SUB_AUTHORITY = "A gateway that sends an authority below a trusted one along is let in; The Things Stack refuses it."


def _envoy_recipe(folder: str) -> Recipe:
    text = f"""\
# in the bootstrap file, if it has no node yet: without a name of its own Envoy reads no file of secrets
node: {{id: gateways, cluster: gateways}}
# in the listener's DownstreamTlsContext
require_client_certificate: true
common_tls_context:
  validation_context_sds_secret_config:
    name: {ENVOY_NAME}
    sds_config:
      resource_api_version: V3
      path_config_source:
        path: {folder}/envoy.yaml
        watched_directory: {{path: {folder}}}
# in the HttpConnectionManager
forward_client_cert_details: SANITIZE_SET
set_current_client_cert_details: {{chain: true}}
common_http_protocol_options:
  max_connection_duration: 3600s
  headers_with_underscores_action: DROP_HEADER
upgrade_configs: [{{upgrade_type: websocket}}]
stream_idle_timeout: 3600s
# in the route configuration
request_headers_to_remove: [x-forwarded-tls-client-cert, x-forwarded-tls-client-cert-info]
"""
    notes = (
        (
            "It takes a new release within a second, without a restart, because the file is renamed into place. Copy "
            "it in the same way: what is written in place is not noticed."
        ),
        (
            "Connections that stand survive a withdrawn authority. The longest duration ends them when no request is "
            "under way; a WebSocket is one, and lasts until its end or Envoy's."
        ),
        "SANITIZE_SET drops an X-Forwarded-Client-Cert that a client sends; The Things Stack reads its Chain part.",
        "The header of Traefik has to be removed too: The Things Stack would read it where Envoy sets none.",
        "With a file that it cannot read, Envoy goes on with the last one and counts it in its statistics.",
        (
            "It refuses revoked gateways with envoy-crl.yaml in place of envoy.yaml: the same authorities, with the "
            "lists of those that are operated here. It takes a new list within a second. With it Envoy refuses every "
            "gateway of an authority without a list, so of each vendor's own: give those a trust group and a listener "
            "of their own, without lists. When a list is over, it refuses every gateway of that authority too."
        ),
        "With envoy.yaml alone, a revoked gateway gets in until its authority leaves the release.",
    )
    return Recipe("Envoy", "envoy.yaml", "yaml", text, notes)


def _traefik_recipe(folder: str) -> Recipe:
    text = f"""\
# in the static configuration
providers:
  file:
    filename: {folder}/traefik.yaml
    watch: true
entryPoints:
  gateways:
    address: ":8887"
    transport: {{keepAliveMaxTime: 3600s}}
# in each router, wherever it is declared
tls: {{}}
middlewares: [certadmin@file]
"""
    notes = (
        "It follows a new release by itself, two seconds later.",
        (
            "Traefik has one file provider. If your routers are files too, name their directory instead, and copy each "
            "release's traefik.yaml there under another name, then rename it: a link is not followed."
        ),
        (
            "The file sets tls.options.default, because a named option is not applied to a router that matches paths "
            "only. So every TLS router of this Traefik asks for a gateway's certificate."
        ),
        (
            "A router without the middleware asks nobody for a certificate while the file is missing. With it, such a "
            "router is not served."
        ),
        (
            "The middleware drops what a client sends as X-Forwarded-Client-Cert, which Traefik would pass on and The "
            "Things Stack reads first. What it sets, The Things Stack reads from Traefik 2.9.2 on."
        ),
        (
            "Traefik passes on names with underscores: put nothing behind it that takes X_Forwarded_Client_Cert for "
            "the same. The Things Stack does not."
        ),
        (
            "Connections that stand survive a withdrawn authority: keepAliveMaxTime ends them after a request, "
            "WebSockets last until Traefik is restarted."
        ),
        _SUB_AUTHORITY,
        "It reads no list of revoked certificates: a revoked gateway gets in until its authority leaves the release.",
    )
    return Recipe("Traefik", "traefik.yaml", "yaml", text, notes)


def _nginx_recipe(folder: str) -> Recipe:
    text = f"""\
# in the main context
worker_shutdown_timeout 60s;
# in http {{ }}
map $http_upgrade $gateways_connection {{ default upgrade; '' close; }}
map $ssl_client_serial $gateways_revoked {{ default 0; include {folder}/revoked.map; }}
# in server {{ }}
if ($gateways_revoked) {{ return 403; }}
ssl_verify_client on;
ssl_verify_depth 0;
ssl_client_certificate {folder}/authorities.pem;
ssl_conf_command VerifyCAFile {folder}/anchors.pem;
ssl_session_cache off;
ssl_session_tickets off;
# in location {{ }}
proxy_set_header X-Forwarded-Tls-Client-Cert "";
proxy_set_header X-Forwarded-Tls-Client-Cert-Info "";
proxy_set_header X-Forwarded-Client-Cert 'Chain="$ssl_client_escaped_cert"';
proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $gateways_connection;
proxy_read_timeout 3600s;
"""
    notes = (
        "Reload nginx after a release: it reads the files when it starts.",
        *_OPENSSL_NOTES,
        (
            "VerifyCAFile (nginx 1.19.4 or newer, built with OpenSSL) is what decides. authorities.pem is what nginx "
            "names to gateways as welcome."
        ),
        "A remembered TLS session could outlive its authority: both ways to remember are off.",
        "Workers of before the reload keep their WebSockets until worker_shutdown_timeout.",
        "proxy_set_header replaces what a client sends, in the location in which all its lines stand.",
        "Stations speak to the LNS over WebSocket, which nginx passes on only with the map and the last four lines.",
        (
            "revoked.map holds the serial numbers that authorities operated here have revoked. nginx reads it when it "
            "is reloaded: do that every few minutes, or when the file changes. A revoked gateway gets 403 on a "
            "connection that stands in TLS. Above some ten thousand, raise map_hash_max_size."
        ),
        (
            "Do not help with ssl_crl: beside VerifyCAFile nginx does not look at it, and without, it wants a list of "
            "every authority up to a root and refuses all gateways of vendors, for which there is none."
        ),
    )
    return Recipe("nginx", "anchors.pem", "nginx", text, notes)


def _haproxy_recipe(folder: str) -> Recipe:
    lists = f"crl-file {folder}/crls.pem ca-ignore-err 3,33 crt-ignore-err 3,12"
    text = f"""\
# in global
hard-stop-after 60s
# in frontend
bind :8887 ssl crt /etc/haproxy/server.pem ca-file {folder}/anchors.pem verify required {lists}
option http-restrict-req-hdr-names delete
http-request del-header X-Forwarded-Client-Cert
http-request del-header X-Forwarded-Tls-Client-Cert
http-request del-header X-Forwarded-Tls-Client-Cert-Info
http-request set-header X-Forwarded-Tls-Client-Cert %[ssl_c_der,base64]
# in backend
timeout tunnel 3600s
"""
    notes = (
        "Reload HAProxy after a release: it reads the files when it starts.",
        *_OPENSSL_NOTES,
        "The process of before the reload keeps its connections until hard-stop-after.",
        "The header is written as Traefik writes it, which The Things Stack understands.",
        "http-restrict-req-hdr-names (HAProxy 2.6 or newer) drops names with underscores.",
        _SUB_AUTHORITY,
        (
            "crl-file refuses what authorities operated here have revoked, after a reload: do that every few minutes, "
            "or when the file changes. Of vendors' own authorities, and of what signed any of them, there is no list: "
            "OpenSSL would refuse all their gateways, were it not for the errors 3 and 33 that are ignored."
        ),
        (
            "A list that is over still counts (12). Leave 12 out to refuse every gateway of an authority whose list is "
            "over, and be sure to reload within the list's life then."
        ),
    )
    return Recipe("HAProxy", "anchors.pem", "haproxy", text, notes)
