"""Addresses of requests and certificates."""

from django.urls import URLPattern, path

from certificates.views import certificates, disputes, policies, requests

app_name = "certificates"
urlpatterns: list[URLPattern] = [
    path("certificates/", certificates.list_certificates, name="list"),
    path("certificates/export.csv", certificates.export, name="export"),
    path("certificates/<int:pk>/", certificates.detail, name="detail"),
    path("certificates/<int:pk>/files/<str:form>", certificates.download, name="download"),
    path("certificates/<int:pk>/kit/", certificates.kit, name="kit"),
    path("certificates/<int:pk>/key/", certificates.key, name="key"),
    path("certificates/<int:pk>/receipt/", certificates.receipt, name="receipt"),
    path("certificates/<int:pk>/revoke/", certificates.revoke, name="revoke"),
    path("requests/", requests.list_requests, name="requests"),
    path("requests/export.csv", requests.export, name="export_requests"),
    path("requests/<int:pk>/", requests.detail, name="request"),
    path("requests/<int:pk>/progress/", requests.progress, name="progress"),
    path("requests/<int:pk>/decide/", requests.decide, name="decide"),
    path("requests/<int:pk>/retry/", requests.retry, name="retry"),
    path("requests/<int:pk>/revoke/", requests.revoke, name="revoke_request"),
    path("gateways/disputes/<int:pk>/", disputes.decide_dispute, name="decide_dispute"),
    path("gateways/<int:pk>/request/", requests.new, name="new"),
    path("gateways/<int:pk>/record/", certificates.record, name="record"),
    path("gateways/<int:pk>/certificates/", certificates.of_gateway, name="of_gateway"),
    path("vendors/<int:pk>/issuing/", policies.policy, name="policy"),
    path("vendors/<int:pk>/issuing/summary/", policies.policy_summary, name="policy_summary"),
]
