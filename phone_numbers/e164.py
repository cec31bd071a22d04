"""Turn a phone number as people write it into the form in which it is stored."""

import re
import unicodedata

import phonenumbers
from django.core.exceptions import ValidationError

from phone_numbers.models import NumberType

# What the column of the numbers is called in a CSV.
NUMBER_TITLES = ("number", "phone number", "telephone number", "TN", "DID", "E.164")

# The form of the database's own constraint: E.164, or the digits of a short code.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[1-9][0-9]{4,5}")
# Area code and exchange begin with 2 to 9 and are not N11. The list of area codes in use ages, so it is not consulted.
_NORTH_AMERICAN = re.compile(r"\+1(?:[2-9](?!11)[0-9]{2}){2}[0-9]{4}")
_TOLL_FREE_AREA_CODES = ("800", "833", "844", "855", "866", "877", "888")

# `="+19195550100"` is how a cell is written so that a spreadsheet leaves it alone; an apostrophe is how one is typed.
_AS_TEXT = re.compile("""="(.*)"|['\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}](.*)""")
_PUNCTUATED = re.compile(r"[( ]*(\+?)[( ]*([0-9][0-9 ()./-]*)")
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
# A whole number that went through a floating point column.
_DECIMAL = re.compile(r"(\+?[0-9]+)\.0+")
_EXTENSION = re.compile(r"[0-9)] *(?:;? *(?:ext|extn|extension|x)[.:= ]*|(?:#|;|,,+) *)[0-9]+", re.IGNORECASE)
# Invisible marks that are not of the category Cf: the grapheme joiner and the variation selectors.
_INVISIBLE = re.compile("[\u034f\ufe00-\ufe0f]")
# The trunk prefix of other countries, written beside the country code: +44 (0)20 7946 0958.
_TRUNK_PREFIX = "(0)"
_DIAL_ABROAD = "011"
# Longer texts are not numbers. The regular expressions take quadratic time for some of them.
LONGEST_WRITTEN = 100
_NOT_A_SHORT_CODE = "is not a short code of 5 or 6 digits"


def to_e164(text: str, *, number_type: str | None = None) -> str:
    """Return a phone number in E.164, or the digits of a short code.

    Numbers without a country code are read as North American ones. Spaces, punctuation, invisible marks and digits of
    any script are understood; letters and extensions are not.

    Args:
        text: The number as a person, a spreadsheet or a web page wrote it.
        number_type: A value of `NumberType` with which the number has to agree.

    Raises:
        ValidationError: The message continues a sentence that begins with the value: "is not a valid phone number".
    """
    number = text if _NORTH_AMERICAN.fullmatch(text) else _read(plain_text(text))
    if number is None:
        is_short_code = number_type == NumberType.SHORT_CODE
        raise ValidationError(_NOT_A_SHORT_CODE if is_short_code else "is not a valid phone number", "invalid")
    if number_type is not None:
        _check_type(number, number_type)
    return number


def type_of(number: str) -> NumberType:
    """Return the type of a number in its stored form."""
    if not number.startswith("+"):
        return NumberType.SHORT_CODE
    is_toll_free = number.startswith("+1") and number[2:5] in _TOLL_FREE_AREA_CODES
    return NumberType.TOLL_FREE if is_toll_free else NumberType.LOCAL


def as_written(number: str) -> str:
    """Return a stored number as people in its country write it: (919) 555-0100. A short code stays what it is."""
    if not number.startswith("+"):
        return number
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        # A country code that was assigned after the library's release, and which the database takes.
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)


def number_fragment(text: str) -> str | None:
    """Return the digits, after a plus if there is one, of what may be a part of a number; None for any other text.

    This is for searches: "(919) 555" finds +19195550100.
    """
    parts = _PUNCTUATED.fullmatch(plain_text(text))
    return None if parts is None else parts[1] + _digits(parts[2])


def _read(text: str) -> str | None:
    """Return the stored form, or None if the text is not a number. Flaws that can be named raise ValidationError."""
    if _SCIENTIFIC.fullmatch(text):
        raise ValidationError("has lost digits; format the column as text and export it again", "lost_digits")
    if decimal := _DECIMAL.fullmatch(text):
        text = decimal[1]
    if _SHORT_CODE.fullmatch(text):
        return text
    if _EXTENSION.search(text):
        raise ValidationError("has an extension, which cannot receive messages", "extension")
    parts = _PUNCTUATED.fullmatch(text)
    return None if parts is None else _parse(parts[1], parts[2])


def _parse(plus: str, punctuated: str) -> str | None:
    """Return the number in E.164, or None if it is not possible in the plan of its country."""
    digits = _digits(punctuated.replace(_TRUNK_PREFIX, "", 1) if plus else punctuated)
    try:
        parsed = phonenumbers.parse(plus + digits, "US")
    except phonenumbers.NumberParseException:
        return None
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    # The library drops what it takes for a prefix; a number that it had to repair is not the one that was written.
    written = {digits} if plus else {digits, f"1{digits}", digits.removeprefix(_DIAL_ABROAD)}
    if number.removeprefix("+") not in written or not phonenumbers.is_possible_number(parsed):
        return None
    form = _NORTH_AMERICAN if parsed.country_code == 1 else _E164
    return number if form.fullmatch(number) else None


def _check_type(number: str, number_type: str) -> None:
    is_short_code = not number.startswith("+")
    if number_type == NumberType.SHORT_CODE:
        if not is_short_code:
            raise ValidationError(_NOT_A_SHORT_CODE, "number_type")
        return
    if is_short_code:
        raise ValidationError(f"is a short code, not a {number_type} number", "number_type")
    if not number.startswith("+1"):
        return
    is_toll_free = number[2:5] in _TOLL_FREE_AREA_CODES
    if is_toll_free and number_type == NumberType.LOCAL:
        raise ValidationError("is a toll-free number, not a local one", "number_type")
    if not is_toll_free and number_type == NumberType.TOLL_FREE:
        raise ValidationError(f"is not toll-free; the area codes are {', '.join(_TOLL_FREE_AREA_CODES)}", "number_type")


def plain_text(text: str) -> str:
    """Return the text with ASCII digits and punctuation, without invisible marks, `tel:` and what keeps it a text."""
    if len(text) > LONGEST_WRITTEN:
        return ""
    plain = text if text.isascii() and text.isprintable() else "".join(map(_plain_character, text))
    plain = plain.strip()
    if as_text := _AS_TEXT.fullmatch(plain):
        plain = (as_text[1] or as_text[2] or "").strip()
    return plain[4:].strip() if plain[:4].lower() == "tel:" else plain


def _plain_character(character: str) -> str:
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    # Byte order mark, zero-width space, soft hyphen, marks of direction and the like.
    if category == "Cf" or _INVISIBLE.match(character):
        return ""
    if category == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    # Full-width punctuation and letters. A superscript digit becomes a digit here, so it is refused: it is a footnote.
    narrow = unicodedata.normalize("NFKC", character)
    return character if narrow.isdigit() else narrow


def _digits(punctuated: str) -> str:
    return re.sub(r"[^0-9]", "", punctuated)
