"""Addresses of the gateways pages."""

from django.urls import URLPattern, path

from gateways.views import custody, gateways, imports, lists, tagging

app_name = "gateways"
urlpatterns: list[URLPattern] = [
    path("", lists.list_gateways, name="list"),
    path("export.csv", lists.export, name="export"),
    path("proposals/", lists.propose, name="proposals"),
    path("tag/", tagging.tag, name="tag"),
    path("register/", gateways.register, name="register"),
    path("register/reading/", gateways.reading, name="reading"),
    path("import/", imports.list_imports, name="imports"),
    path("imports/<int:pk>/", imports.detail, name="import"),
    path("imports/<int:pk>/check/", imports.check, name="check_import"),
    path("imports/<int:pk>/columns/", imports.choose_again, name="choose_columns"),
    path("imports/<int:pk>/apply/", imports.apply, name="apply_import"),
    path("imports/<int:pk>/cancel/", imports.cancel, name="cancel_import"),
    path("imports/<int:pk>/progress/", imports.progress, name="import_progress"),
    path("imports/<int:pk>/report.csv", imports.report, name="import_report"),
    path("disputes/", custody.disputes, name="disputes"),
    path("blocks/", custody.blocks, name="blocks"),
    path("blocks/<int:pk>/remove/", custody.remove_block, name="remove_block"),
    path("claims/", custody.claims, name="claims"),
    path("claims/decide/", custody.decide_claims, name="decide_claims"),
    path("claims/<int:pk>/withdraw/", custody.withdraw_claim, name="withdraw_claim"),
    path("<int:pk>/", gateways.detail, name="detail"),
    path("<int:pk>/edit/", gateways.edit, name="edit"),
]
