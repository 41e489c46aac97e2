"""What proxies read of a trust release: files that stand beside the bundle, and what to paste so that nobody can forge
the header in which the client's certificate goes on.

Envoy (SDS from a file) and Traefik (file provider) take the PEM inside the YAML, so that one rename changes all of it.
nginx and HAProxy verify with OpenSSL's whole chains: they get the authorities above the trusted ones too, and a list
of the issuers that are trusted, because a root alone would also let in what its other authorities sign.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from pki.bundle import BundleEntry, write_annotated_bundle

ENVOY_NAME = "certadmin"  # Envoy calls the trusted authorities a secret, and wants a name for it
_OPENSSL_NAMES = {
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.GIVEN_NAME: "GN",
    NameOID.SURNAME: "SN",
    NameOID.TITLE: "title",
}
_SHORT = {"CN", "O", "OU", "C", "ST", "L", "STREET", "DC", "UID", *_OPENSSL_NAMES.values()}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one proxy uses the files: its name, the file that it reads, what to paste, and what to know."""

    name: str
    file: str
    language: str
    text: str
    notes: tuple[str, ...]


def reader_files(trusted: Sequence[BundleEntry], above: Iterable[BundleEntry]) -> dict[str, bytes]:
    """The files beside a bundle, by name. `above` are the known authorities above the trusted ones.

    Empty for an empty group: no proxy starts with an empty list of authorities. Raises PkiError as `write_bundle`.
    """
    if not trusted:
        return {}
    pem = write_annotated_bundle(trusted).decode()
    known = {each.der for each in trusted}
    chains = write_annotated_bundle([*trusted, *{each.der: each for each in above if each.der not in known}.values()])
    names = sorted({name for each in trusted if (name := issuer_name(each.der))})
    return {
        "envoy.yaml": _envoy(pem).encode(),
        "traefik.yaml": _traefik(pem).encode(),
        "chains.pem": chains,
        "issuers.map": "".join(f'"{_quoted(name)}" 1;\n' for name in names).encode(),
        "issuers.txt": "".join(f"{name}\n" for name in names).encode(),
    }


def issuer_name(der: bytes) -> str:
    """The subject as OpenSSL writes it by RFC 2253, as nginx and HAProxy compare it; empty where that is not plain."""
    name = x509.load_der_x509_certificate(der).subject
    text = name.rfc4514_string(_OPENSSL_NAMES)
    plain = all(each.rfc4514_attribute_name in _SHORT or each.oid in _OPENSSL_NAMES for each in name)
    return text if plain and text.isascii() and text.isprintable() else ""


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
        "      trusted_ca:\n"
        f"        inline_string: |\n{_indented(pem, 10)}"
    )


def _traefik(pem: str) -> str:
    return (
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


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _envoy_recipe(folder: str) -> Recipe:
    text = f"""\
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
# in the route configuration
request_headers_to_remove: [x-forwarded-tls-client-cert]
# Envoy wants a name of its own for SDS
node: {{id: gateways, cluster: gateways}}
"""
    notes = (
        "It takes a new release within a second, without a restart, because the file is renamed into place.",
        "Connections that stand already survive a withdrawn authority: the longest duration ends them.",
        "SANITIZE_SET drops an X-Forwarded-Client-Cert that a client sends; The Things Stack reads its Chain part.",
        "The header of Traefik has to be removed too: The Things Stack would read it where Envoy sets none.",
    )
    return Recipe("Envoy", "envoy.yaml", "yaml", text, notes)


def _traefik_recipe(folder: str) -> Recipe:
    text = f"""\
# static configuration: read every file of the folder, follow changes, trust nobody's forwarded headers
providers:
  file:
    filename: {folder}/traefik.yaml
    watch: true
entryPoints:
  gateways:
    address: ":8887"
    forwardedHeaders: {{insecure: false}}
# dynamic configuration: both are middlewares of the router
http:
  middlewares:
    client-certificate:
      passTLSClientCert: {{pem: true}}
    no-forged-certificate:
      headers: {{customRequestHeaders: {{X-Forwarded-Client-Cert: ""}}}}
"""
    notes = (
        "The file sets tls.options.default: a named option is not applied to a router that matches paths only.",
        "Traefik drops an X-Forwarded-Tls-Client-Cert that a client sends, unless forwardedHeaders trusts it.",
        "It passes X-Forwarded-Client-Cert on, which The Things Stack reads first: the second middleware drops it.",
        "The Things Stack reads the header of Traefik 2.9.2 and newer.",
    )
    return Recipe("Traefik", "traefik.yaml", "yaml", text, notes)


def _nginx_recipe(folder: str) -> Recipe:
    text = f"""\
# in http {{ }}
map $ssl_client_i_dn $is_trusted_issuer {{
    default 0;
    include {folder}/issuers.map;
}}
# in server {{ }}
ssl_client_certificate {folder}/chains.pem;
ssl_verify_client on;
ssl_verify_depth 4;
if ($is_trusted_issuer = 0) {{ return 403; }}
# in location {{ }}
proxy_set_header X-Forwarded-Tls-Client-Cert "";
proxy_set_header X-Forwarded-Client-Cert 'Chain="$ssl_client_escaped_cert"';
"""
    notes = (
        "Reload nginx after a release: it reads the files when it starts.",
        "nginx wants chains up to a root, so chains.pem holds the roots that are known here too.",
        "The map lets in only what a trusted authority signed itself.",
        "proxy_set_header replaces what a client sends under that name.",
    )
    return Recipe("nginx", "chains.pem", "nginx", text, notes)


def _haproxy_recipe(folder: str) -> Recipe:
    text = f"""\
bind :8887 ssl crt /etc/haproxy/server.pem ca-file {folder}/chains.pem verify required
acl trusted_issuer ssl_c_i_dn(,0,rfc2253) -m str -f {folder}/issuers.txt
http-request deny deny_status 403 unless trusted_issuer
http-request del-header X-Forwarded-Client-Cert
http-request del-header X-Forwarded-Tls-Client-Cert
http-request set-header X-Forwarded-Tls-Client-Cert %[ssl_c_der,base64]
"""
    notes = (
        "Reload HAProxy after a release: it reads the files when it starts.",
        "HAProxy wants chains up to a root, as nginx does; the list lets in only what a trusted authority signed.",
        "The header is written as Traefik writes it, which The Things Stack understands.",
    )
    return Recipe("HAProxy", "chains.pem", "haproxy", text, notes)
