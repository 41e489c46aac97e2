"""What was read from files of cfssl, made here: authorities, servers' certificates and profiles."""

from collections.abc import Iterable
from dataclasses import replace

from django.db import transaction

from accounts.models import User
from cas.models import Authority
from cas.services.operate import Plan, create_issuing, create_root
from cas.services.profiles import current_profile, save_profile
from certificates.services.server_certificates import ServerWish
from core.errors import Refused
from pki.cfssl import AuthorityRequest, ServerRequest
from pki.profiles import DEVELOPMENT, SERVER_ISSUING, TLS_SERVER, Profile

YEAR = 365  # days; what cfssl certifies for without a configuration
SUFFIX = " Servers"
NOTE = "From a configuration of cfssl"


def plan_of(asked: AuthorityRequest, name: str) -> Plan:
    """The root that `asked` becomes under this name."""
    others = tuple(pair for pair in asked.names if pair[0] != "O")
    organisation = dict(asked.names).get("O", "")
    return Plan(name, organisation, asked.key_type, asked.years, asked.path_length, others=others)


def make_authority(actor: User, plan: Plan, *, with_servers: bool) -> tuple[Authority, Authority | None]:
    """Make the root, and the authority for servers under it that signs where cfssl's root would have done it itself."""
    if with_servers and len(f"{plan.name}{SUFFIX}".encode()) > 64:
        message = f"The authority under it is called {plan.name}{SUFFIX}, which is too long. Choose a shorter name."
        raise Refused("name-refused", message, field="name")
    root = create_root(actor, plan)
    if not with_servers:
        return root, None
    longest = current_profile(SERVER_ISSUING.name).days[-1] // YEAR
    years = max(1, min(plan.years - 1, longest))
    below = replace(plan, name=f"{plan.name}{SUFFIX}", years=years, path_length=0)
    return root, create_issuing(actor, root, below, for_servers=True)


def wish_of(asked: ServerRequest) -> ServerWish:
    """The certificate that `asked` becomes: for a year, by the profile that its hosts need."""
    profile = current_profile((DEVELOPMENT if asked.needs_local else TLS_SERVER).name)
    days = YEAR if YEAR in profile.days else profile.days[-1]
    return ServerWish(asked.hosts, profile.name, days, asked.names, asked.key_type)


def make_profiles(actor: User, profiles: Iterable[Profile]) -> list[Profile]:
    """Make each the next version of its name, all or none; return those that say something new."""
    made = []
    with transaction.atomic():
        for profile in profiles:
            try:
                with transaction.atomic():
                    made.append(save_profile(actor, profile, note=NOTE))
            except Refused as refusal:
                if refusal.code != "profile-same":
                    raise
    return made
