"""Which URLs may be requested: a table of spellings, and the allow-list."""

from __future__ import annotations

import ipaddress

import httpx
import pytest

from flowcraft_engine.nodes.builtin import BuiltinSettings, http
from flowcraft_engine.nodes.builtin.http_guard import HostRules, HttpError, denied_because

pytestmark = pytest.mark.asyncio

_SPELLINGS = r"""
http://127.0.0.1/
http://127.0.0.1:80/
http://127.1/
http://127.0.1/
http://127.255.255.254/
http://0/
http://0.0.0.0/
http://0.0.0.0:8080/
http://2130706433/
http://017700000001/
http://0177.0.0.1/
http://0177.0.0.01/
http://0x7f000001/
http://0x7f.0.0.1/
http://0x7f.0x0.0x0.0x1/
http://0x7f.1/
http://0X7F.1/
http://127.000.000.001/
http://127.0.0.1./
http://127.0.0.01/
http://256.256.256.256/
http://99999999999/
http://1.2.3.4.5/
http://example.1/
http://0x/
http://localhost/
http://LOCALHOST/
http://localhost./
http://foo.localhost/
http://localhost:6379/
http://ip6-localhost/
http://db.internal/
http://printer.local/
http://router.home.arpa/
http://host.docker.internal/
http://metadata/
http://metadata.google.internal/computeMetadata/v1/
http://METADATA.GOOGLE.INTERNAL/
http://metadata.google.internal./
http://metadata.goog/
http://instance-data/latest/meta-data/
http://kubernetes.default.svc/
http://169.254.169.254/
http://169.254.169.254:80/latest/
http://user:pass@169.254.169.254/
http://example.com@169.254.169.254/
http://169.254.170.2/
http://2852039166/
http://0xa9fea9fe/
http://0251.0376.0251.0376/
http://168.63.129.16/
http://100.100.100.200/
http://100.64.0.1/
http://192.0.0.192/
http://10.0.0.1/
http://10.1/
http://172.16.0.1/
http://172.31.255.255/
http://192.168.0.1/
http://192.168.1/
http://192.0.2.1/
http://192.88.99.1/
http://198.18.0.1/
http://198.51.100.1/
http://203.0.113.1/
http://224.0.0.1/
http://239.255.255.255/
http://240.0.0.1/
http://255.255.255.255/
http://[::]/
http://[::1]/
http://[0:0:0:0:0:0:0:1]/
http://[0000:0000:0000:0000:0000:0000:0000:0001]/
http://[::ffff:127.0.0.1]/
http://[::ffff:7f00:1]/
http://[::ffff:10.0.0.1]/
http://[::ffff:8.8.8.8]/
http://[::127.0.0.1]/
http://[::ffff:0:127.0.0.1]/
http://[64:ff9b::127.0.0.1]/
http://[64:ff9b:1::1]/
http://[100::1]/
http://[2002:7f00:1::]/
http://[2001:0:7f00:1::]/
http://[2001:db8::1]/
http://[3fff::1]/
http://[fc00::1]/
http://[fd00:ec2::254]/
http://[fe80::1]/
http://[fe80::1%25eth0]/
http://[::1%25lo]/
http://[fec0::1]/
http://[ff02::1]/
http://[4000::1]/
http://①②⑦.⓪.⓪.①/
http://127。0。0。1/
http://ⓛocalhost/
http://%31%32%37.0.0.1/
http://127.0.0.1%00.example.com/
http://127.0.0.1\@example.com/
http:///path
http://
http:127.0.0.1
file:///etc/passwd
ftp://example.com/
gopher://127.0.0.1:6379/_INFO
unix:///var/run/docker.sock
http+unix://%2Fvar%2Frun%2Fdocker.sock/
data:text/plain,x
javascript:alert(1)
dict://127.0.0.1:11211/
//127.0.0.1/
/etc/passwd
localhost
"""
DENIED = _SPELLINGS.split()


@pytest.mark.parametrize("url", DENIED)
async def test_url_is_refused_before_anything_is_sent(make_ctx, url):
    handler = http.handler(BuiltinSettings())
    with pytest.raises(HttpError) as caught:
        await handler.call(make_ctx(params={"url": url, "timeout": "5s"}))
    assert caught.value.kind == "refused"
    assert not caught.value.retryable


async def test_table_is_long_enough():
    assert len(set(DENIED)) >= 80


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "100.63.0.1", "172.32.0.1", "11.0.0.1"]
)
async def test_public_addresses_are_allowed(text):
    assert denied_because(ipaddress.ip_address(text)) is None
    HostRules().check_name(text)
    HostRules().check_address(text, text)


@pytest.mark.parametrize(
    "host", ["example.com", "localhost.example.com", "0x7f.example.com", "127.0.0.1.nip.io", "a1"]
)
async def test_names_that_must_be_resolved_pass(host):
    HostRules().check_name(host)


@pytest.mark.parametrize(
    ("allow", "host", "port", "is_allowed"),
    [
        ("localhost", "localhost", 80, True),
        ("Localhost", "localhost", 80, True),
        ("localhost:8080", "localhost", 8080, True),
        ("localhost:8080", "localhost", 80, False),
        ("*.corp", "api.corp", 80, True),
        ("*.corp", "corp", 80, False),
        ("*.corp", "evilcorp", 80, False),
        ("api.corp", "x.api.corp", 80, False),
    ],
)
async def test_names_can_be_allowed(allow, host, port, is_allowed):
    assert HostRules([allow]).allows_name(host, port) is is_allowed


@pytest.mark.parametrize(
    ("allow", "address", "is_allowed"),
    [
        ("10.0.0.0/8", "10.2.3.4", True),
        ("10.0.0.0/8", "11.0.0.1", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("[::1]", "::1", True),
        ("fd00::/8", "fd12::1", True),
        ("10.0.0.0/8", "::ffff:10.0.0.1", False),
    ],
)
async def test_networks_can_be_allowed(allow, address, is_allowed):
    rules = HostRules([allow])
    if is_allowed:
        rules.check_address("host", address)
    else:
        with pytest.raises(HttpError):
            rules.check_address("host", address)


async def test_httpx_knows_the_header_and_the_server_name_that_the_transport_relies_on():
    request = httpx.Request("GET", httpx.URL("https://shop.example:8443/x").copy_with(host="2606:4700::1111"))
    assert str(request.url) == "https://[2606:4700::1111]:8443/x"


@pytest.mark.parametrize(
    ("url", "setting"),
    [
        ("http://localhost:8080/", "FLOWCRAFT_HTTP_ALLOW=localhost"),
        ("http://127.0.0.1/", "FLOWCRAFT_HTTP_ALLOW=127.0.0.1"),
        ("http://192.168.1.7/", "FLOWCRAFT_HTTP_ALLOW=192.168.1.7"),
    ],
)
async def test_a_refusal_says_how_to_allow_the_host_and_that_helps(make_ctx, url, setting):
    handler = http.handler(BuiltinSettings())
    with pytest.raises(HttpError) as caught:
        await handler.call(make_ctx(params={"url": url}))
    assert caught.value.hint is not None
    assert setting in caught.value.hint
    assert "http_allow" in caught.value.hint
    host = setting.partition("=")[2]
    rules = HostRules([host])
    if not rules.allows_name(host, 80):
        rules.check_address(host, host)
