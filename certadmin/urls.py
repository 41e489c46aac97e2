"""All addresses. Of django-allauth only signing in, signing out and the password reset are there."""

from django.urls import include, path

from cas.views import revocation
from certadmin import views
from certadmin.api import api
from certadmin.api_page import api_page
from certadmin.demonstration.views import demonstration
from certadmin.overview.views import forecast_table, overview
from certadmin.search import search
from outbox.views import unsubscribe

urlpatterns = [
    path("", overview, name="overview"),
    path("forecast/", forecast_table, name="forecast"),
    path("search/", search, name="search"),
    path("api/", api_page, name="api_page"),
    path("api/v1/", api.urls),
    path("healthz", views.healthz, name="healthz"),
    path("metrics", views.metrics, name="metrics"),
    path("demonstration/", demonstration, name="demonstration"),
    path("", include("accounts.urls")),
    path("authorities/", include("cas.urls")),
    path("profiles/", include("cas.profile_urls")),
    path("crl/<slug:sha256>.crl", revocation.revocation_list, name="crl"),
    path("ocsp/", revocation.ocsp, name="ocsp"),
    path("ocsp/<path:encoded>", revocation.ocsp, name="ocsp_get"),
    path("gateways/", include("gateways.urls")),
    path("", include("certificates.urls")),
    path("trust/", include("trust.urls")),
    path("alerts/", include("alerts.urls")),
    path("audit/", include("audit.urls")),
    path("mails/", include("accounts.mail_urls")),
    path("unsubscribe/<str:token>/", unsubscribe, name="unsubscribe"),
    path("webhooks/", include("accounts.webhook_urls")),
    path("dev/mail/", include("outbox.urls")),
]
