"""The first operator: by a one-time link, or from the environment."""

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.models import Deployment, Role, SetupLink, User
from accounts.services.tokens import hash_of, new_token
from audit.services import SYSTEM, record
from core import clock
from core.errors import Refused


def is_set_up() -> bool:
    return User.objects.active_operators().exists()


def setup_link() -> str | None:
    """Return a new one-time link for the first operator, or None where there is one. Earlier links stop working."""
    if is_set_up():
        return None
    token, token_hash = new_token()
    SetupLink.objects.update_or_create(only=True, defaults={"token_hash": token_hash, "created_at": clock.now()})
    return f"{settings.PUBLIC_URL}{reverse('accounts:setup', args=[token])}"


def opens_setup(token: str) -> bool:
    return not is_set_up() and SetupLink.objects.filter(token_hash=hash_of(token)).exists()


def set_up(token: str, *, email: str, name: str, password: str, deployment: Deployment) -> User:
    """Make the first operator and save what the deployment is called. The link is used up: two at once give one."""
    try:
        with transaction.atomic():
            used, _ = SetupLink.objects.filter(token_hash=hash_of(token)).delete()
            if not used or is_set_up():
                raise Refused("setup-done", "The first operator is there already. Sign in instead.")
            deployment.save()
            operator = User.objects.create_user(email, password, name=name, role=Role.OPERATOR)
            record(operator, "deployment.set-up", subject=deployment)
            return operator
    except IntegrityError:
        raise Refused("setup-done", "The first operator is there already. Sign in instead.") from None


def ensure_admin_from_environment() -> User | None:
    """Make the operator of CERTADMIN_ADMIN_EMAIL and CERTADMIN_ADMIN_PASSWORD, where there is no operator yet."""
    email, password = settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD
    if not (email and password) or is_set_up():
        return None
    try:
        with transaction.atomic():
            Deployment.objects.get_or_create(only=True, defaults={"name": "certadmin"})
            operator = User.objects.create_user(email, password, name=email.partition("@")[0], role=Role.OPERATOR)
            record(SYSTEM, "person.joined", subject=operator, role=operator.role)
            return operator
    except IntegrityError:
        return None  # another process was faster
