"""The API's part about who calls, and the vendors."""

from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from ninja import Router, Schema
from pydantic import Field

from accounts.models import User, Vendor
from core.api import ApiRequest, Page, listing, page_of, reads

router = Router()
SORTS = {"name": "name"}


class VendorOut(Schema):
    id: int
    name: str = Field(examples=["Kestrel Radio"])
    created_at: datetime

    @classmethod
    def of(cls, vendor: Vendor) -> "VendorOut":
        return cls.model_construct(id=vendor.pk, name=vendor.name, created_at=vendor.created_at)


class Me(Schema):
    name: str = Field(examples=["Jonas Dahl"])
    role: str = Field(description="operator, vendor or auditor", examples=["vendor"])
    vendor: VendorOut | None = Field(description="Whose things alone the token sees.")
    scopes: list[str] = Field(examples=[["read", "gateways"]])


@router.get("/me", **reads(Me))
def who_am_i(request: ApiRequest) -> Any:
    """Whom your token acts as, and what for."""
    user: User = request.user
    vendor = VendorOut.of(user.vendor) if user.vendor else None
    scopes = sorted(request.caller.scopes) if request.caller else []
    return Me(name=user.name, role=user.role, vendor=vendor, scopes=scopes)


@router.get("/vendors", **reads(Page[VendorOut], parameters=listing(None, SORTS, "name")))
def list_vendors(request: ApiRequest) -> Any:
    """The vendors that you see: a vendor only itself."""
    return page_of(request, Vendor.objects.visible_to(request.user), VendorOut.of, sorts=SORTS, default="name")


@router.get("/vendors/{int:id}", **reads(VendorOut))
def get_vendor(request: ApiRequest, id: int) -> Any:
    """One vendor."""
    return VendorOut.of(get_object_or_404(Vendor.objects.visible_to(request.user), pk=id))
