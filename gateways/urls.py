"""Addresses of the gateways pages."""

from django.urls import URLPattern, path

from gateways.views import custody, gateways, lists, tagging

app_name = "gateways"
urlpatterns: list[URLPattern] = [
    path("", lists.list_gateways, name="list"),
    path("export.csv", lists.export, name="export"),
    path("tag/", tagging.tag, name="tag"),
    path("register/", gateways.register, name="register"),
    path("register/reading/", gateways.reading, name="reading"),
    path("disputes/", custody.disputes, name="disputes"),
    path("blocks/", custody.blocks, name="blocks"),
    path("blocks/<int:pk>/remove/", custody.remove_block, name="remove_block"),
    path("claims/", custody.claims, name="claims"),
    path("claims/decide/", custody.decide_claims, name="decide_claims"),
    path("claims/<int:pk>/withdraw/", custody.withdraw_claim, name="withdraw_claim"),
    path("<int:pk>/", gateways.detail, name="detail"),
    path("<int:pk>/edit/", gateways.edit, name="edit"),
]
