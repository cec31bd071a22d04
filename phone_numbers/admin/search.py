"""What an operator types when looking for a number."""

import re

from django.db.models import Q

from agentmessage.admin.base import any_of

_LIKE_A_NUMBER = re.compile(r"[+0-9][0-9 ().\-]*")


def number_condition(term: str, *, field: str) -> Q | None:
    """Numbers that begin as `term` does, or None if it is no part of a number.

    Punctuation is left out, as is a `+` or a North American `+1` that the operator left out. Each prefix is a range of
    the number's index; a match in the middle would read the whole table.
    """
    if _LIKE_A_NUMBER.fullmatch(term.strip()) is None:
        return None
    digits = re.sub(r"[^0-9]", "", term)
    prefixes = [f"+{digits}"] if term.strip().startswith("+") else [f"+{digits}", f"+1{digits}", digits]
    condition = Q()
    for prefix in prefixes:
        condition |= any_of([f"{field}__startswith"], prefix)
    return condition
