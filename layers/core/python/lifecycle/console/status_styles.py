"""Badges of states, and the colours of buttons: a tone of application/queries/state_words.py as a CSS class."""

from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.state_words import DEPLOYMENTS, PERMISSIONS, Status
from lifecycle.console.components import badge
from lifecycle.console.html import Child, Markup
from lifecycle.domain.rollout.actions import Action, Permission
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment

# Blue goes on, red discards what was deployed, amber leaves the cluster as it is.
_KINDS = {
    **dict.fromkeys(("APPROVE", "RESUME", "DEPLOY"), "btn-primary"),
    **dict.fromkeys(("ROLL_BACK", "REJECT"), "lc-danger"),
    **dict.fromkeys(("ABORT", "CANCEL"), "lc-abort"),
}


def button_kind(does: Choice | Action) -> str:
    """Return the CSS class of the button of an answer or an action."""
    return _KINDS.get(does.upper(), "")


def status_badge(status: Status) -> Markup:
    """Draw a status."""
    return badge(status.tone, status.word)


def deployment_badge(each: Deployment) -> Markup:
    """Draw a deployment's state."""
    return status_badge(DEPLOYMENTS[each.state])


def permission_badge(found: Permission) -> Markup:
    """Draw what the facts say of an action."""
    return status_badge(PERMISSIONS[found.ruling])


def cluster_state(view: ClusterView) -> list[Child]:
    """Draw the state and the version of a cluster's deployment; nothing for a cluster at rest."""
    shown = view.running or view.last_not_done
    version = f" {shown.target.version}" if shown else ""
    return [status_badge(view.status), version] if view.status else []
