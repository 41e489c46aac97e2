"""The password again, before a private key is handed out."""

from django.conf import settings
from django.http import HttpRequest

from accounts.models import User
from accounts.services.passwords import confirm_password
from core import clock

KEY = "reauthenticated_at"


def recently(request: HttpRequest) -> bool:
    """Tell whether this session gave the password within the last 15 minutes (signing in counts)."""
    given = request.session.get(KEY)
    return isinstance(given, int | float) and 0 <= clock.now().timestamp() - given < settings.REAUTHENTICATE_AFTER


def note(request: HttpRequest) -> None:
    request.session[KEY] = clock.now().timestamp()


def confirm(request: HttpRequest, password: str) -> None:
    """Check the password and remember the instant; raises PasswordNeeded or TooMany."""
    if isinstance(request.user, User):
        confirm_password(request.user, password)
        note(request)
