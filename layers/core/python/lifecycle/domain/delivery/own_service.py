"""The one service that a run may publish. The build says which it built, and its commands can make it say anything.

Asked by application/delivery/build.py before anything of a build is published.
"""

from lifecycle.domain.delivery.delivery_name import DeliveryName


def not_its_own(run: str, folder: str, service: str, found: str) -> str:
    """Return why the run of one service may not publish this one from the folder `found`; empty if it may.

    `folder` is the run's own; it is empty for the run of a whole repository, which may publish any of its services.
    """
    if not folder:
        return ""
    if found != folder:
        return _refused(f"the service in {folder}", f"{service} in {_named(found)}")
    name = DeliveryName.parse(run)
    if name and name.service and name.service != service:
        return _refused(f"{name.service}, for which the run {run} is", service)
    return ""


def _refused(expected: str, found: str) -> str:
    how = "remove what changes LIFECYCLE_SERVICE or LIFECYCLE_DETAILS from its commands, and push again"
    return f"expected the build to publish {expected}, found {found}: {how}"


def _named(folder: str) -> str:
    return folder or "no folder"
