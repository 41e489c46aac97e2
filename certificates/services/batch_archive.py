"""What a batch made, as one tar: a folder for each gateway, and a manifest. Written as it is read, never held whole."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

from django.db import transaction
from django.db.models import F, Max

from accounts.models import Deployment, User
from audit.models import Record
from audit.services import record
from certificates.models import Batch, Certificate
from certificates.services.custody import sealed_key_pem
from core import clock, csv
from core.errors import Forbidden, Refused
from keys import services as vault
from pki import kit
from pki.age_lock import AgeLock
from pki.errors import PkiError

COLUMNS = ("EUI", "Serial", "SHA-256", "Not after", "Folder")
READ_AT_ONCE = 500
KEYS_TAKEN = "batch.keys-downloaded"
IDENTITY = "identity.age"
HOW = """\
The private keys of this archive are encrypted with age (https://age-encryption.org).

With your own age key:      age -d -i key.txt EUI/cups.key.age > EUI/cups.key
With the pass phrase:       age -d identity.age > key.txt      and then as above

Confirm receipt on the page of the batch: the keys are then destroyed there.
"""


def certificates_of(batch: Batch) -> "Iterator[Certificate]":
    """What the batch made, in the order of its lines; what moved to another vendor since is left out."""
    made = Certificate.objects.filter(request__chunk__batch=batch, vendor_id=F("gateway__vendor_id"))
    return made.select_related("gateway", "key", "authority").order_by("pk").iterator(READ_AT_ONCE)


def open_archive(batch: Batch, *, actor: User, lock: AgeLock | None) -> Iterator[bytes]:
    """Check that the archive can be made, write down who takes it, and return its octets one after the other.

    With `lock`, the private keys that are still sealed here go along, each encrypted with it.
    """
    _refuse_foreign(batch, actor)
    deployment = Deployment.objects.first()
    if deployment is None or not (deployment.cups_uri and deployment.cups_trust):
        raise Refused("kit-not-configured", "Station kits need the CUPS address and trust of the settings page.")
    if lock is not None:
        vault.check_kek()
    action = "batch.archive-downloaded" if lock is None else KEYS_TAKEN
    with transaction.atomic():
        record(actor, action, subject=batch, vendor_id=batch.vendor_id)
    return _write(batch, deployment, lock)


def manifest(batch: Batch) -> Iterator[str]:
    """A line for each certificate: EUI, serial, SHA-256 of the DER, end, folder."""
    rows = ((each.gateway.eui, *_facts(each), each.gateway.eui) for each in certificates_of(batch))
    return csv.lines(COLUMNS, rows)


def confirm_receipt(batch: Batch, *, actor: User) -> int:
    """Its holder has the keys that were in the archive when it was taken last: destroy ours. Return how many."""
    _refuse_foreign(batch, actor)
    taken = Record.objects.about("batch", batch.pk).filter(action=KEYS_TAKEN).aggregate(at=Max("at"))["at"]
    if taken is None:
        raise Refused("keys-not-taken", "Nobody has taken the archive with its keys yet. Download it first.")
    with transaction.atomic():
        waiting = Certificate.objects.filter(request__chunk__batch=batch, key_confirmed_at__isnull=True).with_key()
        sealed = dict(waiting.filter(created_at__lte=taken).select_for_update(of=("self",)).values_list("pk", "key"))
        keys = list(sealed.values())
        Certificate.objects.filter(pk__any_of=list(sealed)).update(key_confirmed_at=clock.now())
        count = vault.destroy_keys(keys)
        record(actor, "batch.keys-received", subject=batch, vendor_id=batch.vendor_id, count=count)
    return count


def has_sealed_keys(batch: Batch) -> bool:
    waiting = Certificate.objects.filter(request__chunk__batch=batch, key_confirmed_at__isnull=True)
    return waiting.with_key().filter(key_until__gt=clock.now()).exists()


def _write(batch: Batch, deployment: Deployment, lock: AgeLock | None) -> Iterator[bytes]:
    chain = [bytes(authority.der) for authority in batch.authority.chain()]
    with closing(_Tar(clock.now())) as out:
        if lock is not None:
            out.add("README.txt", HOW.encode())
            if lock.identity_file is not None:
                out.add(IDENTITY, lock.identity_file)
        out.add("manifest.csv", "".join(manifest(batch)).encode())
        yield out.take()
        for certificate in certificates_of(batch):
            eui = certificate.gateway.eui
            files = _files(certificate, chain, deployment)
            for name, content in files.items():
                out.add(f"{eui}/{name}", content)
            if lock is not None and (pem := sealed_key_pem(certificate)):
                out.add(f"{eui}/cups.key.age", lock.close(pem))
            yield out.take()
        yield out.end()


def _files(certificate: Certificate, chain: list[bytes], deployment: Deployment) -> dict[str, bytes]:
    try:
        return kit.station_files(
            eui=certificate.gateway.eui,
            leaf_der=bytes(certificate.der),
            chain_ders=chain,
            private_key_der=None,
            trust_pem=deployment.cups_trust.encode(),
            cups_uri=deployment.cups_uri,
        )
    except PkiError as error:
        return {"NO-KIT.txt": f"{error.message}\n".encode()}


def _facts(certificate: Certificate) -> tuple[str, str, str]:
    return certificate.serial, certificate.sha256, certificate.not_after.isoformat()


def _refuse_foreign(batch: Batch, actor: User) -> None:
    if not (actor.is_operator or actor.vendor_id == batch.vendor_id):
        raise Forbidden("not-your-vendor", "The archive is for the vendor of these gateways.")


class _Tar:
    """A tar that is taken away piece by piece."""

    def __init__(self, at: datetime) -> None:
        self._piece, self._at = io.BytesIO(), int(at.timestamp())
        self._tar = tarfile.open(fileobj=self._piece, mode="w|", format=tarfile.USTAR_FORMAT)  # noqa: SIM115  see `end`

    def add(self, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = len(content), self._at, 0o600
        self._tar.addfile(entry, io.BytesIO(content))
        self._tar.members.clear()  # type: ignore[attr-defined]  # a list that nobody asks for

    def take(self) -> bytes:
        """What was written since the last time."""
        piece = self._piece.getvalue()
        self._piece.seek(0)
        self._piece.truncate()
        return piece

    def end(self) -> bytes:
        self.close()
        return self.take()

    def close(self) -> None:
        """Also where it breaks off: what is left open complains when it is collected."""
        self._tar.close()
