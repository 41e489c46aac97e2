"""Fills a database with revoked certificates by one statement, then times the list after one more; prints seconds, and
by how many MB the process grew over the first list and five more. Prints what to ask OCSP about."""

import base64
import re
import sys
import time
from pathlib import Path

import django

django.setup()

from cryptography.hazmat.primitives import hashes  # noqa: E402  Django is set up first
from cryptography.hazmat.primitives.serialization import Encoding  # noqa: E402
from cryptography.x509 import OCSPNonce  # noqa: E402
from cryptography.x509.ocsp import OCSPRequestBuilder  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.models import Role, User  # noqa: E402
from cas.models import Authority, Signing  # noqa: E402
from cas.services.ocsp_signers import renew_signer  # noqa: E402
from cas.services.operate import Plan, create_issuing, create_root  # noqa: E402
from cas.services.revocation_lists import renew_list  # noqa: E402
from core import clock  # noqa: E402
from pki import asn1  # noqa: E402

ASKED = 500  # certificates that OCSP is asked about
REVOKED_SQL = """
INSERT INTO cas_signing
    (key_id, issuer_id, serial, subject, profile, profile_version, tbs, tbs_sha256, signature_algorithm, not_after,
     requester, state, reserved_at, der, revoked_at, revocation_reason)
SELECT %(key)s, %(issuer)s, '5' || substr(md5(n::text) || md5((-n)::text), 1, 39), '', 'gateway-client', 1, '', '', '',
       now() + interval '400 days', 'bench', 'signed', now(), '',
       CASE WHEN n <= %(revoked)s THEN now() END, CASE WHEN n <= %(revoked)s THEN 'keyCompromise' ELSE '' END
FROM generate_series(1, %(all)s) n
"""


def fill(revoked: int) -> Authority:
    operator = User.objects.create_user("operator@example.net", "x" * 20, name="Olga", role=Role.OPERATOR)
    root = create_root(operator, Plan("Bench Root", "Bench", "P-256", 20, 1))
    issuing = create_issuing(operator, root, Plan("Bench Gateways", "Bench", "P-256", 10, 0))
    with connection.cursor() as cursor:
        values = {"key": issuing.key_id, "issuer": issuing.pk, "revoked": revoked, "all": revoked + ASKED}
        cursor.execute(REVOKED_SQL, values)
        cursor.execute("ANALYZE")
    return issuing


def one_more(issuing: Authority) -> float:
    """Seconds from one revocation to the signed list."""
    row = Signing.objects.filter(issuer=issuing, revoked_at__isnull=True, profile="gateway-client").latest("pk")
    start = time.perf_counter()
    Signing.objects.filter(pk=row.pk).update(revoked_at=clock.now(), revocation_reason="superseded")
    made = renew_list(issuing.pk)
    if made is None:
        raise RuntimeError("no list was made")
    return time.perf_counter() - start


def peak_mb() -> float:
    """Of this process alone: what `getrusage` says is inherited."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def questions(issuing: Authority, nonce: bytes = b"") -> list[str]:
    """Requests in base64, about good certificates."""
    der = bytes(issuing.der)
    name, key = hashes.Hash(hashes.SHA1()), hashes.Hash(hashes.SHA1())
    name.update(asn1.subject_of(der))
    key.update(asn1.key_bits(asn1.public_key_of(der)))
    hashed = name.finalize(), key.finalize()
    rows = Signing.objects.filter(issuer=issuing, revoked_at__isnull=True, profile="gateway-client")
    return [_question(hashed, int(serial, 16), nonce) for serial in rows.values_list("serial", flat=True)[: ASKED - 50]]


def _question(hashed: tuple[bytes, bytes], serial: int, nonce: bytes) -> str:
    builder = OCSPRequestBuilder().add_certificate_by_hash(*hashed, serial, hashes.SHA1())
    if nonce:
        builder = builder.add_extension(OCSPNonce(nonce), critical=False)
    return base64.b64encode(builder.build().public_bytes(Encoding.DER)).decode()


def main(revoked: int) -> None:
    issuing = fill(revoked)
    before = peak_mb()
    renew_list(issuing.pk)
    print("list", sorted(one_more(issuing) for _ in range(5))[2])
    print("grown", peak_mb() - before)
    renew_signer(issuing.pk)
    print("ask", *questions(issuing))
    print("nonce", *questions(issuing, nonce=bytes(range(32))))


if __name__ == "__main__":
    main(int(sys.argv[1]))
