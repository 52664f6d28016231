"""A secret is masked in all its common spellings, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowcraft_engine.values.masking import MASK, SHORTEST, Masker

SECRET = 'p@ss/w0rd+"é\\ü" & more'
SECRETS = st.text(min_size=6, max_size=40).filter(lambda text: len(text.strip()) >= 6)


def masker(*secrets: str) -> Masker:
    made = Masker()
    for secret in secrets:
        made.add(secret)
    return made


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        json.dumps(json.dumps(SECRET))[3:-3],
        repr(SECRET.encode())[2:-1],
        html.escape(SECRET),
        html.escape(SECRET, quote=False),
        html.escape(SECRET).replace("&quot;", "&#34;"),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower().replace("%c3%a9", "%c3%a9"),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
        SECRET.encode().hex(),
    ],
)
def test_every_spelling_is_masked(spelled: str) -> None:
    assert masker(SECRET).text(f"before {spelled} after") == f"before {MASK} after"


@settings(deadline=None)
@given(secret=SECRETS, before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_a_secret_inside_of_longer_base64_is_masked(secret: str, before: bytes, after: bytes) -> None:
    data = before + secret.encode("utf-8", "surrogatepass") + after
    for encoded in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        masked = masker(secret).text(encoded)
        assert MASK in masked


@settings(deadline=None)
@given(secret=SECRETS, other=st.text(max_size=20))
def test_a_secret_is_found_nowhere_in_what_is_masked(secret: str, other: str) -> None:
    made = masker(secret)
    value = {
        "text": other + secret + other,
        "query": urlencode({"k": secret}, errors="surrogatepass"),
        secret: [other, {"deep": secret}, (secret,)],
        "json": json.dumps({"k": secret}),
    }
    masked = made.json(value)
    if secret not in MASK:
        assert secret not in json.dumps(masked, ensure_ascii=False).replace(MASK, "")
    assert masked["text"].startswith(made.text(other)[:1])


def test_numbers_and_keys_are_masked_too() -> None:
    made = masker("12345678")
    assert made.json({"12345678": 12345678, "x": 1.5, "y": [True, None]}) == {
        MASK: MASK,
        "x": 1.5,
        "y": [True, None],
    }


def test_what_has_no_secret_is_the_same_object() -> None:
    made = masker(SECRET)
    value = {"a": [1, "two", {"three": None}]}
    assert made.json(value) is value
    assert Masker().json(value) is value
    assert not Masker().is_active


def test_lines_of_a_long_secret_are_masked_by_themselves() -> None:
    key = "-----BEGIN KEY-----\nabcdefghijkl\nmnopqrstuvwx\n-----END KEY-----\n"
    assert masker(key).text("line: mnopqrstuvwx") == f"line: {MASK}"
    assert masker(key).text(key.strip()) == MASK


def test_a_secret_that_another_one_begins_with_leaves_nothing_over() -> None:
    assert masker("abcdef", "abcdefghij").text("abcdefghij abcdef") == f"{MASK} {MASK}"
    assert SHORTEST == 4


def test_parts_at_the_ends_of_a_text_that_was_cut_are_masked() -> None:
    made = masker("abcdefghijklmnop")
    assert made.text("error: abcdefghijkl") == f"error: {MASK}"
    assert made.text("hijklmnop and more") == f"{MASK} and more"
    assert made.text("[… 9 bytes left out …]\nhijklmnop\n") == f"[… 9 bytes left out …]\n{MASK}\n"
    assert made.text("abc") == "abc"
