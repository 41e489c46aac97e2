"""Addresses of the trust pages."""

from django.urls import URLPattern, path

from trust.views import clusters, membership, preflight, readers, releases, rollovers, stores

app_name = "trust"
urlpatterns: list[URLPattern] = [
    path("releases/", releases.list_releases, name="releases"),
    path("releases/publish/", releases.publish, name="publish"),
    path("releases/review/", releases.review, name="review"),
    path("releases/ask/", releases.ask, name="ask"),
    path("proxies/", readers.readers, name="readers"),
    path("groups/new/", releases.new_group, name="new_group"),
    path("draft/<slug:group>/<str:kind>/", releases.gateways, name="draft_gateways"),
    path("draft/<slug:group>/<str:kind>/export.csv", releases.export_gateways, name="draft_gateways_export"),
    path("releases/<int:pk>/", releases.detail, name="release"),
    path("releases/<int:pk>/return/", releases.return_to, name="return_to"),
    path("releases/<int:pk>/files/<str:form>", releases.file, name="release_file"),
    path("releases/<int:pk>/publications/", releases.publications, name="publications"),
    path("releases/<int:pk>/bundle.pem", releases.bundle, name="release_bundle"),
    path("stores/", stores.list_stores, name="stores"),
    path("stores/connect/", stores.connect, name="connect_store"),
    path("stores/<int:pk>/", stores.detail, name="store"),
    path("stores/<int:pk>/contents/", stores.contents, name="store_contents"),
    path("stores/<int:pk>/adopt/", stores.adopt, name="adopt_store"),
    path("stores/<int:pk>/replace/", stores.replace, name="replace_store"),
    path("stores/<int:pk>/groups/", stores.choose_groups, name="choose_groups"),
    path("stores/<int:pk>/check/", stores.check, name="check_store"),
    path("stores/<int:pk>/disconnect/", stores.disconnect, name="disconnect_store"),
    path("rollovers/", rollovers.list_rollovers, name="rollovers"),
    path("rollovers/start/", rollovers.start, name="start_rollover"),
    path("rollovers/<int:pk>/stop/", rollovers.stop, name="stop_rollover"),
    path("clusters/", clusters.list_clusters, name="clusters"),
    path("clusters/new/", clusters.create, name="new_cluster"),
    path("clusters/<int:pk>/token/", clusters.renew_token, name="renew_cluster_token"),
    path("clusters/<int:pk>/delete/", clusters.delete, name="delete_cluster"),
    path("clusters/<int:pk>/live/<int:release>/", clusters.mark, name="mark_live"),
    path("live/", clusters.call, name="live"),
    path("preflight/", preflight.preflight, name="preflight"),
    path("gateways/<int:pk>/preflight/", preflight.of_gateway, name="gateway_preflight"),
    path("authorities/<int:pk>/membership/", membership.membership, name="authority_membership"),
    path("authorities/<int:pk>/add/", membership.add, name="add_to_group"),
    path("authorities/<int:pk>/end/", membership.set_end, name="set_end"),
    path("authorities/<int:pk>/remove/", membership.remove, name="remove_from_group"),
]
