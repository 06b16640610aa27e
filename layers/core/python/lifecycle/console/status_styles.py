"""Badges of states: a tone of application/queries/state_words.py as a CSS class, its word and its sign."""

from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.state_words import DEPLOYMENTS, Status
from lifecycle.console.components import badge
from lifecycle.console.html import Markup
from lifecycle.domain.rollout.deployment import Deployment


def status_badge(status: Status) -> Markup:
    """Draw a status."""
    return badge(status.tone, status.word)


def deployment_badge(each: Deployment) -> Markup:
    """Draw a deployment's state."""
    return status_badge(DEPLOYMENTS[each.state])


def cluster_badge(view: ClusterView) -> Markup | None:
    """Draw the state of a cluster's deployment; nothing for a cluster at rest."""
    return status_badge(view.status) if view.status else None
