"""Addresses of the cas pages."""

from django.urls import URLPattern, path

from cas.views import details, evidence, lists, operated, uploads

app_name = "cas"
urlpatterns: list[URLPattern] = [
    path("", lists.list_authorities, name="list"),
    path("upload/", uploads.upload, name="upload"),
    path("operate/", operated.operate, name="operate"),
    path("<int:pk>/", details.detail, name="detail"),
    path("<int:pk>/review/", details.review, name="review"),
    path("<int:pk>/certificate/<slug:form>/", details.download, name="download"),
    path("<int:pk>/code/", evidence.make_code, name="make_code"),
    path("<int:pk>/prove/", evidence.prove, name="prove"),
    path("<int:pk>/try/", evidence.try_leaf, name="try_leaf"),
    path("<int:pk>/waive/", evidence.waive, name="waive"),
    path("<int:pk>/evidence/<slug:sha256>/", evidence.download, name="evidence"),
    path("signings/<int:pk>/revoke/", details.revoke_signing, name="revoke_signing"),
]
