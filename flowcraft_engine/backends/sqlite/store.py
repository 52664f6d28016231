"""Coordination over a SQLite file.

Theory of operation. The first step of a group takes SQLite's write lock (`BEGIN IMMEDIATE`) and reads what others
have appended meanwhile; so steps never collide and positions in the journal are always the next ones. Steps are
written together: by the next claim, which is durable before it is given, or at the end of the event loop's turn.
So a chain costs one transaction a node, and a hundred branches that end in one turn share one. Where several attempts
are under way, a claim that comes with a commit waits for those of the same turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
import weakref
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from flowcraft_engine.backends.sqlite.database import (
    backend_error,
    backend_errors,
    open_database,
    place_of,
)
from flowcraft_engine.backends.sqlite.log_table import insert_part, last_number, select_parts
from flowcraft_engine.backends.sqlite.looking import open_to_look
from flowcraft_engine.backends.sqlite.owner_lock import OwnerLocks
from flowcraft_engine.backends.sqlite.run_index import find_runs
from flowcraft_engine.clock import Clock, SystemClock
from flowcraft_engine.errors import BackendError, ConflictError, NotFoundError
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.commands import Claim
from flowcraft_engine.kernel.event import MICROSECONDS, Event, Fact
from flowcraft_engine.kernel.fold import extend
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.recent import Recent
from flowcraft_engine.stores.coordination_store import RunQuery, RunSummary
from flowcraft_engine.stores.ended_runs import EndedRuns
from flowcraft_engine.stores.journal_store import JournalStore, OpenRun
from flowcraft_engine.stores.log_store import LogPart
from flowcraft_engine.values import JsonObject, json_text

#: The open stores of this process, by file.
_siblings: defaultdict[Path, weakref.WeakSet[SqliteStore]] = defaultdict(weakref.WeakSet)
#: Stores are opened and closed by threads.
_changing_siblings = threading.Lock()


class SqliteStore(JournalStore):
    """Runs in the file `path`, which is made if it is not there. Close it, or use it until the process ends.

    Who `only_looks` gets a file that cannot be written, too. Raises `BackendError` when the file cannot be used.
    """

    is_shared = True
    writes_in_groups = True

    def __init__(self, path: str | Path, clock: Clock | None = None, *, only_looks: bool = False) -> None:
        super().__init__(clock or SystemClock())
        path = Path(path)
        self._plans = Recent()
        self._path = path.absolute()
        # However the file is called: by a link, too.
        file = path.resolve()
        self._db = open_to_look(path) if only_looks else open_database(path)
        self._execute = self._db.cursor().execute
        self._locks = OwnerLocks(file.with_name(file.name + "-owners"))
        self._rows: dict[str, int] = {}
        self._group: dict[str, tuple[int, list[Fact]]] = {}
        self._in_group = False
        #: Where the group was begun.
        self._thread = 0
        #: Groups begun so far.
        self._groups = 0
        self._will_flush = False
        self._ended = EndedRuns()
        self._attended: dict[str, str] = {}
        #: Runs that had ended and have begun another generation, until that is written.
        self._reopened: list[str] = []
        #: Runs that others have changed, until `refresh` has told of them.
        self._news: dict[str, None] = {}
        self._owner: str | None = None
        self._broken: BackendError | None = None
        self._data_version = self._read_data_version()
        #: The open stores on this file, this one among them.
        self._stores = _siblings[file]
        with _changing_siblings:
            self._stores.add(self)

    # ---- the journal ---------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._in_group:
            return
        if self._broken is not None:
            raise self._broken
        if len(self._stores) > 1:
            self._let_siblings_write()
        # Without `backend_errors`: a context manager would cost as much as the statements.
        try:
            self._execute("BEGIN IMMEDIATE")
            self._in_group, self._thread = True, threading.get_ident()
            version = self._execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise backend_error(self._path, error) from error
        self._groups += 1
        if not self._will_flush:
            self._will_flush = True
            self._flush_soon()
        if version != self._data_version:
            with backend_errors(self._path):
                self._take_in_news()

    def _let_siblings_write(self) -> None:
        """Another store on this file, in this thread, would keep its lock until we let it have its turn."""
        with _changing_siblings:
            stores = list(self._stores)
        here = threading.get_ident()
        for other in stores:
            if other is not self and other._in_group and other._thread == here:
                # What goes wrong there is that store's to tell.
                with contextlib.suppress(BackendError):
                    other._write_group()

    def _append(self, run: OpenRun, position: int, events: list[Fact]) -> None:
        run_id = run.state.run_id
        group = self._group.get(run_id)
        if group is None:
            self._group[run_id] = (position, events)
        else:
            group[1].extend(events)

    def _reopen(self, run_id: str) -> None:
        self._reopened.append(run_id)
        self._ended.discard(run_id)

    def _write_group(self) -> None:
        if not self._in_group:
            return
        group, self._group = self._group, {}
        self._in_group = False
        ended: list[str] = []
        try:
            for run_id in self._reopened:
                self._execute(
                    "UPDATE runs SET status = 'running', finished_at = NULL WHERE run_id = ?", (run_id,)
                )
            self._reopened.clear()
            for run_id, (position, events) in group.items():
                row = self._row_of(run_id) if position else self._insert_run(run_id, Event._make(events[0]))
                assert row is not None
                place = place_of(row, position)
                self._execute("INSERT INTO journal VALUES (?, ?)", (place, json_text(events)))
                last = events[-1]
                if last[0] == ev.RUN_FINISHED:
                    self._finish_run(row, Event._make(last))
                    ended.append(run_id)
            for run_id, owner in self._attended.items():
                self._execute("UPDATE runs SET owner = ? WHERE run_id = ?", (owner, run_id))
            self._attended.clear()
            self._execute("COMMIT")
        except Exception as error:  # what cannot be encoded, too: memory is ahead of the file now
            if isinstance(error, (sqlite3.DatabaseError, OSError)):
                self._broken = backend_error(self._path, error)
            else:
                self._broken = _unwritten(self._path, error)
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise self._broken from error
        for run_id in ended:
            self._keep_ended(run_id)

    def _flush_soon(self) -> None:
        """Flush one turn later than the end of this one: so the claims that these steps lead to come along."""
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._flush_at_end_of_turn, self._groups)

    def _flush_at_end_of_turn(self, group: int) -> None:
        if self._in_group and group != self._groups:
            # That group is written; a younger one is under way and has its time, too.
            self._flush_soon()
            return
        self._will_flush = False
        # What fails is kept, and raised by the next step or flush.
        with contextlib.suppress(BackendError):
            self._write_group()

    async def _secure(self, claims: Sequence[Claim], *, in_company: bool) -> None:
        group = self._groups
        if in_company:
            # Those who claim in this turn come along; the first one to go on writes for all.
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                # Nobody will execute what was claimed.
                for claim in claims:
                    await self.release(
                        claim.run_id, claim.instance, claim.nonce, crashed=False, why="interrupted"
                    )
                raise
        if group == self._groups:
            self._write_group()
        if self._broken is not None:
            raise self._broken

    async def flush(self) -> None:
        self._write_group()
        if self._broken is not None:
            raise self._broken

    def _finish_run(self, row: int, last: Event) -> None:
        values = (last.data["status"], last.at / MICROSECONDS, row)
        self._execute("UPDATE runs SET status = ?, finished_at = ? WHERE id = ?", values)

    def _keep_ended(self, run_id: str) -> None:
        """Others leave for it. They are in the file; whoever asks for them once more reads them there."""
        run = self._runs.get(run_id)
        for name in self._ended.add(run_id, 0 if run is None else run.state.seq):
            if name not in self._group:
                self._forget(name)

    def _forget(self, run_id: str) -> None:
        self._runs.pop(run_id, None)
        self._rows.pop(run_id, None)

    def _insert_run(self, run_id: str, first: Event) -> int:
        data = first.data
        parent = data["parent"][0] if data["parent"] else None
        values = (
            run_id,
            data["blueprint_id"],
            data["version"],
            data["digest"],
            first.at / MICROSECONDS,
            parent,
            self._attended.pop(run_id, None),
        )
        cursor = self._execute(
            "INSERT INTO runs (run_id, blueprint_id, version, digest, status, created_at, parent, owner)"
            " VALUES (?, ?, ?, ?, 'running', ?, ?, ?)",
            values,
        )
        assert cursor.lastrowid is not None
        self._rows[run_id] = cursor.lastrowid
        return cursor.lastrowid

    def _read(self, run_id: str) -> tuple[str, list[Event]] | None:
        if run_id in self._group:
            # A step that broke off in the middle has made memory forget the run, not what was done before it.
            self._write_group()
        with backend_errors(self._path):
            row = self._db.execute("SELECT id, digest FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            if row is None:
                return None
            self._rows[run_id] = row[0]
            return row[1], self._read_events(row[0], 0)

    def _find(self, run_id: str) -> OpenRun | None:
        run = super()._find(run_id)
        if run is not None and run.state.is_final:
            self._keep_ended(run_id)
        return run

    def _read_events(self, row: int, after: int) -> list[Event]:
        rows = self._db.execute(
            "SELECT events FROM journal WHERE place >= ? AND place < ? ORDER BY place",
            (place_of(row, after), place_of(row + 1, 0)),
        )
        return [Event(*fields) for (text,) in rows for fields in json.loads(text)]

    def _take_in_news(self) -> None:
        """Bring the runs in use up to date with what other connections have committed."""
        version = self._read_data_version()
        if version == self._data_version:
            return
        self._data_version = version
        for run_id, run in list(self._runs.items()):
            row = self._rows.get(run_id)
            if row is None:
                continue
            if run.state.is_final:
                # Others may begin another generation of it; whoever asks for it once more reads it in the file.
                self._ended.discard(run_id)
                self._forget(run_id)
                continue
            if not self._is_in(row, run):
                self._forget(run_id)
                self._news[run_id] = None
                continue
            events = self._read_events(row, run.state.seq)
            if events:
                extend(run.plan, run.state, events)
                self._news[run_id] = None

    def _is_in(self, row: int, run: OpenRun) -> bool:
        """False if others have seen the run end and retired it: SQLite gives the row to the next one that begins."""
        state = run.state
        found = self._db.execute("SELECT run_id, created_at FROM runs WHERE id = ?", (row,)).fetchone()
        return bool(found == (state.run_id, state.created_at))

    def _read_data_version(self) -> int:
        with backend_errors(self._path):
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    async def refresh(self) -> list[str]:
        await self.flush()
        with backend_errors(self._path):
            self._take_in_news()
        news, self._news = self._news, {}
        return list(news)

    async def events(self, run_id: str, after: int = 0) -> list[Event]:
        row = await self._written_row(run_id)
        with backend_errors(self._path):
            # Rows hold several events, so begin with the row that holds the wanted one.
            first = place_of(row, 0)
            (place,) = self._db.execute(
                "SELECT max(place) FROM journal WHERE place BETWEEN ? AND ?", (first, place_of(row, after))
            ).fetchone()
            begin = place - first
            return self._read_events(row, begin)[after - begin :]

    async def _written_row(self, run_id: str) -> int:
        """The row of a run in the file, with all that is known of it here."""
        await self.flush()
        with backend_errors(self._path):
            self._take_in_news()
        self._open(run_id)
        return self._rows[run_id]

    # ---- blueprints ----------------------------------------------------------------------------------------

    async def pin(self, plan: Plan) -> None:
        known = self._plans.get(plan.digest)
        if known is not None and (known.blueprint.folder or not plan.blueprint.folder):
            return
        # Blueprints are imported by those who need one: not by a list of runs.
        from flowcraft_engine.blueprint.snapshot import snapshot_of

        self._begin()
        with backend_errors(self._path):
            body = json_text(snapshot_of(plan.blueprint))
            self._db.execute(
                "INSERT INTO blueprints VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET body = excluded.body"
                " WHERE json_extract(blueprints.body, '$.folder') IS NULL",
                (plan.digest, body),
            )
        self._plans[plan.digest] = plan

    def _read_plan(self, digest: str) -> Plan:
        from flowcraft_engine.blueprint.snapshot import from_snapshot
        from flowcraft_engine.kernel.compile import compile_plan

        with backend_errors(self._path):
            row = self._db.execute("SELECT body FROM blueprints WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise NotFoundError(f"there is no blueprint with digest {digest[:12]} in {self._path}")
        return compile_plan(from_snapshot(json.loads(row[0])), digest)

    # ---- the list of runs ----------------------------------------------------------------------------------

    async def list_runs(self, *, limit: int = 50, status: str | None = None) -> list[RunSummary]:
        return await self.find_runs(RunQuery(limit, status, top_only=False))

    async def find_runs(self, query: RunQuery) -> list[RunSummary]:
        await self.flush()
        with backend_errors(self._path):
            return find_runs(self._db, query)

    async def tree(self, run_id: str) -> list[str]:
        self._open(run_id)
        await self.flush()
        with backend_errors(self._path):
            return [name for _, name, _ in self._tree(run_id)]

    def _tree(self, run_id: str) -> list[tuple[int, str, str]]:
        """Row, id and status of a run and its sub-runs."""
        rows = self._db.execute(
            "SELECT id, run_id, status FROM runs WHERE run_id = ? OR (run_id > ? AND run_id < ?) ORDER BY id",
            (run_id, f"{run_id}:", f"{run_id};"),
        )
        # `run:N::2` is another attempt of what `run:N` was for.
        return [row for row in rows if not row[1].startswith(f"{run_id}::")]

    async def retire(self, run_id: str) -> None:
        # Told from the list of runs: reading the journals of thousands would take minutes.
        await self.flush()
        with backend_errors(self._path):
            self._begin()
            tree = self._tree(run_id)
            if not tree:
                raise NotFoundError(f"there is no run {run_id!r}")
            for _, name, status in tree:
                if status == "running":
                    raise ConflictError(f"run {name} has not ended")
            for row, _, _ in tree:
                places = (place_of(row, 0), place_of(row + 1, 0))
                self._db.execute("DELETE FROM journal WHERE place >= ? AND place < ?", places)
                self._db.execute("DELETE FROM logs WHERE run = ?", (row,))
                self._db.execute("DELETE FROM runs WHERE id = ?", (row,))
            await self.flush()
        for _, name, _ in tree:
            self._ended.discard(name)
            self._forget(name)

    async def remember(self, run_id: str, options: JsonObject) -> None:
        await self.flush()
        with backend_errors(self._path):
            self._db.execute("UPDATE runs SET options = ? WHERE run_id = ?", (json_text(options), run_id))

    async def recall(self, run_id: str) -> JsonObject:
        await self.flush()
        with backend_errors(self._path):
            row = self._db.execute("SELECT options FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return json.loads(row[0]) if row is not None and row[0] else {}

    # ---- logs ----------------------------------------------------------------------------------------------

    async def write_logs(self, parts: Sequence[LogPart], *, behind: int | None = None) -> None:
        self._begin()
        with backend_errors(self._path):
            for number, part in enumerate(parts):
                row = self._row_of(part.run_id)
                if row is not None:
                    if behind is not None and behind + number != last_number(self._db, row):
                        return
                    insert_part(self._db, row, part)

    async def read_logs(self, run_id: str, after: int = 0, *, limit: int | None = None) -> list[LogPart]:
        row = await self._written_row(run_id)
        with backend_errors(self._path):
            return select_parts(self._db, row, run_id, after, limit)

    async def last_log(self, run_id: str) -> int:
        await self.flush()
        with backend_errors(self._path):
            row = self._row_of(run_id)
            return 0 if row is None else last_number(self._db, row)

    def _row_of(self, run_id: str) -> int | None:
        row = self._rows.get(run_id)
        if row is None:
            found = self._db.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            row = found[0] if found is not None else None
        return row

    # ---- who executes --------------------------------------------------------------------------------------

    def claimant(self) -> str:
        if self._owner is None:
            # One name for as long as this store is open: each holds a file.
            owner = super().claimant()
            with backend_errors(self._path):
                self._locks.hold(owner)
            self._owner = owner
        return self._owner

    async def attend(self, run_id: str, owner: str) -> None:
        self._open(run_id)
        self._begin()
        self._attended[run_id] = owner

    async def owner_is_dead(self, owner: str) -> bool:
        with backend_errors(self._path):
            return self._locks.is_dead(owner)

    async def is_orphaned(self, run_id: str) -> bool:
        await self.flush()
        with backend_errors(self._path):
            row = self._db.execute("SELECT owner FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            return row is None or row[0] is None or self._locks.is_dead(row[0])

    async def close(self) -> None:
        try:
            if self._broken is None:
                await self.flush()
        finally:
            self._locks.release()
            self._db.close()
            with _changing_siblings:
                self._stores.discard(self)


def _unwritten(path: Path, error: Exception) -> BackendError:
    return BackendError(f"a step cannot be written to the state file {path}: {error}")
