"""Tokens of the API: one's own, and for staff all."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.models import ApiToken
from accounts.services import api_tokens
from accounts.token_forms import TokenForm
from core.forms import attempt
from core.pages import page

SHOWN = 200


@require_http_methods(["GET", "POST"])
@never_cache
@allowed("read")
@sensitive_post_parameters("password")
def tokens(request: SignedInRequest) -> HttpResponse:
    """One's own tokens, and the form for a new one, whose secret is shown this once."""
    form, made = TokenForm(request.POST or None, user=request.user), None
    if request.method == "POST" and form.is_valid():
        made = attempt(form, lambda: api_tokens.make_token(request.user, **form.cleaned_data))
    if made:
        form = TokenForm(user=request.user)
    token, secret = made or (None, "")
    own = ApiToken.objects.filter(owner=request.user).listed()[:SHOWN]
    return page(request, "accounts/tokens.html", {"form": form, "tokens": own, "made": token, "secret": secret})


@require_GET
@allowed("read_all")
def all_tokens(request: SignedInRequest) -> HttpResponse:
    """Everybody's, those that open something first."""
    rows = ApiToken.objects.listed().order_by("revoked_at", "-expires_at", "-pk")[:SHOWN]
    return page(request, "accounts/all_tokens.html", {"tokens": rows})


@require_POST
@allowed("read")
def revoke_token(request: SignedInRequest, pk: int) -> HttpResponse:
    seen = ApiToken.objects.all() if request.user.is_operator else ApiToken.objects.filter(owner=request.user)
    token = get_object_or_404(seen.listed(), pk=pk)
    api_tokens.revoke_token(token, actor=request.user)
    messages.success(request, f"Token {token.name} is revoked: it opens nothing from now on.")
    return redirect("accounts:tokens" if token.owner_id == request.user.pk else "accounts:all_tokens")
