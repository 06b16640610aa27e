"""Record the refusal of a delivery. Called by functions/delivery/receive_push after it knows its answer."""

from datetime import datetime

from lifecycle.application.delivery.receive_push import Response
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.domain.delivery.refused_push import RefusedPush

# Answers that come before the signature was checked, or because it was wrong.
_UNSIGNED = (401, 413)


def record_refusal(
    catalogue: Catalogue, response: Response, repository: str, now: datetime, *, read: bool = True
) -> None:
    """Record an answer that is a refusal; `repository` is the one that the delivery's URL names.

    A body that could not even be `read` was not checked for a signature.
    """
    signed = read and response.status not in _UNSIGNED
    why = str(response.body.get("error", ""))
    catalogue.record_refused_push(RefusedPush.of(now, repository, response.status, why, signed=signed))
