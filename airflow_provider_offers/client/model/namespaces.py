"""The identity namespaces of Experience Platform, the slips in typing them, and identities that are none."""

from __future__ import annotations

import logging

from airflow_provider_offers.client.model.likeness import folded, near, perhaps
from airflow_provider_offers.client.text import damage_of

log = logging.getLogger(__name__)

# A customer may have others, so a near miss of the first two is only doubtful.
_OFTEN_TYPED = ("Email", "Phone")
_NAMESPACES = (*_OFTEN_TYPED, "ECID", "AAID", "AdCloud", "CORE", "Email_LC_SHA256", "GAID", "IDFA", "TNTID", "WAID")


def warn_of_slip(namespace: str) -> None:
    """Warn of a namespace that no profile may have: the runtime would then find no profile, and answer all the same."""
    same = [each for each in _NAMESPACES if folded(each) == folded(namespace)]
    meant = same or near(namespace, _OFTEN_TYPED)
    if meant and namespace not in meant:
        log.warning(
            "The profile has the identity namespace %r%s Upper and lower case count in namespaces; without such a "
            "namespace, the service decides for an unknown profile",
            namespace,
            perhaps(meant),
        )


def warn_of_damage(namespace: str, identity: str) -> None:
    """Warn of an identity that a program wrote in place of the author's value. The message does not quote it."""
    if damage := damage_of(identity):
        log.warning(
            "The identity %r of the profile does not look like one; %s; for an unknown identity, the service decides "
            "for an unknown profile",
            namespace,
            damage,
        )
