"""Ranks as the ledger's conditions compare them: numbers, as version 0.1 stored them. Used by record_kinds.py."""

from decimal import Decimal

from lifecycle.domain.fleet.host_command import Order, TurnRank
from lifecycle.domain.rollout.test_bed.model import BedPhase, BedRank

# As version 0.1 stored them, so that records of both versions compare.
_STORED_RANKS = {BedPhase.FAILING: 999_999, BedPhase.ENDED: 1_000_000}


def stored_rank(rank: BedRank) -> int:
    """Return a rank as one number, because a condition compares no tuples: the minutes, while it bakes."""
    return _STORED_RANKS.get(rank.phase, rank.minutes)


# As version 0.1 stored the orders, which knew no release command: between two of them there is a half.
_STORED_PLACES = {Order.RELEASE.progress_rank: Decimal("1.5"), Order.INSTALL.progress_rank: Decimal(2)}
_STORED_PLACES |= {Order.RESTORE.progress_rank: Decimal(3)}


def stored_place(rank: TurnRank) -> int | Decimal:
    """Return the rank of a turn's order as the ledger compares it."""
    return _STORED_PLACES.get(rank.order, rank.order)


def turn_rank(rank: TurnRank) -> dict[str, str | int | Decimal]:
    """Return the attributes that conditions compare turns by."""
    return {"epoch": rank.epoch, "attempt": rank.attempt, "place": stored_place(rank)}
