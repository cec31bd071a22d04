"""Phone numbers as people write them."""

import re

import pytest
from django.core.exceptions import ValidationError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phone_numbers.e164 import number_fragment, to_e164
from phone_numbers.models import NumberType

INVALID = "is not a valid phone number"
LOST_DIGITS = "has lost digits; format the column as text and export it again"
EXTENSION = "has an extension, which cannot receive messages"
NOT_A_SHORT_CODE = "is not a short code of 5 or 6 digits"
NOT_TOLL_FREE = "is not toll-free; the area codes are 800, 833, 844, 855, 866, 877, 888"


def refusal(text: str, **options: str) -> str:
    """Return the message about a text that is not a number."""
    with pytest.raises(ValidationError) as refused:
        to_e164(text, **options)
    return str(refused.value.message)


@pytest.mark.parametrize(
    "text",
    [
        "+19195550106",
        "19195550106",
        "9195550106",
        "+1 919 555 0106",
        "(919) 555-0106",
        "(919)5550106",
        "919-555-0106",
        "919.555.0106",
        "919/555-0106",
        "919 555 0106",
        "+1 (919) 555-0106",
        "(+1) 919 555 0106",
        "+1-919-555-0106",
        "+1.919.555.0106",
        "1-919-555-0106",
        "1 (919) 555.0106",
        "01119195550106",
        "tel:+19195550106",
        "TEL: +1-919-555-0106",
        "tel:9195550106",
        # What a spreadsheet or an export adds.
        "'+19195550106",
        "'9195550106",
        "\N{RIGHT SINGLE QUOTATION MARK}9195550106",
        '="+19195550106"',
        '="9195550106"',
        "19195550106.0",
        "9195550106.00",
        "+19195550106.0",
        # Spaces of any kind.
        " +19195550106",
        "+19195550106 ",
        "\t9195550106\r\n",
        "919\N{NO-BREAK SPACE}555\N{NARROW NO-BREAK SPACE}0106",
        "919\N{FIGURE SPACE}555\N{IDEOGRAPHIC SPACE}0106",
        # Dashes of any kind.
        "919\N{NON-BREAKING HYPHEN}555\N{EN DASH}0106",
        "919\N{EM DASH}555\N{MINUS SIGN}0106",
        # Invisible marks.
        "\N{ZERO WIDTH NO-BREAK SPACE}9195550106",
        "+19195550106\N{ZERO WIDTH SPACE}",
        "\N{LEFT-TO-RIGHT MARK}+19195550106",
        "\N{LEFT-TO-RIGHT EMBEDDING}+19195550106\N{POP DIRECTIONAL FORMATTING}",
        "\N{LEFT-TO-RIGHT ISOLATE}(919) 555-0106\N{POP DIRECTIONAL ISOLATE}",
        "919\N{SOFT HYPHEN}5550106",
        "919\N{WORD JOINER}5550106",
        "919\N{ZERO WIDTH JOINER}5550106",
        "919\N{COMBINING GRAPHEME JOINER}5550106",
        "9195550106\N{VARIATION SELECTOR-16}",
        "\N{LEFT-TO-RIGHT MARK}'\N{ZERO WIDTH SPACE}tel:9195550106",
        # Digits and punctuation of other scripts.
        "\uff0b\uff11\uff19\uff11\uff19\uff15\uff15\uff15\uff10\uff11\uff10\uff16",
        "\uff08\uff19\uff11\uff19\uff09\uff15\uff15\uff15\uff0d\uff10\uff11\uff10\uff16",
        "\u0669\u0661\u0669\u0665\u0665\u0665\u0660\u0661\u0660\u0666",
    ],
)
def test_one_number_in_many_forms(text: str) -> None:
    assert to_e164(text) == "+19195550106"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+447700900132", "+447700900132"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+44(0) 20 7946 0958", "+442079460958"),
        ("011 44 7700 900132", "+447700900132"),
        ("+49 1515 5501234", "+4915155501234"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+14165550132", "+14165550132"),
        ("+15555550100", "+15555550100"),
        ("+18005550100", "+18005550100"),
        ("22763", "22763"),
        ("227634", "227634"),
        ("'22763", "22763"),
        (" 22763\N{ZERO WIDTH SPACE}", "22763"),
        ("22763.0", "22763"),
        ("\uff12\uff12\uff17\uff16\uff13", "22763"),
    ],
)
def test_other_countries_and_short_codes(text: str, number: str) -> None:
    assert to_e164(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "+",
        "+1",
        "1",
        "911",
        "5550106",
        "+15550106",
        "+1 312 555",
        "+1919555010",
        "+191955501066",
        "91955501",
        "0019195550106",
        "00447700900132",
        "447700900132",
        "+119195550106",
        "1 1 919 555 0106",
        "++19195550106",
        "919+5550106",
        "-9195550106",
        "+999123456789",
        "+09195550106",
        # Area code and exchange: 2 to 9 first, and not N11.
        "+10195550106",
        "+11195550106",
        "+19110550106",
        "+19190550106",
        "+19191550106",
        "+19199115506",
        "+12115550106",
        # Short codes have five or six digits, the first is not 0, and nothing between them.
        "2276",
        "2276345",
        "022765",
        "227-63",
        "(227) 63",
        "+22763",
        "227635.5",
        # Not one number.
        "9195550106\n9195550107",
        "919 555 0106 / 919 555 0107",
        "9195550106,5",
        "+1919555O106",
        "+1919555XXXX",
        "1-800-FLOWERS",
        "sip:+19195550106@example.com",
        "whatsapp:+19195550106",
        "tel:",
        "tel:tel:9195550106",
        "'",
        '=""',
        '"9195550106"',
        "9195550106\x00",
        "\x009195550106",
        "+1919555010\N{SUPERSCRIPT TWO}",
        "9195550106*",
        "None",
        "nan",
        "0" + " " * 1_000_000 + "x",
        "(" * 1_000_000,
        "+19195550106" + " " * 1_000_000,
        "########",
    ],
)
def test_what_is_not_a_number(text: str) -> None:
    assert refusal(text) == INVALID


@pytest.mark.parametrize(
    "text", ["1.91955E+10", "1.91956e10", "1,91955E+10", "9.19555E+09", "1.91955501E+10", "+1.9E+10", " 2.2763E+4 "]
)
def test_a_number_that_has_lost_digits(text: str) -> None:
    assert refusal(text) == LOST_DIGITS


@pytest.mark.parametrize(
    "text",
    [
        "+19195550106 x5",
        "+19195550106x5",
        "+19195550106 ext. 5",
        "(919) 555-0106 ext 12",
        "(919) 555-0106 Extension: 12",
        "+19195550106;ext=5",
        "tel:+1-919-555-0106;ext=5",
        "+19195550106#5",
        "+19195550106,,5",
        "+19195550106;5",
    ],
)
def test_an_extension(text: str) -> None:
    assert refusal(text) == EXTENSION


PHONE_LIKE = st.text(alphabet="0123456789+() .-/\u200b\uff11'=\"xeE,;#O", max_size=20)


@settings(max_examples=1_000, deadline=None)
@given(text=st.one_of(st.text(max_size=20), PHONE_LIKE))
@example(text="\ud800")
@example(text="9" * 10_000)
def test_any_text_is_stored_in_its_form_or_refused(text: str) -> None:
    try:
        number = to_e164(text)
    except ValidationError:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}|[1-9][0-9]{4,5}", number)
    assert to_e164(number) == number


@pytest.mark.parametrize(
    ("text", "number_type"),
    [
        ("+19195550106", NumberType.LOCAL),
        ("(919) 555-0106", "local"),
        # Not in use as toll-free numbers.
        ("+18225550131", "local"),
        ("+18815550131", "local"),
        # North American, but not of the United States.
        ("+14165550132", "local"),
        ("+17875550132", "local"),
        *((f"+1{code}5550131", "toll_free") for code in (800, 833, 844, 855, 866, 877, 888)),
        # What toll-free means in another country is not known here.
        ("+448081570000", "toll_free"),
        ("+447700900132", "local"),
        ("22763", "short_code"),
        ("227634", NumberType.SHORT_CODE),
    ],
)
def test_a_number_that_agrees_with_its_type(text: str, number_type: str) -> None:
    assert to_e164(text, number_type=number_type) == to_e164(text)


@pytest.mark.parametrize(
    ("text", "number_type", "message"),
    [
        *(
            (f"+1{code}5550131", "local", "is a toll-free number, not a local one")
            for code in (800, 833, 844, 855, 866)
        ),
        ("1 (877) 555-0131", "local", "is a toll-free number, not a local one"),
        ("8885550131", NumberType.LOCAL, "is a toll-free number, not a local one"),
        ("+13125550131", "toll_free", NOT_TOLL_FREE),
        ("+14165550131", "toll_free", NOT_TOLL_FREE),
        ("22763", "local", "is a short code, not a local number"),
        ("22763", "toll_free", "is a short code, not a toll_free number"),
        ("+19195550106", "short_code", NOT_A_SHORT_CODE),
        ("+447700900132", "short_code", NOT_A_SHORT_CODE),
        ("1234", "short_code", NOT_A_SHORT_CODE),
        ("022765", "short_code", NOT_A_SHORT_CODE),
        ("2276a", NumberType.SHORT_CODE, NOT_A_SHORT_CODE),
        ("2.2763E+4", "short_code", LOST_DIGITS),
        ("+1 312 555", "local", INVALID),
    ],
)
def test_a_number_that_contradicts_its_type(text: str, number_type: str, message: str) -> None:
    assert refusal(text, number_type=number_type) == message


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("(919) 555", "919555"),
        ("919.", "919"),
        ("+1 919", "+1919"),
        ("(+1) 919", "+1919"),
        ("0106", "0106"),
        ("tel:+1-919", "+1919"),
        ("'919", "919"),
        ("\N{LEFT-TO-RIGHT MARK}919\N{NO-BREAK SPACE}555", "919555"),
        ("\uff19\uff11\uff19", "919"),
        ("", None),
        ("+", None),
        ("()", None),
        ("Line 5", None),
        ("919x", None),
        ("919+", None),
    ],
)
def test_a_part_of_a_number(text: str, fragment: str | None) -> None:
    assert number_fragment(text) == fragment
