"""Who and what appears in the demonstration. All of it is invented."""

from dataclasses import dataclass
from itertools import product

from accounts.models import Role

DEPLOYMENT = "Fjordnet LoRaWAN"
CUPS_URI = "https://cups.fjordnet.example:8987"


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str
    role: str
    vendor: str = ""


@dataclass(frozen=True, slots=True)
class Company:
    """A vendor: `prefix` begins its EUIs, `contact` gets its mails beside its people."""

    name: str
    prefix: str
    contact: str
    gateways: int = 0
    models: tuple[str, ...] = ()


INES = Person("Ines Maurer", "ines@fjordnet.example", Role.OPERATOR)
TOMAS = Person("Tomas Lind", "tomas@fjordnet.example", Role.OPERATOR)
SIGRID = Person("Sigrid Haug", "sigrid@fjordnet.example", Role.AUDITOR)
JONAS = Person("Jonas Dahl", "jonas@kestrel.example", Role.VENDOR, "Kestrel Radio")
MARA = Person("Mara Weiss", "mara@ampere.example", Role.VENDOR, "Ampere IoT")
VERA = Person("Vera Holm", "vera@solveig.example", Role.VENDOR, "Solveig Networks")
PEOPLE = (INES, TOMAS, SIGRID, JONAS, MARA, VERA)

KESTREL = Company("Kestrel Radio", "58A0CBFFFE80", "noc@kestrel.example", 105, ("KR-8 Indoor", "KR-16 Mast"))
AMPERE = Company("Ampere IoT", "0016C0FFFE11", "ops@ampere.example", 55, ("Ampere One",))
HAUK = ("Hauk Micro", "Hauk Macro", "Hauk Solar")
SOLVEIG = Company("Solveig Networks", "7076FFFFFE02", "drift@solveig.example", 40, HAUK)
COMPANIES = (KESTREL, AMPERE, SOLVEIG)

PLACES = (
    "Bergen harbour",
    "Hotel Bristol roof",
    "E39 tunnel north",
    "Water tower Sandnes",
    "Ferry terminal",
    "Depot 14",
    "Ullevål east",
    "Quarry Tau",
    "Kvitfjell mast",
    "Substation 118",
    "Mølle silo",
    "Campus Ås",
    "Rail yard 7",
    "Fjord buoy base",
    "Stadium west",
    "Airport T1 roof",
    "Lier pump",
    "Drammen quay",
    "Verket roof",
    "Opera house",
    "Tram depot",
    "Ski arena",
    "Reservoir",
    "Fire station",
    "Town hall",
)
SPOTS = ("", " 2", " 3", " north", " south", " annex", " yard", " mast")
NAMES = tuple(f"{place}{spot}" for spot, place in product(SPOTS, PLACES))
