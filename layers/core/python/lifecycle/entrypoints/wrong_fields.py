"""The wrong fields of an event, in words."""

from pydantic import ValidationError

from lifecycle.domain.foreign_json import whole_text

# An error message names so many: an input may have thousands.
_MOST = 10


def wrong_fields(error: ValidationError) -> str:
    """Return each wrong field with what is wrong about it, the first ten of them."""
    wrong = [f"{'.'.join(map(str, e['loc']))[:100] or 'input'}: {e['msg'][:300]}" for e in error.errors()]
    more = f"; and {len(wrong) - _MOST} more" if len(wrong) > _MOST else ""
    return whole_text("; ".join(wrong[:_MOST]) + more)
