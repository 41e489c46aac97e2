"""The audit page, its export, and the verification of the chain."""

from django.urls import URLPattern, path

from audit import views

urlpatterns: list[URLPattern] = [
    path("", views.records, name="audit"),
    path("export/", views.export, name="audit_export"),
    path("verify/", views.check, name="audit_verify"),
]
