"""Every hostile request through the services: refused with its reason, or the profile's certificate and no other."""

import io
import zipfile
from collections.abc import Callable, Sequence

import pytest
from cryptography import x509

from accounts.models import User, Vendor
from cas.models import Authority
from certificates.models import Batch, Certificate, KeyHolder, Line, Request
from certificates.services import batch_sources, batches, issue, request_certificate, set_policy
from certificates.services.batches import Entry, Wish, create_batch
from certificates.services.requests import CsrRefused
from certificates.tasks import work_on_chunk
from core.errors import Refused
from gateways.models import Gateway
from gateways.services import register
from pki.csr import LARGEST, inspect_csr
from tests.pki import hostile_csrs
from tests.pki.csr_forge import Case, forge, key, named
from tests.pki.makers import EUI, make_csr, p256_key, private_pem, public_der, to_pem

SECRET = "private-key"
GOOD = [f"58A0CBFFFE80{number:04X}" for number in range(3)]


@pytest.fixture
def automatic(operator: User, vendor: Vendor, issuing: Authority) -> Authority:
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    return issuing


@pytest.fixture
def target(operator: User, vendor: Vendor) -> Gateway:
    """The gateway that all of them are about."""
    return register(operator, vendor, EUI)


def zipped(cases: Sequence[Case], good: Sequence[str] = ()) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for eui in good:
            archive.writestr(f"good {eui}", make_csr(eui, key=p256_key(eui)))
        for number, case in enumerate(cases):
            archive.writestr(f"{number}", case.content)
    return out.getvalue()


def work(batch: Batch) -> Batch:
    for _ in range(3):
        for pk in batches.work_left(batch):
            work_on_chunk(pk)
    batch.refresh_from_db()
    return batch


def expected(case: Case) -> str:
    """What a batch says of a case: it knows no gateway beforehand, and reads no more of a file than a CSR is long."""
    if len(case.content) > batch_sources.MAX_CSR_BYTES:
        return "malformed-request"
    if case.codes == ("cn-mismatch",):
        return "cn-not-eui" if "lower case" in case.name else "no-such-gateway"
    return case.codes[0] if case.codes else "gateway-twice"


# ------------------------------------------------------------------------------------------------ one by one


@pytest.mark.django_db(transaction=True)
def test_a_refused_request_leaves_nothing_behind(operator: User, automatic: Authority, target: Gateway) -> None:
    for number, case in enumerate(hostile_csrs.refused()):
        with pytest.raises(CsrRefused) as caught:
            request_certificate(operator, target, lifetime_days=365, idempotency_key=f"{number}", csr=case.content)
        assert (caught.value.code, caught.value.field) == (case.codes[0], "csr"), case.name
    assert (Request.objects.count(), KeyHolder.objects.count(), Certificate.objects.count()) == (0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_an_accepted_request_gives_the_profiles_certificate(
    operator: User, automatic: Authority, target: Gateway
) -> None:
    issuer = x509.load_der_x509_certificate(bytes(automatic.der))
    for number, case in enumerate(hostile_csrs.accepted()):
        wish = request_certificate(operator, target, lifetime_days=90, idempotency_key=f"{number}", csr=case.content)
        made = issue(wish.pk)
        assert made is not None, case.name
        assert (made.gateway_id, made.not_after - made.not_before) == (target.pk, made.life), case.name
        certificate = x509.load_der_x509_certificate(bytes(made.der))
        hostile_csrs.require_profile(certificate, issuer, spki=inspect_csr(case.content).public_key_der)
        assert round(made.life.total_seconds()) == 90 * 86400 + 300, case.name


@pytest.mark.django_db
@pytest.mark.parametrize("which", ["another gateway's", "the issuing authority's"])
def test_a_key_that_is_not_the_gateways_own_is_refused(
    operator: User, vendor: Vendor, automatic: Authority, target: Gateway, which: str
) -> None:
    """Fails without `keys_of_authorities` in `certificates.services.key_holding`."""
    if which == "another gateway's":
        other = register(operator, vendor, GOOD[0])
        csr = forge(subject=named(GOOD[0]))
        request_certificate(operator, other, lifetime_days=365, idempotency_key="first", csr=csr)
    else:
        Authority.objects.filter(pk=automatic.pk).update(spki_sha256=inspect_csr(forge()).spki_sha256)
    with pytest.raises(Refused) as caught:
        request_certificate(operator, target, lifetime_days=365, idempotency_key="second", csr=forge())
    assert caught.value.code == ("key-in-use" if which == "another gateway's" else "key-of-an-authority")
    batch = work(create_batch(operator, vendor, [Entry("it", forge())], Wish("a zip", 365), idempotency_key="b"))
    assert Line.objects.get(chunk__batch=batch).code == caught.value.code


@pytest.mark.django_db
def test_the_same_key_in_another_form_is_no_way_around_it(
    operator: User, vendor: Vendor, automatic: Authority, target: Gateway
) -> None:
    """Fails without `key-encoding` in `pki.csr`: a compressed point has another hash, and is the same key."""
    other = register(operator, vendor, GOOD[0])
    request_certificate(operator, other, lifetime_days=365, idempotency_key="first", csr=forge(subject=named(GOOD[0])))
    whole = public_der(key())
    point = whole[-64:]
    compressed = whole[:1] + bytes([whole[1] - 32]) + whole[2:23] + b"\x03\x22\x00" + bytes([2 + point[-1] % 2])
    csr = forge(spki=compressed + point[:32])
    with pytest.raises(CsrRefused) as caught:
        request_certificate(operator, target, lifetime_days=365, idempotency_key="second", csr=csr)
    assert caught.value.code == "key-encoding"


# ------------------------------------------------------------------------------------------------ all in one zip


@pytest.mark.django_db(transaction=True)
def test_in_a_batch_each_line_says_why_and_the_good_ones_are_issued(
    operator: User, vendor: Vendor, automatic: Authority, target: Gateway
) -> None:
    for eui in GOOD:
        register(operator, vendor, eui)
    cases = [case for case in hostile_csrs.cases() if SECRET not in case.codes]
    entries = batch_sources.csrs(zipped(cases, GOOD))
    batch = work(create_batch(operator, vendor, entries, Wish("a zip", 365), idempotency_key="b"))
    said = dict(Line.objects.filter(chunk__batch=batch).values_list("text", "code"))
    first = next(number for number, case in enumerate(cases) if not case.codes)
    assert said.pop(f"{first}") == ""
    assert {eui: said.pop(f"good {eui}") for eui in GOOD} == dict.fromkeys(GOOD, "")
    judged = {case.name: said[f"{number}"] for number, case in enumerate(cases) if number != first}
    assert judged == {case.name: expected(case) for number, case in enumerate(cases) if number != first}
    assert all(line.words.endswith((".", "…")) for line in Line.objects.refused())
    assert batch.state == Batch.State.DONE
    issued = Certificate.objects.select_related("gateway")
    assert sorted(each.gateway.eui for each in issued) == sorted([EUI, *GOOD])
    mine = issued.get(gateway=target)
    certificate = x509.load_der_x509_certificate(bytes(mine.der))
    issuer = x509.load_der_x509_certificate(bytes(automatic.der))
    hostile_csrs.require_profile(certificate, issuer, spki=inspect_csr(cases[first].content).public_key_der)


@pytest.mark.django_db
def test_a_zip_with_a_private_key_in_it_is_refused_as_a_whole() -> None:
    """Row 9. Fails when `batch_sources.csrs` looks at no file: the key would stand in a line of the database."""
    for case in hostile_csrs.refused():
        if SECRET in case.codes:
            with pytest.raises(Refused, match="Treat this key as exposed") as caught:
                batch_sources.csrs(zipped([case], GOOD))
            assert caught.value.code == SECRET, case.name


@pytest.mark.parametrize("read", [batch_sources.csrs, batch_sources.euis])
def test_a_private_key_among_pem_blocks_or_euis_is_refused(read: Callable[[bytes], list[Entry]]) -> None:
    pem = to_pem(forge(), "CERTIFICATE REQUEST") + private_pem(p256_key("pasted"))
    with pytest.raises(Refused) as caught:
        read(pem)
    assert caught.value.code == SECRET


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_is_refused_in_words_however_it_is_packed(packing: int) -> None:
    """Fails without `lzma.LZMAError` and IndexError: `zipfile` raises them for damage and for a file without a name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        archive.writestr("1.csr", forge() * 3)
    whole = out.getvalue()
    damaged = [whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :] for place in range(4, len(whole))]
    assert {said_of(each) for each in damaged} == {"zip-unreadable", "read"}


def said_of(content: bytes) -> str:
    try:
        batch_sources.csrs(content)
    except Refused as refused:
        return refused.code
    return "read"  # what is damaged says nothing of its content


def test_a_zip_that_unpacks_to_far_more_than_csrs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 10. Fails without MAX_BYTES: 15 MB of zeros in 100,000 files are 6 GB."""
    monkeypatch.setattr(batch_sources, "MAX_BYTES", 3 * LARGEST)
    zeros = [Case(f"{number}", bytes(LARGEST)) for number in range(4)]
    assert len(batch_sources.csrs(zipped(zeros[:3]))) == 3
    with pytest.raises(Refused) as caught:
        batch_sources.csrs(zipped(zeros))
    assert caught.value.code == "zip-too-large"
