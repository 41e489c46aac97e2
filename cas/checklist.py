"""What an authority's page says about its evidence: what is there, what is left to do, and who may do without."""

from collections import Counter
from typing import Any

from django import forms

from accounts.models import User
from accounts.services import four_eyes
from cas.forms import EvidenceForm, WaiveForm
from cas.models import Authority
from cas.services.evidence import What, evidence_of
from core.errors import Refused
from pki.proof import signing_commands


def standing_of(user: User, authority: Authority) -> tuple[str, str]:
    """Whether this operator may decide: freely, alone with a password, or not, and then who may."""
    try:
        four_eyes.decide(user, authors=[authority.submitted_by])
    except Refused as refusal:
        return ("alone", "") if refusal.code == "reason-needed" else ("not", refusal.message)
    return "freely", ""


def evidence_context(authority: Authority, user: User, **refused: forms.Form | None) -> dict[str, Any]:
    """The checklist; `refused` are the forms that came back, by the names that the page knows them by."""
    evidence = evidence_of(authority)
    if not evidence.is_asked:
        return {"evidence": evidence}
    return {
        "evidence": evidence,
        "severities": Counter(each["severity"] for each in authority.findings),
        **_giving(authority, user, refused),
        **_waiving(authority, user, refused),
    }


def _giving(authority: Authority, user: User, refused: dict[str, Any]) -> dict[str, Any]:
    if not (user.is_operator or user.vendor_id == authority.vendor_id):
        return {}
    code = authority.proof_codes.standing().first()
    return {
        "may_give": True,
        "is_waited_for": user.is_vendor and authority.state != Authority.State.REFUSED,
        "code": code,
        "commands": signing_commands(code.code) if code and not code.is_over else (),
        "proof_form": refused.get("proof_form") or EvidenceForm(auto_id="proof_%s"),
        "leaf_form": refused.get("leaf_form") or EvidenceForm(auto_id="leaf_%s"),
    }


def _waiving(authority: Authority, user: User, refused: dict[str, Any]) -> dict[str, Any]:
    if not user.is_operator:
        return {}
    standing, _ = standing_of(user, authority)
    if standing == "not":
        return {}
    returned = refused.get("waive_form")
    return {
        "waive_forms": {
            what.name.lower(): returned if returned and returned.data.get("what") == what else _empty(what, standing)
            for what in What
        }
    }


def _empty(what: What, standing: str) -> WaiveForm:
    form = WaiveForm(initial={"what": what}, is_single_handed=standing == "alone")
    form.auto_id = f"waive-{what}_%s"
    return form
