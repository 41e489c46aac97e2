"""Private key material, searched for in every sink (row 25): rows, logs, what workers are told, and pages."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key
from django.apps import apps
from django.test import Client

from accounts import reauthentication
from accounts.models import Deployment, User
from audit.models import Record
from cas.services import signing as signatures
from certificates.models import Certificate, Request
from certificates.services import issue, issuing
from core import bell, clock
from gateways.models import Gateway
from keys import services as vault
from pki import kit
from tests.pki import makers

ClientOf = Callable[[User], Client]


def forms_of(pkcs8: bytes) -> list[bytes]:
    """The key as it could leak: octets, hex, base64 at each alignment, and as Python prints it."""
    key = load_der_private_key(pkcs8, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    number = key.private_numbers().private_value
    raw = number.to_bytes(32, "big")
    aligned = [base64.b64encode(bytes(offset) + raw)[4:40] for offset in range(3)]
    return [raw, raw.hex().encode(), str(number).encode(), repr(raw)[2:-1].encode(), *aligned]


def everything_stored() -> bytes:
    rows = (row for model in apps.get_models() for row in model._default_manager.values_list())
    values = (value for row in rows for value in row)
    return b"\n".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in values)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the broker is given."""
    calls: list[object] = []
    monkeypatch.setattr(bell, "_call", lambda task, row_ids: calls.append((task.name, row_ids)))
    return calls


@pytest.fixture
def client(client_of: ClientOf, vendor_user: User) -> Client:
    """The vendor's, with the password just given; a failure is answered as in production."""
    client = client_of(vendor_user)
    client.raise_request_exception = False
    session = client.session
    session[reauthentication.KEY] = clock.now().timestamp()
    session.save()
    return client


def fail_everywhere(approved: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue, with a failure after each step, until it is through."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("forced")

    for owner, name in (
        (issuing, "prepare"), (signatures, "complete"), (issuing, "read_certificate"), (issuing, "refresh_current"),
    ):  # fmt: skip
        with monkeypatch.context() as broken:
            broken.setattr(owner, name, fail)
            with pytest.raises(RuntimeError):
                issue(approved.pk)
        Request.objects.update(lease_until=None, attempts=0)
    assert issue(approved.pk)


def pages_of(client: Client, certificate: Certificate) -> bytes:
    paths = [
        f"/certificates/{certificate.pk}/",
        f"/certificates/{certificate.pk}/files/chain.pem",
        f"/requests/{certificate.request_id}/",
        f"/gateways/{certificate.gateway_id}/",
        "/certificates/",
    ]
    return b"".join(client.get(path).content for path in paths)


def test_a_private_key_is_in_no_sink_whatever_fails(
    approved: Request,
    kits: Deployment,
    client: Client,
    told: list[object],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """G6: fails when the key is put into an act's details, e.g. `key=…` in `certificates.services.custody._open`."""
    caplog.set_level("DEBUG")
    assert approved.key_id is not None
    secrets = forms_of(vault.open_private_key(approved.key_id))
    fail_everywhere(approved, monkeypatch)
    certificate = Certificate.objects.get()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("forced")

    handed = b""
    for name in ("station_kit", "private_key_pem"):
        with monkeypatch.context() as broken:
            broken.setattr(kit, name, fail)
            what = {"station_kit": "kit", "private_key_pem": "key"}[name]
            answer = client.post(f"/certificates/{certificate.pk}/{what}/")
            assert answer.status_code == 500
            handed += answer.content
    pem = client.post(f"/certificates/{certificate.pk}/key/").content
    client.post(f"/certificates/{certificate.pk}/receipt/")

    assert secrets[0] in base64.b64decode(b"".join(pem.splitlines()[1:-1]))  # the search looks for the right thing
    assert Record.objects.filter(action="certificate.key-downloaded").count() == 2
    sinks = {
        "rows": everything_stored(),
        "logs": caplog.text.encode(),
        "workers": repr(told).encode(),
        "pages": handed + pages_of(client, certificate),
    }
    assert "forced" in caplog.text
    assert [(sink, n) for sink, text in sinks.items() for n, secret in enumerate(secrets) if secret in text] == []


@pytest.mark.parametrize(
    ("path", "field", "more"),
    [
        ("record", "leaf", {}),
        ("request", "csr", {"source": "csr", "lifetime_days": "365", "idempotency_key": "k", "key_type": "P-256"}),
    ],
)
def test_a_private_key_that_somebody_pastes_is_kept_nowhere_and_not_shown_again(
    path: str,
    field: str,
    more: dict[str, Any],
    policy: None,
    gateway: Gateway,
    client: Client,
    told: list[object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Row 9: fails without `_PemArea` in `certificates.forms`."""
    caplog.set_level("DEBUG")
    pem = makers.private_pem(makers.p256_key("pasted")).decode()
    answer = client.post(f"/gateways/{gateway.pk}/{path}/", {field: pem, **more})
    assert answer.status_code == 200
    assert "private key" in answer.content.decode()
    secret = pem.splitlines()[1].encode()
    assert secret not in answer.content + everything_stored() + caplog.text.encode() + repr(told).encode()
