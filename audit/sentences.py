"""What a person reads of a record. `{subject}` is the thing's name; the other names are the record's details."""

from collections import defaultdict
from typing import Any

SENTENCES = {
    "deployment.set-up": "Deployment {subject} set up",
    "deployment.changed": "Settings of {subject} changed: {what}",
    "person.joined": "{subject} joined as {role}",
    "person.signed-in": "{subject} signed in",
    "person.sign-in-failed": "Sign-in as {subject} failed",
    "person.signed-out": "{subject} signed out",
    "person.renamed": "{before} is now called {subject}",
    "person.password-changed": "{subject} changed their password",
    "person.password-reset": "{subject} chose a new password by mail",
    "person.deactivated": "Access of {subject} taken away",
    "person.activated": "Access of {subject} given back",
    "invitation.sent": "{email} invited as {role}",
    "invitation.revoked": "Invitation of {email} revoked",
    "vendor.created": "Vendor {subject} created",
    "vendor.changed": "Vendor {subject} changed",
    "contact.added": "Contact {email} of {vendor} added",
    "contact.removed": "Contact {email} of {vendor} removed",
    "authority.created": "Authority {subject} created",
    "authority.handed-in": "Authority {subject} handed in",
    "authority.adopted": "Authority {subject} found in the store and adopted",
    "authority.approved": "Authority {subject} approved",
    "authority.refused": "Authority {subject} refused: {reason}",
    "authority.code-made": "Code made to prove the key of authority {subject}",
    "authority.proven": "Possession of the key of authority {subject} proven",
    "authority.test-leaf": "Test leaf {leaf} tried against authority {subject}: {outcome}",
    "authority.proof-waived": "Proof of the key of authority {subject} waived: {reason}",
    "authority.test-leaf-waived": "Test leaf of authority {subject} waived: {reason}",
    "authority.trusted": "Authority {subject} put into {group}",
    "authority.trust-end": "End of authority {subject} in {group} set",
    "group.created": "Trust group {subject} created",
    "draft.reviewed": "Draft of {subject} reviewed: {verdict}",
    "draft.asked": "Other operators asked about the draft of {subject}",
    "authority.untrusted": "Authority {subject} taken out of {group}",
    "gateway.registered": "Gateway {subject} registered",
    "gateway.described": "Gateway {subject} described anew",
    "gateway.moved": "Gateway {subject} moved to another vendor",
    "dispute.opened": "{subject}, which is taken",
    "dispute.closed": "Dispute decided: {subject}",
    "signing.reserved": "Signature {subject} reserved",
    "signing.revoked": "{subject} revoked",
    "gateway.certified": "Gateway {subject} got a certificate",
    "gateway.certificate-revoked": "A certificate of gateway {subject} revoked",
    "vendor.issuing-set": "Who issues for {subject} set",
    "request.made": "{subject} made",
    "request.retried": "{subject} taken up again",
    "request.failed": "{subject} failed: {why}",
    "request.may-exist": "{subject} set aside: {why}",
    "request.revoked": "{subject} revoked by serial",
    "request.key-destroyed": "Private key of {subject} destroyed",
    "request.approved": "{subject} approved",
    "request.refused": "{subject} refused: {reason}",
    "certificate.issued": "{subject} issued",
    "certificate.recorded": "{subject} recorded",
    "certificate.revoked": "{subject} revoked: {reason}",
    "certificate.kit-downloaded": "Station kit of {subject} downloaded, with its private key",
    "certificate.key-downloaded": "Private key of {subject} downloaded",
    "certificate.key-received": "Receipt of the private key of {subject} confirmed",
    "certificate.key-destroyed": "Private key of {subject} destroyed",
    "release.published": "{subject} published",
    "release.stored": "{subject} reached store {store}",
    "store.connected": "Store {subject} connected",
    "release.live": "{subject} is live in {cluster}",
    "cluster.created": "Cluster {subject} named",
    "cluster.token-renewed": "Token of cluster {subject} renewed",
    "cluster.deleted": "Cluster {subject} forgotten",
    "rollover.started": "{subject} is being replaced by {new}",
    "rollover.stopped": "Change-over from {subject} no longer followed",
    "store.groups": "Groups of store {subject} chosen",
    "store.adopted": "Store {subject} adopted",
    "store.replaced": "Store {subject} replaced",
    "store.disconnected": "Store {subject} disconnected",
    "store.read": "Store {subject} read",
    "store.found-foreign": "Store {subject} holds an index that we did not write",
    "store.changed": "Store {subject} was changed by somebody else: {complaint}",
    "store.failing": "Store {subject} does not do what it is asked: {complaint}",
    "store.recovered": "Store {subject} is complete again",
    "notices.sent": "Reminded of what ends: {subject}",
    "demonstration.loaded": "Demonstration loaded",
    "fleet.begun": "Demonstration fleet of {gateways} gateways begun",
    "fleet.grown": "Demonstration fleet grown by {gateways} gateways with {certificates} certificates",
    "fleet.loaded": "Demonstration fleet loaded: {gateways} gateways with {certificates} certificates",
}


def in_words(action: str) -> str:
    """Return `person.signed-in` as `Person signed in`."""
    return action.replace(".", " ").replace("-", " ").capitalize()


def sentence(action: str, *, subject: str, details: dict[str, Any]) -> str:
    """Return plain English for `action`; an action without a line is read out as it stands."""
    line = SENTENCES.get(action, f"{in_words(action)}: {{subject}}")
    words: defaultdict[str, Any] = defaultdict(lambda: "?", {**details, "subject": subject})
    said = line.format_map(words)
    return said[:1].upper() + said[1:]
