"""A refused delivery is recorded, and shown where a person looks for a push."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.application.delivery.receive_push import Response
from lifecycle.application.delivery.refused_push import record_refusal
from lifecycle.domain.delivery.refused_push import RefusedPush, RefusedPushes, last_day, refusals_in_words
from lifecycle.domain.refused_limits import MOST
from tests.fakes.catalogue import MemoryCatalogue

NOW = datetime(2026, 11, 29, 12, 3, tzinfo=UTC)
SECOND = timedelta(seconds=1)
REFUSED = RefusedPush(NOW, "acme/shop", 400, "not a push event", signed=True)


@pytest.mark.parametrize(("status", "read", "signed"), [(400, True, True), (409, True, True), (401, True, False)])
def test_refusal_is_recorded_with_its_answer(status: int, read: bool, signed: bool) -> None:  # noqa: FBT001
    catalogue = MemoryCatalogue()
    record_refusal(catalogue, Response(status, {"error": "why"}), "acme/shop", NOW, read=read)
    assert catalogue.refused_pushes() == [RefusedPush(NOW, "acme/shop", status, "why", signed)]


def test_body_that_cannot_be_read_counts_as_unsigned() -> None:
    catalogue = MemoryCatalogue()
    record_refusal(catalogue, Response(400, {"error": "no base64"}), "", NOW, read=False)
    (found,) = catalogue.refused_pushes()
    assert not found.signed


def test_deliveries_without_a_signature_displace_no_signed_one_and_stay_few() -> None:
    catalogue = MemoryCatalogue()
    catalogue.record_refused_push(REFUSED)
    for number in range(3 * MOST):
        unsigned = replace(REFUSED, at=NOW + number * SECOND, repository=f"x/{number}", signed=False)
        catalogue.record_refused_push(unsigned)
        catalogue.record_refused_push(replace(unsigned, at=unsigned.at + SECOND / 2, why="too soon"))
    found = catalogue.refused_pushes()
    assert len(found) == MOST + 1
    assert REFUSED in found
    assert "too soon" not in {each.why for each in found}


def test_texts_of_a_stranger_are_cut_and_visible() -> None:
    found = RefusedPush.of(NOW, "\ud800" + "x" * 9_999, 401, "\x1b" + "y" * 9_999, signed=False)
    assert (found.repository, found.why) == ("x" * 100, "y" * 400)


def test_refused_pushes_leave_the_record_and_the_views_after_a_day() -> None:
    old = replace(REFUSED, at=NOW - timedelta(days=1))
    assert RefusedPushes((old,)).recorded(REFUSED).latest == (REFUSED,)
    assert last_day([old, REFUSED], NOW) == [REFUSED]
    assert not refusals_in_words([old], NOW)


def test_sentence_counts_refused_pushes_and_has_the_newest() -> None:
    newest = replace(REFUSED, at=NOW - timedelta(minutes=1), repository="", status=401, why="wrong", signed=False)
    found = [newest, *(replace(REFUSED, at=NOW - timedelta(hours=hours)) for hours in (1, 2))]
    assert refusals_in_words(found, NOW) == (
        "3 deliveries refused in the last day; the newest, at 12:02 UTC: "
        "a delivery of no named repository (not signed) was answered 401: wrong"
    )
    assert refusals_in_words([REFUSED] * MOST, NOW).startswith(f"at least {MOST} deliveries refused")
    assert refusals_in_words([REFUSED], NOW) == (
        "1 delivery refused in the last day; at 12:03 UTC: acme/shop was answered 400: not a push event"
    )
