"""The independent reader: raw SQL, OpenSSL and the logs say whether everything is as it must be after a fault."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from tests.faults.deployment import Deployment

FINAL = ("issued", "refused", "failed", "may-exist")


def check(deployment: Deployment, *, issued: int) -> None:
    """Fail unless `issued` certificates stand where they belong, each once, each recorded before it was signed.

    Nothing works any more meanwhile: the schedule signs lists and keeps a record of it, long after the requests."""
    deployment.stop_processes()
    states = dict(deployment.rows("SELECT state, count(*) FROM certificates_request GROUP BY state"))
    assert set(states) <= set(FINAL), states
    assert states.get("issued", 0) == issued, (states, deployment.log[-3000:])
    assert deployment.number("SELECT count(*) FROM certificates_certificate") == issued
    _each_request_has_one(deployment)
    _each_signature_has_a_row(deployment)
    _serials_are_unique(deployment)
    _openssl_agrees(deployment)
    _audit_verifies(deployment)
    _no_key_leaks(deployment)


def _each_request_has_one(deployment: Deployment) -> None:
    doubled = deployment.rows(
        "SELECT request_id, count(*) FROM certificates_certificate GROUP BY request_id HAVING count(*) > 1"
    )
    assert doubled == []
    loose = deployment.rows(
        "SELECT s.serial FROM cas_signing s LEFT JOIN certificates_request r ON r.signing_id = s.id "
        "WHERE s.profile NOT IN ('root', 'issuing', 'ocsp-signer') AND r.id IS NULL"
    )
    assert loose == [], "a serial was reserved that no request knows of"


def _each_signature_has_a_row(deployment: Deployment) -> None:
    """The vault counts its signatures; a signature whose row says `reserved` is one that may exist."""
    signatures = deployment.number("SELECT sum(signatures) FROM keys_key WHERE purpose = 'authority'")
    recorded = deployment.number("SELECT count(*) FROM cas_signing WHERE state <> 'void'")
    signed = deployment.number("SELECT count(*) FROM cas_signing WHERE state = 'signed'")
    lists = deployment.number("SELECT count(*) FROM cas_revocationlist WHERE signature IS NOT NULL")
    assert signatures >= signed + lists
    assert recorded >= signed
    uncounted = deployment.rows(
        "SELECT s.name FROM cas_ocspsigner s JOIN keys_key k ON k.id = s.key_id WHERE k.signatures <> s.responses"
    )
    assert uncounted == []


def _serials_are_unique(deployment: Deployment) -> None:
    total, unique = deployment.rows("SELECT count(serial), count(DISTINCT serial) FROM certificates_certificate")[0]
    assert total == unique


def _openssl_agrees(deployment: Deployment) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = deployment.act("export", folder)
        if not files:
            return
        pem = {name: _to_pem(Path(folder) / f"{name}.der") for name in ("root", "issuing")}
        for file in files:
            leaf = _to_pem(Path(file))
            done = subprocess.run(
                ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", pem["root"],
                 "-untrusted", pem["issuing"], leaf],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            tbs = subprocess.run(
                ["openssl", "asn1parse", "-inform", "DER", "-in", file, "-strparse", "4", "-noout",
                 "-out", f"{file}.tbs"],
                capture_output=True, check=True,
            )  # fmt: skip
            assert tbs.returncode == 0
            digest = hashlib.sha256(Path(f"{file}.tbs").read_bytes()).hexdigest()
            assert deployment.number("SELECT count(*) FROM cas_signing WHERE tbs_sha256 = %s", digest) == 1


def _to_pem(der: Path) -> str:
    pem = der.with_suffix(".pem")
    subprocess.run(["openssl", "x509", "-inform", "DER", "-in", der, "-out", pem], check=True, capture_output=True)
    return str(pem)


def _audit_verifies(deployment: Deployment) -> None:
    deployment.act("seal")
    deployment.act("verify_audit")


def _no_key_leaks(deployment: Deployment) -> None:
    text = deployment.log
    assert "PRIVATE KEY" not in text
    assert deployment.environment["CERTADMIN_KEK"] not in text
