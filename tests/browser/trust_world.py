"""What the test of the trust pages begins with, made by the services in a process of the product."""

from pathlib import Path
from ssl import PEM_cert_to_DER_cert

from accounts.models import Deployment, Role, User, Vendor
from cas.models import Authority
from certificates.services import record_leaf
from gateways.services import register
from pki.facts import read_certificate
from trust.services import groups

PASSWORD = "lantern-harbour-42"
INES, TOMAS, JONAS = "ines@fjordnet.example", "tomas@fjordnet.example", "jonas@kestrel.example"
VENDORS = {"kestrel": "Kestrel Radio", "ampere": "Ampere IoT", "borealis": "Borealis Networks"}


def make(folder: str) -> None:
    """Two operators, and of each vendor the authorities and gateways whose certificates `folder` holds.

    `<vendor>-<number>.pem` are approved authorities, `<vendor>-<number>-trusted.pem` are in the group too, and
    `<vendor>_<EUI>.pem` is what a gateway presents.
    """
    Deployment.objects.create(name="Fjordnet LoRaWAN")
    ines = User.objects.create_user(INES, PASSWORD, name="Ines Maurer", role=Role.OPERATOR)
    User.objects.create_user(TOMAS, PASSWORD, name="Tomas Lind", role=Role.OPERATOR)
    vendors = {short: Vendor.objects.create(name=name) for short, name in VENDORS.items()}
    User.objects.create_user(JONAS, PASSWORD, name="Jonas Dahl", role=Role.VENDOR, vendor=vendors["kestrel"])
    for file in sorted(Path(folder).glob("*-*.pem")):
        _authority(ines, vendors[file.stem.split("-")[0]], file)
    for file in sorted(Path(folder).glob("*_*.pem")):
        short, eui = file.stem.split("_")
        gateway = register(ines, vendors[short], eui)
        record_leaf(ines, gateway, file.read_bytes())


def _authority(ines: User, vendor: Vendor, file: Path) -> None:
    facts = read_certificate(PEM_cert_to_DER_cert(file.read_text()))
    above = Authority.objects.filter(subject=facts.issuer).first()
    made = Authority.from_facts(facts, origin=Authority.Origin.UPLOADED, vendor=vendor, state="approved", parent=above)
    made.save()
    if file.stem.endswith("-trusted"):
        groups.add_to_group(ines, groups.common(), made)
