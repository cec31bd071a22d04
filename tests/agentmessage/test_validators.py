"""Values that enter through several interfaces."""

import pytest
from django.core.exceptions import ValidationError

from agentmessage.validators import validate_https_url, validate_label

NOT_A_URL = "must be a valid https URL"
CREDENTIALS = "must not contain a user name or password"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/",
        "https://example.com?x",
        "https://example.com#x",
        "https://example.com/in?x[]=1&y={z}#part",
        "https://example.com/{{number}}",
        "https://example.com/in?url=https://user@other.example:99999/",
        "HTTPS://EXAMPLE.COM/in",
        "https://example.com./in",
        "https://example.com:8443/in",
        "https://example.com:1/",
        "https://example.com:65535",
        "https://localhost/in",
        "https://192.0.2.7/in",
        "https://[2001:db8::1]/in",
        "https://[2001:db8::1]:8443/in",
        "https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/in",
        "https://xn--bcher-kva.example/in",
        "https://example.com/caf\N{LATIN SMALL LETTER E WITH ACUTE}",
        "https://example.com/" + "a" * 2028,
    ],
)
def test_an_https_url(url: str) -> None:
    validate_https_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "https://",
        "https:///in",
        "https:example.com",
        "https:/example.com",
        "//example.com/in",
        "example.com/in",
        "http://example.com/in",
        "ftp://example.com",
        "javascript:alert(1)//https://example.com",
        # Clients disagree on what a backslash is.
        "https://example.com\\@evil.example/",
        "https://example.com\\.evil.example/",
        "https:\\\\example.com/",
        "https://example.com/in?x=\\y",
        # Ports
        "https://example.com:0/in",
        "https://example.com:00/in",
        "https://example.com:65536/in",
        "https://example.com:99999/in",
        "https://example.com:/in",
        "https://example.com:x/in",
        "https://example.com:\N{ARABIC-INDIC DIGIT EIGHT}/in",
        "https://[2001:db8::1]:0/in",
        "https://[2001:db8::1]:99999/in",
        # Hosts
        "https://a..example.com/",
        "https://-example.com/",
        "https://my_host.example.com/in",
        "https://sms-gateway/in",
        "https://2130706433/",
        "https://192.0.2.256/",
        "https://[fe80::1%25eth0]/in",
        "https://[::1/in",
        "https://" + "a" * 64 + ".example/",
        "https://xn--zzzzzz.example/",
        "https://exam\N{ZERO WIDTH SPACE}ple.com/",
        "https://\N{FULLWIDTH LATIN SMALL LETTER E}xample.com/",
        "https://\N{GRINNING FACE}.example/",
        # Spaces, control characters and invisible marks
        " https://example.com/in",
        "https://example.com/in ",
        "https://example.com/in out",
        "https://example.com/in\n",
        "https://example.com/\nin",
        "https://example.com/\x00",
        "https://example.com/\x07",
        "https://example.com/\x7f",
        "https://example.com/\N{NO-BREAK SPACE}",
        "https://example.com/\N{RIGHT-TO-LEFT OVERRIDE}ni",
        "https://example.com/\ud800",
    ],
)
def test_what_is_not_an_https_url(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_https_url(url)
    assert refused.value.message == NOT_A_URL


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pass@example.com/in",
        "https://user@example.com",
        "https://example.com%2f@evil.example/",
        "https://example.com:443@evil.example/",
    ],
)
def test_credentials_in_a_url(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_https_url(url)
    assert refused.value.message == CREDENTIALS


def test_a_url_of_2049_characters() -> None:
    with pytest.raises(ValidationError) as refused:
        validate_https_url("https://example.com/" + "a" * 2029)
    assert refused.value.message == "must have at most 2048 characters"


@pytest.mark.parametrize(
    "label",
    [
        "x",
        "Front desk",
        "x" * 100,
        " padded ",
        "\N{LATIN CAPITAL LETTER E WITH ACUTE}t\N{LATIN SMALL LETTER E WITH ACUTE}",
        "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}",
        "no\N{NO-BREAK SPACE}break",
    ],
)
def test_a_label(label: str) -> None:
    validate_label(label)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("", "must not be blank"),
        (" ", "must not be blank"),
        ("\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}", "must not be blank"),
        ("\N{ZERO WIDTH SPACE}", "must not be blank"),
        (" \N{ZERO WIDTH NO-BREAK SPACE} ", "must not be blank"),
        ("x" * 101, "must have at most 100 characters"),
        *(
            (label, "must not contain line breaks or control characters")
            for label in (
                "a\nb",
                "a\rb",
                "a\tb",
                "a\x00b",
                "a\x1bb",
                "a\x7fb",
                "a\x85b",
                "a\u2028b",
                "a\u2029b",
                "\ud800",
            )
        ),
    ],
)
def test_what_is_not_a_label(label: str, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_label(label)
    assert refused.value.message == message
