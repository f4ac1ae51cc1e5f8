"""The addresses of the app ``desk``; keys of customers may hold a slash."""

from __future__ import annotations

from django.urls import path

from saydo.web.desk import views

urlpatterns = [
    path("customers/", views.customers, name="customers"),
    path("customers/merge/", views.merges, name="merges"),
    path("customers/merge/look/", views.look_for_merges, name="look_for_merges"),
    path("customers/merge/sure/", views.merge_all_sure, name="merge_sure"),
    path("customers/merge/<int:number>/", views.decide_merge, name="decide_merge"),
    path("customers/<path:key>/merge/", views.merge_with, name="merge_with"),
    path("customers/<path:key>/add/<str:what>/", views.add, name="add_to_customer"),
    path("customers/<path:key>/cases/<str:case>/", views.work_case, name="work_case"),
    path("customers/<path:key>/", views.customer, name="customer"),
]
