"""Addresses: every shape that is taken, and a sentence, without the password, for every one that is not."""

from __future__ import annotations

import pytest

from flowcraft_engine import UsageError
from flowcraft_engine.backends.redis.address import RedisAddress, broker_address
from flowcraft_engine.backends.redis.sentinel import Sentinels

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", RedisAddress()),
        ("redis://example.org", RedisAddress(host="example.org")),
        ("redis://example.org:7000/3", RedisAddress(host="example.org", port=7000, db=3)),
        ("redis://example.org?db=3", RedisAddress(host="example.org", db=3)),
        ("  rediss://example.org/\n", RedisAddress(host="example.org", tls=True)),
        ("redis://:p%40ss%2F@h", RedisAddress(host="h", password="p@ss/")),
        ("redis://bob:x@h/0", RedisAddress(host="h", username="bob", password="x")),
        ("redis://bob@h", RedisAddress(host="h", username="bob")),
        ("redis://[::1]:7000/1", RedisAddress(host="::1", port=7000, db=1)),
        ("unix:///run/redis.sock?db=2", RedisAddress(socket="/run/redis.sock", db=2)),
        ("unix://bob:x@/run/a%20b", RedisAddress(socket="/run/a b", username="bob", password="x")),
        ("unix:///s?password=x", RedisAddress(socket="/s", password="x")),
        (
            "rediss://h?ssl_ca_certs=/ca.pem",
            RedisAddress(host="h", tls=True, tls_options=(("ssl_ca_certs", "/ca.pem"),)),
        ),
        (
            "redis+sentinel://a:1,[::1],b.example/shop%2F1/3",
            RedisAddress(
                db=3, sentinels=Sentinels((("a", 1), ("::1", 26379), ("b.example", 26379)), "shop/1")
            ),
        ),
        (
            "rediss+sentinel://bob:x@h/shop?ssl_ca_certs=/ca.pem&sentinel_username=u&sentinel_password=p%40",
            RedisAddress(
                username="bob",
                password="x",
                tls=True,
                tls_options=(("ssl_ca_certs", "/ca.pem"),),
                sentinels=Sentinels((("h", 26379),), "shop", "u", "p@"),
            ),
        ),
    ],
)
def test_a_url_names_an_address_and_is_written_back(url: str, expected: RedisAddress) -> None:
    address = RedisAddress.parse(url)
    assert address == expected
    assert RedisAddress.parse(address.url) == address


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "does not begin with redis://"),
        ("localhost:6379", "does not begin with redis://"),
        (f"http://:{SECRET}@h", "does not begin with redis://"),
        ("redis:localhost", "no // after redis:"),
        (f"redis://:{SECRET}@h:port", "no valid port"),
        (f"redis://:{SECRET}@h:0", "no valid port"),
        (f"redis://:{SECRET}@h:99999", "no valid port"),
        (f"redis://:{SECRET}/x@h", "no host before its port"),
        (f"redis://h:{SECRET}/x@h", "no valid port"),
        (f"redis://:{SECRET}#1@h", "has a # in it"),
        (f"redis://:{SECRET}@h/zero", "number of a database"),
        (f"redis://:{SECRET}@h/-1", "number of a database"),
        (f"redis://:{SECRET}@h/1/2", "number of a database"),
        (f"redis://:{SECRET}@h/²", "number of a database"),
        (f"redis://:{SECRET}@[::1", "is not a valid URL"),
        (f"redis://:{SECRET}@:6379", "no host before its port"),
        (f"redis://:{SECRET}@a b", "spaces"),
        (f"redis://:{SECRET}@a,b", "several servers"),
        (f"redis://:{SECRET}@h?{SECRET}=1", "unknown option"),
        (f"rediss://:{SECRET}@h?ssl_cert_reqs=maybe", "ssl_cert_reqs must be one of"),
        (f"rediss://:{SECRET}@h?ssl_check_hostname=maybe", "true or false"),
        (f"redis://:{SECRET}@h?ssl_ca_certs=x", "needs TLS"),
        (f"redis+sentinel://:{SECRET}@h", "names no service"),
        (f"redis+sentinel://:{SECRET}@h,/shop", "no host with a port"),
        (f"redis+sentinel://:{SECRET}@h:0/shop", "no host with a port"),
        (f"redis+sentinel://:{SECRET}@h/shop/zero", "number of a database"),
        (f"redis+sentinel://:{SECRET}@h/shop?{SECRET}=1", "unknown option"),
        (f"redis+sentinel://h/shop?sentinel_password={SECRET}&ssl_ca_certs=x", "needs TLS"),
        (f"redis://h?sentinel_password={SECRET}", "unknown option"),
        (f"redis+cluster://:{SECRET}@h", "Cluster is not supported"),
        ("unix://", "no absolute path"),
        ("unix://relative/path", "no absolute path"),
    ],
)
def test_a_wrong_url_gets_a_sentence_that_does_not_repeat_the_password(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("?", r"\?")) as raised:
        RedisAddress.parse(url, source="FLOWCRAFT_REDIS_URL")
    error = raised.value
    assert error.message.startswith("FLOWCRAFT_REDIS_URL")
    shown = f"{error.message} {error.hint}"
    assert SECRET not in shown
    assert "\n" not in shown
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None, "a traceback would quote the URL"


@pytest.mark.parametrize(
    "url", [f"redis://bob:{SECRET}@h:1/2", f"unix://:{SECRET}@/s", f"rediss://:{SECRET}@h"]
)
def test_an_address_never_shows_its_password(url: str) -> None:
    address = RedisAddress.parse(url)
    for text in (address.masked, str(address), repr(address), f"{address}", f"{address!r}", address.place):
        assert SECRET not in text
    assert "***" in address.masked
    assert SECRET in address.url


def test_an_address_without_a_password_has_nothing_to_mask() -> None:
    assert RedisAddress.parse("redis://h:1/2").masked == "redis://h:1/2"


def test_the_queue_has_the_next_database_unless_another_is_named() -> None:
    state = RedisAddress.parse(f"redis://:{SECRET}@h/3")
    assert state.broker == RedisAddress(host="h", db=4, password=SECRET)
    assert broker_address(state, None) == state.broker
    assert broker_address(state, "redis://other/3") == RedisAddress(host="other", db=3)


def test_the_queue_never_shares_the_database_of_the_runs() -> None:
    state = RedisAddress.parse(f"redis://:{SECRET}@h/3")
    with pytest.raises(UsageError, match="needs one of its own") as raised:
        broker_address(state, f"redis://bob:{SECRET}@h:6379/3")
    assert raised.value.hint is not None
    assert "/4" in raised.value.hint
    assert SECRET not in raised.value.message


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://LocalHost.",
        "redis://127.1.2.3",
        "redis://[::1]",
        "redis://[::ffff:127.0.0.1]",
        "unix:///s",
    ],
)
def test_this_machine_needs_no_password(url: str) -> None:
    address = RedisAddress.parse(url)
    assert address.is_loopback
    address.require_safe()


@pytest.mark.parametrize(
    "url", ["redis://redis", "redis://10.0.0.1", "redis://0.0.0.0", "redis://localhost.evil.org"]
)
def test_a_server_on_the_network_needs_a_password_or_tls(url: str) -> None:
    address = RedisAddress.parse(url)
    assert not address.is_loopback
    with pytest.raises(UsageError, match="neither a password nor TLS") as raised:
        address.require_safe()
    assert raised.value.hint is not None
    assert "--insecure" in raised.value.hint
    address.require_safe(insecure=True)
    RedisAddress.parse(url.replace("//", "//:x@")).require_safe()
    RedisAddress.parse(url.replace("redis:", "rediss:", 1)).require_safe()


def test_the_passwords_of_a_service_and_of_its_sentinels_are_masked() -> None:
    address = RedisAddress.parse(f"redis+sentinel://:{SECRET}@h/shop/2?sentinel_password={SECRET}")
    assert address.masked == "redis+sentinel://:***@h:26379/shop/2?sentinel_password=***"
    assert address.place == "shop of Sentinel h:26379"
    for shown in (str(address), repr(address), address.place):
        assert SECRET not in shown


def test_where_a_sentinel_points_is_not_taken_for_this_machine() -> None:
    with pytest.raises(UsageError, match="neither a password nor TLS"):
        RedisAddress.parse("redis+sentinel://127.0.0.1/shop").require_safe()
    RedisAddress.parse("redis+sentinel://:x@127.0.0.1/shop").require_safe()
