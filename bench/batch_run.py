"""`python -m bench.batch_run csrs|"keys made here" SIZE`: one batch, handed in, checked and issued; prints JSON."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certadmin.settings")
django.setup()

from cryptography import x509  # noqa: E402  Django is set up first
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

from accounts.models import User, Vendor  # noqa: E402
from cas.services.operate import Plan, create_issuing, create_root  # noqa: E402
from certificates.models import Batch, Chunk  # noqa: E402
from certificates.services import set_policy  # noqa: E402
from certificates.services.batch_checking import check_chunk  # noqa: E402
from certificates.services.batch_issuing import issue_chunk  # noqa: E402
from certificates.services.batches import Entry, Wish, create_batch  # noqa: E402
from gateways.models import Gateway  # noqa: E402

WORKERS = 2
P256 = ec.SECP256R1()
FROM_CSRS = "csrs"


def main(kind: str, size: int) -> None:
    operator = User.objects.create_user("bench@fjordnet.example", role="operator", name="Bench")
    vendor = Vendor.objects.create(name="Bench")
    root = create_root(operator, Plan("Root", "Fjordnet", "P-256", 20, 1))
    issuing = create_issuing(operator, root, Plan("Gateways", "Fjordnet", "P-256", 10, 0))
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    euis = [f"020C{number:012X}" for number in range(size)]
    gateways = (Gateway(eui=eui, vendor=vendor, registered_by=operator) for eui in euis)
    Gateway.objects.bulk_create(gateways, batch_size=5000)
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn"), initializer=_warm) as pool:
        csrs = list(pool.map(_csr, euis, chunksize=500)) if kind == FROM_CSRS else []
        list(pool.map(_bare, _parts(csrs or euis, 100)))  # both processes are warm now
        beside = _rate(size, lambda: list(pool.map(_bare, _parts(csrs or euis, 1000))))
        entries = _entries(euis, csrs)
        wish = Wish("a bench", 365, "" if csrs else "P-256")

        def ours() -> None:
            batch = create_batch(operator, vendor, entries, wish, idempotency_key="bench")
            chunks = list(batch.chunks.values_list("pk", flat=True))
            list(pool.map(_check, chunks))
            list(pool.map(_issue, chunks))

        _make_warm(pool, operator, vendor, euis, csrs)
        rate = _rate(size, ours)
        memory = max(pool.map(_memory, range(WORKERS * 4)))
    issued = Chunk.objects.counts()["issued"]
    if issued != size + 200 or Batch.objects.exclude(state=Batch.State.DONE).exists():
        raise SystemExit(f"Only {issued} were issued.")
    print(json.dumps({"ours": rate, "beside": beside, "memory": memory}))


def _make_warm(
    pool: ProcessPoolExecutor, operator: User, vendor: Vendor, euis: Sequence[str], csrs: Sequence[bytes]
) -> None:
    """Both processes have done a small batch, as workers have that run for a day. Its certificates are superseded."""
    for number in range(2):
        some = slice(number * 100, number * 100 + 100)
        entries = _entries(euis[some], csrs[some])
        wish = Wish("warm", 365, "" if csrs else "P-256")
        create_batch(operator, vendor, entries, wish, idempotency_key=f"warm-{number}")
    chunks = list(Chunk.objects.values_list("pk", flat=True))
    list(pool.map(_check, chunks))
    list(pool.map(_issue, chunks))


def _entries(euis: Sequence[str], csrs: Sequence[bytes]) -> list[Entry]:
    return [Entry(*each) for each in zip(euis, csrs, strict=True)] if csrs else [Entry(eui) for eui in euis]


def _rate(size: int, act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return size / (time.perf_counter() - start)


def _parts(whole: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [whole[first : first + size] for first in range(0, len(whole), size)]


def _warm() -> None:
    django.setup()


def _check(chunk_id: int) -> None:
    check_chunk(chunk_id)


def _issue(chunk_id: int) -> None:
    issue_chunk(chunk_id)


def _memory(_: int) -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _csr(eui: str) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, eui)])
    key = ec.generate_private_key(P256)
    return (
        x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    )


def _bare(part: Sequence[bytes | str]) -> None:
    """What `cryptography` needs at least: read the CSR or make a key, build, sign, write PEM."""
    signer = ec.generate_private_key(P256)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bare")])
    now = datetime.now(UTC)
    for each in part:
        if isinstance(each, bytes):
            csr = x509.load_der_x509_csr(each)
            subject, key = csr.subject, csr.public_key()
            if not csr.is_signature_valid:
                raise ValueError("a bad signature")
        else:
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)])
            key = ec.generate_private_key(P256).public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        )
        builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
