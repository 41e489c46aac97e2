"""Addresses of requests and certificates."""

from django.urls import URLPattern, path

from certificates.views import batches, certificates, disputes, policies, requests

app_name = "certificates"
urlpatterns: list[URLPattern] = [
    path("certificates/", certificates.list_certificates, name="list"),
    path("certificates/export.csv", certificates.export, name="export"),
    path("certificates/revoke/", certificates.revoke_many, name="revoke_many"),
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
    path("batches/", batches.list_batches, name="batches"),
    path("batches/new/", batches.new, name="new_batch"),
    path("batches/<int:pk>/", batches.detail, name="batch"),
    path("batches/<int:pk>/progress/", batches.progress, name="batch_progress"),
    path("batches/<int:pk>/refused.csv", batches.refused_lines, name="batch_refused"),
    path("batches/<int:pk>/manifest.csv", batches.manifest, name="batch_manifest"),
    path("batches/<int:pk>/decide/", batches.decide, name="decide_batch"),
    path("batches/<int:pk>/cancel/", batches.cancel, name="cancel_batch"),
    path("batches/<int:pk>/resume/", batches.resume, name="resume_batch"),
    path("batches/<int:pk>/archive/", batches.archive, name="batch_archive"),
    path("batches/<int:pk>/receipt/", batches.receipt, name="batch_receipt"),
    path("gateways/disputes/<int:pk>/", disputes.decide_dispute, name="decide_dispute"),
    path("gateways/<int:pk>/request/", requests.new, name="new"),
    path("gateways/<int:pk>/record/", certificates.record, name="record"),
    path("gateways/<int:pk>/certificates/", certificates.of_gateway, name="of_gateway"),
    path("vendors/<int:pk>/issuing/", policies.policy, name="policy"),
    path("vendors/<int:pk>/issuing/summary/", policies.policy_summary, name="policy_summary"),
]
