"""Preflight with what our rows know: on the page, beside a gateway, and at the console."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User, Vendor
from cas.models import Authority, Signing
from certificates.models import Certificate
from core import clock
from gateways.models import Gateway
from keys import services as vault
from pki.facts import read_certificate
from pki.preflight import Verdict
from tests.pki.makers import EUI, Made, make_leaf, rsa_key
from trust.models import Cluster, Group, Release, Store
from trust.services import verdicts
from trust.services.explaining import _HEADLINES, go_through, headline, tone
from trust.services.groups import add_to_group, remove_from_group
from trust.services.releases import publish_release

ClientOf = Callable[[User], Client]


@pytest.fixture
def leaf(issuing: Made) -> Made:
    return make_leaf(issuing, not_after=clock.now() + timedelta(days=300))


@pytest.fixture
def gateway(vendor: Vendor) -> Gateway:
    return Gateway.objects.create(eui=EUI, vendor=vendor)


@pytest.fixture
def certificate(gateway: Gateway, authority: Authority, leaf: Made) -> Certificate:
    facts = read_certificate(leaf.der)
    return Certificate.objects.create(
        gateway=gateway, vendor=gateway.vendor, authority=authority, origin=Certificate.Origin.RECORDED,
        sha256=facts.sha256, der=facts.der, serial=facts.serial, not_before=facts.not_before,
        not_after=facts.not_after, key_type=facts.key_type, spki_sha256=facts.spki_sha256,
    )  # fmt: skip


@pytest.fixture
def published(operator: User, group: Group, trusted: Authority) -> None:
    publish_release(operator, group)


def judge(leaf: Made, group: Group) -> Verdict:
    return verdicts.judge(verdicts.of_file(leaf.pem), verdicts.published(group))


def codes(verdict: Verdict) -> list[str]:
    return [each.code for each in verdict.warnings]


def later(days: int) -> Any:
    return clock.at(clock.now() + timedelta(days=days))


def test_a_gateway_under_a_published_authority_is_accepted(published: None, group: Group, leaf: Made) -> None:
    with later(40):
        verdict = judge(leaf, group)
    assert (verdict.accepted, verdict.rule, verdict.warnings) == (True, "accepted", ())


def test_a_fresh_release_may_not_be_live(published: None, group: Group, leaf: Made) -> None:
    verdict = judge(leaf, group)
    assert codes(verdict) == ["not_live"]
    assert "release 1" in verdict.warnings[0].message


def test_how_fresh_counts_from_the_release_that_brought_the_authority(
    published: None, operator: User, group: Group, leaf: Made
) -> None:
    with later(40):
        publish_release(operator, group, "the same again")
        assert codes(judge(leaf, group)) == []


def test_an_authority_that_came_back_counts_as_new(
    published: None, operator: User, second_operator: User, group: Group, trusted: Authority, leaf: Made
) -> None:
    with later(40):
        remove_from_group(operator, group, trusted)
        publish_release(second_operator, group)
        add_to_group(operator, group, trusted)
        publish_release(operator, group)
        verdict = judge(leaf, group)
    assert codes(verdict) == ["not_live"]
    assert "release 3" in verdict.warnings[0].message


def test_an_authority_in_no_release_is_refused_and_said_to_wait(group: Group, trusted: Authority, leaf: Made) -> None:
    verdict = judge(leaf, group)
    assert (verdict.accepted, verdict.rule, codes(verdict)) == (False, "no_ca_pool", ["not_live"])


def test_what_would_be_published_now_is_not_live(group: Group, trusted: Authority, leaf: Made) -> None:
    verdict = verdicts.judge(verdicts.of_file(leaf.pem), verdicts.draft(group))
    assert (verdict.accepted, codes(verdict)) == (True, ["not_live"])


def test_an_authority_of_another_vendor_is_named_as_foreign(
    published: None, group: Group, leaf: Made, other_vendor: Vendor
) -> None:
    """Row 5. Falls with: `_foreign` in trust.services.verdicts.warn."""
    Gateway.objects.create(eui=EUI, vendor=other_vendor)
    with later(40):
        assert codes(judge(leaf, group)) == ["foreign_authority"]


def test_a_revoked_certificate_is_accepted_all_the_same(
    published: None, group: Group, leaf: Made, certificate: Certificate
) -> None:
    Certificate.objects.update(revoked_at=clock.now())
    with later(40):
        verdict = judge(leaf, group)
    assert (verdict.accepted, codes(verdict)) == (True, ["revoked_but_accepted"])


def test_one_that_was_revoked_by_its_serial_alone_is_accepted_all_the_same(
    published: None, group: Group, leaf: Made, trusted: Authority
) -> None:
    """Of what may exist there is no certificate on record. Falls with: `by_serial` in trust.services.verdicts."""
    facts = read_certificate(leaf.der)
    key = vault.create_key("P-256", purpose="authority")
    Authority.objects.filter(pk=trusted.pk).update(origin="operated", key=key)
    Signing.objects.create(
        key=key, issuer=trusted, serial=facts.serial, subject=EUI,
        profile="gateway-client", profile_version=1, tbs=b"", tbs_sha256="", signature_algorithm="", requester="test",
        not_after=facts.not_after, state="may-exist", revoked_at=clock.now(), revocation_reason="superseded",
    )  # fmt: skip
    with later(40):
        verdict = judge(leaf, group)
    assert (verdict.accepted, codes(verdict)) == (True, ["revoked_but_accepted"])


@pytest.mark.parametrize("exponent", [3, 65537])
def test_a_weak_key_is_warned_about_once(published: None, group: Group, issuing: Made, exponent: int) -> None:
    bits = 2048 if exponent == 3 else 1024
    weak = make_leaf(issuing, key=rsa_key(bits, exponent=exponent), not_after=clock.now() + timedelta(days=300))
    with later(40):
        assert codes(judge(weak, group)) == ["weak_key"]


def test_every_rule_has_a_headline_and_a_row() -> None:
    for rule in _HEADLINES:
        verdict = Verdict(accepted=rule == "accepted", rule=rule, message="")
        hits = [each for each in go_through(verdict) if each.state == "hit"]
        assert len(hits) == (0 if verdict.accepted else 1), rule
        assert headline(verdict)
        assert tone(verdict) == ("good" if verdict.accepted else "bad")


def test_what_comes_after_the_rule_that_decides_was_not_reached() -> None:
    states = [each.state for each in go_through(Verdict(accepted=False, rule="cn_mismatch", message=""))]
    assert states == ["good", "good", "hit"] + ["off"] * 7


# -------------------------------------------------------------------------------------------------------- page


def check(client: Client, **fields: Any) -> str:
    return client.post("/trust/preflight/", {"against": "published", **fields}).content.decode()


def test_everybody_may_ask(operator: User, auditor: User, vendor_user: User, client_of: ClientOf) -> None:
    for person in (operator, auditor, vendor_user):
        assert client_of(person).get("/trust/preflight/").status_code == 200


def test_nobody_asks_without_signing_in(client: Client, db: None) -> None:
    assert client.get("/trust/preflight/").status_code == 302


@pytest.mark.parametrize("method", ["put", "delete"])
def test_it_is_asked_with_get_or_post(operator: User, client_of: ClientOf, method: str) -> None:
    assert getattr(client_of(operator), method)("/trust/preflight/").status_code == 405


def test_a_pasted_certificate_is_judged(published: None, vendor_user: User, leaf: Made, client_of: ClientOf) -> None:
    page = check(client_of(vendor_user), leaf=leaf.pem.decode())
    assert "Accepted" in page
    assert "All passed" in page


def test_an_uploaded_der_file_is_judged(published: None, operator: User, leaf: Made, client_of: ClientOf) -> None:
    assert "Accepted" in check(client_of(operator), file=SimpleUploadedFile("leaf.der", leaf.der))


def test_an_eui_stands_for_the_current_certificate_of_its_gateway(
    published: None, vendor_user: User, certificate: Certificate, client_of: ClientOf
) -> None:
    page = check(client_of(vendor_user), leaf="58-a0-cb-ff-fe-12-34-56")
    assert "Accepted" in page
    assert EUI in page


def test_a_gateway_of_another_vendor_is_as_one_that_does_not_exist(
    published: None, other_vendor_user: User, certificate: Certificate, client_of: ClientOf
) -> None:
    """G11. Falls with: `visible_to` in trust.services.verdicts.of_text."""
    client = client_of(other_vendor_user)
    known, unknown = (check(client, leaf=eui) for eui in (EUI, "58A0CBFFFE999999"))
    assert "There is no gateway" in known
    assert "There is no gateway" in unknown


def test_a_pasted_certificate_tells_another_vendor_nothing_of_the_gateway(
    published: None, other_vendor_user: User, certificate: Certificate, leaf: Made, client_of: ClientOf
) -> None:
    """G11. Falls with: `visible_to` in trust.services.verdicts.of_file."""
    page = check(client_of(other_vendor_user), leaf=leaf.pem.decode())
    assert "for gateway" not in page
    assert f"/authorities/{certificate.authority_id}/" not in page


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"leaf": ""}, "Paste a certificate, choose a file, or type an EUI"),
        ({"leaf": "hello"}, "Paste a certificate in PEM form"),
        ({"leaf": EUI, "at": "soon"}, "Write it as 2026-09-01 12:00 UTC"),
        ({"leaf": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}, "no certificate that the server"),
        ({"leaf": "-----BEGIN"}, "no certificate that the server"),
    ],
)
def test_what_cannot_be_checked_is_said(
    published: None, operator: User, client_of: ClientOf, fields: dict[str, str], why: str
) -> None:
    assert why in check(client_of(operator), **fields)


def test_another_instant_can_be_asked_for(published: None, operator: User, leaf: Made, client_of: ClientOf) -> None:
    assert "the certificate has expired" in check(
        client_of(operator), leaf=leaf.pem.decode(), at="2044-01-01 12:00 UTC"
    )


def test_names_with_markup_are_inert(published: None, operator: User, issuing: Made, client_of: ClientOf) -> None:
    page = check(client_of(operator), leaf=make_leaf(issuing, "<script>alert(1)</script>").pem.decode())
    assert "<script>alert" not in page


def test_the_part_beside_a_gateway_says_how_it_stands(
    published: None, vendor_user: User, certificate: Certificate, client_of: ClientOf
) -> None:
    answer = client_of(vendor_user).get(f"/trust/gateways/{certificate.gateway_id}/preflight/")
    assert "Accepted" in answer.content.decode()


def test_the_part_beside_a_gateway_is_about_what_servers_have_read(
    published: None, operator: User, group: Group, certificate: Certificate, trusted: Authority, client_of: ClientOf
) -> None:
    """Release 2 is published without its authority, and a cluster still has release 1: the gateway is let in there."""
    store = Store.objects.create(name="main", kind="directory", directory="/srv")
    cluster = Cluster.objects.create(name="eu1", store=store, live=Release.objects.get())
    Release.objects.create(group=group, number=2, bundle=b"", bundle_sha256="0" * 64)
    answer = client_of(operator).get(f"/trust/gateways/{certificate.gateway_id}/preflight/").content.decode()
    assert f"live in {cluster.name}" in answer
    assert "Accepted" in answer


def test_a_gateway_without_a_certificate_has_nothing_to_check(
    operator: User, gateway: Gateway, client_of: ClientOf
) -> None:
    answer = client_of(operator).get(f"/trust/gateways/{gateway.pk}/preflight/")
    assert "No certificate to check" in answer.content.decode()


def test_the_part_beside_another_vendors_gateway_is_404(
    other_vendor_user: User, gateway: Gateway, client_of: ClientOf, client: Client
) -> None:
    path = f"/trust/gateways/{gateway.pk}/preflight/"
    assert client_of(other_vendor_user).get(path).status_code == 404
    assert client_of(other_vendor_user).post(path).status_code == 405
    assert client.get(path).status_code == 302


# ---------------------------------------------------------------------------------------------------- commands


@pytest.fixture
def files(tmp_path: Path, leaf: Made, issuing: Made, root: Made) -> Path:
    for name, content in {
        "leaf.pem": leaf.pem, "leaf.der": leaf.der, "issuing.pem": issuing.pem, "root.pem": root.pem,
        "root.der": root.der, "empty.pem": b"", "junk.pem": b"-----BEGIN CERTIFICATE-----\n!!\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = 0
    try:
        call_command(*arguments, "--json")
    except SystemExit as exit_:
        status = int(exit_.code or 0)
    except CommandError as error:
        return error.returncode, {}
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("leaf_file", ["leaf.pem", "leaf.der"])
def test_preflight_accepts_with_status_0(
    db: None, files: Path, capsys: pytest.CaptureFixture[str], leaf_file: str
) -> None:
    arguments = ["--leaf", f"{files / leaf_file}", "--bundle", f"{files / 'issuing.pem'}", "--eui", EUI.lower()]
    status, answer = run(capsys, "preflight", *arguments)
    assert status == 0
    assert (answer["accepted"], answer["rule"], answer["warnings"]) == (True, "accepted", [])


@pytest.mark.parametrize(
    ("bundle", "more", "rule"),
    [
        ("root.pem", [], "unknown_authority"),
        ("empty.pem", [], "bundle_unreadable"),
        ("issuing.pem", ["--eui", "58A0CBFFFE000000"], "cn_mismatch"),
        ("issuing.pem", ["--at", "2044-01-01T00:00:00Z"], "leaf_expired"),
        ("issuing.pem", ["--at", "2020-01-01"], "leaf_not_yet_valid"),
    ],
)
def test_preflight_refuses_with_status_1(
    db: None, files: Path, capsys: pytest.CaptureFixture[str], bundle: str, more: list[str], rule: str
) -> None:
    arguments = ["--leaf", f"{files / 'leaf.pem'}", "--bundle", f"{files / bundle}", *more]
    status, answer = run(capsys, "preflight", *arguments)
    assert (status, answer["accepted"], answer["rule"]) == (1, False, rule)


def test_preflight_reads_the_published_group(published: None, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, answer = run(capsys, "preflight", "--leaf", f"{files / 'leaf.pem'}")
    assert status == 0
    assert [each["code"] for each in answer["warnings"]] == ["not_live"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--leaf", "missing.pem"],
        ["--leaf", "leaf.pem", "--group", "nobody"],
        ["--leaf", "leaf.pem", "--at", "soon"],
        ["--leaf", "leaf.pem", "--eui", "xyz"],
        [],
    ],
)
def test_misuse_of_preflight_is_status_2(
    db: None, files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(files)
    if arguments:
        assert run(capsys, "preflight", *arguments)[0] == 2
    else:
        with pytest.raises(CommandError):  # from the console, argparse ends with status 2
            call_command("preflight")


def test_verify_chain_validates_with_status_0(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--trust", f"{files / 'root.pem'}", "--untrusted", f"{files / 'issuing.pem'}", "--purpose", "client"]
    status, answer = run(capsys, "verify_chain", *arguments, f"{files / 'leaf.pem'}")
    assert (status, answer["accepted"]) == (0, True)


@pytest.mark.parametrize(
    "more",
    [[], ["--untrusted", "issuing.pem", "--at", "2044-06-01"], ["--untrusted", "issuing.pem", "--purpose", "server"]],
)
def test_verify_chain_refuses_with_status_1(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    monkeypatch.chdir(files)
    status, answer = run(capsys, "verify_chain", "--trust", "root.der", *more, "leaf.pem")
    assert (status, answer["accepted"]) == (1, False)
    assert answer["code"]


@pytest.mark.parametrize("trust", ["missing.pem", "junk.pem"])
def test_misuse_of_verify_chain_is_status_2(files: Path, capsys: pytest.CaptureFixture[str], trust: str) -> None:
    assert run(capsys, "verify_chain", "--trust", f"{files / trust}", f"{files / 'leaf.pem'}")[0] == 2


def test_publish_works_without_a_worker(
    directory: Any, trusted: Authority, capsys: pytest.CaptureFixture[str], roots: Path
) -> None:
    status, answer = run(capsys, "publish", "--note", "by hand")
    assert (status, answer["published"], answer["release"], answer["authorities"]) == (0, True, 1, 1)
    assert (roots / "main" / "common" / f"{answer['sha256']}.pem").exists()


def test_publish_says_which_store_did_not_take_it(
    directory: Any, trusted: Authority, capsys: pytest.CaptureFixture[str], roots: Path
) -> None:
    (roots / "main").rename(roots / "away")
    status, answer = run(capsys, "publish")
    assert (status, answer["published"]) == (1, False)
    assert "is not there" in answer["stores"][0]["message"]


def test_publish_without_a_store_is_refused(trusted: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "publish")[0] == 1


def test_misuse_of_publish_is_status_2(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "publish", "--group", "nobody")[0] == 2
