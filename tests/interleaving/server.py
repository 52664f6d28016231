"""A real server, asked one command at a time, whose clock is a key."""

from __future__ import annotations

from typing import Any

from redis.exceptions import NoScriptError, ResponseError

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import connect_blocking
from flowcraft_engine.backends.redis.scripts import Script

CLOCK_KEY = "test-clock"
#: Stands before every script, in the place of the server's own clock.
CLOCK_LUA = f"local function now_ms() return tonumber(redis.call('GET', '{CLOCK_KEY}')) end"
#: All keys that will be gone some day, whoever set that.
_MORTAL_KEYS = """
local mortal = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
    if redis.call('PTTL', key) >= 0 then mortal[#mortal + 1] = key end
end
return mortal
"""


class Server:
    """Replies as Redis gives them; an error reply is raised."""

    def __init__(self, address: RedisAddress) -> None:
        self.address = address
        self._client = connect_blocking(address)
        self._connection = self._client.connection_pool.get_connection()

    def close(self) -> None:
        self._client.connection_pool.release(self._connection)
        self._client.close()

    def call(self, *command: Any) -> Any:
        if command == ("TIME",):
            now_ms = int(self.call("GET", CLOCK_KEY))
            return [b"%d" % (now_ms // 1000), b"%d" % (now_ms % 1000 * 1000)]
        self._connection.send_command(*command)
        reply = self._connection.read_response()
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    def run(self, script: Script, keys: list[str], *arguments: Any) -> Any:
        try:
            return self.call("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return self.call("EVAL", script.text, len(keys), *keys, *arguments)

    def empty(self, now_ms: int) -> None:
        self.call("FLUSHDB", "SYNC")
        self.set_clock(now_ms)

    def set_clock(self, now_ms: int) -> None:
        self.call("SET", CLOCK_KEY, now_ms)

    def mortal_keys(self) -> list[str]:
        return [key.decode() for key in self.call("EVAL", _MORTAL_KEYS, 0)]

    def keys(self) -> set[str]:
        return {key.decode() for key in self.call("KEYS", "*")} - {CLOCK_KEY}
