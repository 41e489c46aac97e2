"""The commands of docs/api.md, typed as they stand there against a server."""

from pathlib import Path
from ssl import DER_cert_to_PEM_cert
from typing import Any

import pytest
from cryptography import x509

from accounts.models import User
from cas.models import Authority
from certificates.models import Certificate
from certificates.services import set_policy
from core import bell
from gateways.models import Gateway
from gateways.services import register
from pki.facts import read_certificate
from tests.api.conftest import ProgramOf
from tests.pki import makers
from tests.test_guides import type_in
from tests.world import World

LOG = (
    "2026-11-20T12:00:00+00:00\tCN=58A0CBFFFE8011E0\n2026-11-20T12:00:01+00:00\tCN=0016C001F0999999\nno line of ours\n"
)


def leaf_of_its_own_ca(world: World, gateway: Gateway) -> bytes:
    ca = makers.make_issuing(makers.make_root("Kestrel Root"), "Kestrel Gateway CA")
    facts = read_certificate(ca.der)
    Authority.from_facts(facts, origin="uploaded", vendor=world.vendor, state="approved").save()
    return makers.make_leaf(ca, gateway.eui, not_after=makers.at(2034)).der


def test_the_commands_do_what_the_guide_says(
    live_server: Any,
    world: World,
    operator: User,
    vendor_user: User,
    program_of: ProgramOf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bell, "_call", lambda task, ids: task.apply(args=ids, throw=True))  # a worker, at once
    set_policy(world.vendor, actor=operator, authority=world.issuing, automatic=True)
    other = register(operator, world.vendor, "58A0CBFFFE8011E1")
    (tmp_path / "leaf.pem").write_text(DER_cert_to_PEM_cert(leaf_of_its_own_ca(world, other)))
    (tmp_path / "gateways.log").write_text(LOG)
    environment = {
        "URL": live_server.url,
        "TOKEN": program_of(vendor_user).secret,
        "OPERATOR_TOKEN": program_of(operator, "sightings").secret,
        "LEAF": str(tmp_path / "leaf.pem"),
    }
    said = type_in(tmp_path, "api.md", **environment)
    issued = x509.load_pem_x509_certificate((tmp_path / "gateway.crt").read_bytes())
    assert issued.subject.rfc4514_string() == "CN=58A0CBFFFE8011E0"
    assert (tmp_path / "chain.pem").read_text().count("BEGIN CERTIFICATE") == 3
    assert "Accepted" in said
    assert Certificate.objects.get(gateway=other).origin == Certificate.Origin.RECORDED
    assert '"taken": 1' in said
    assert '"unknown": 1' in said
    assert Gateway.objects.get(eui="58A0CBFFFE8011E0").sightings == 1
