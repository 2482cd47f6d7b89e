"""One socket's outbox, and who hears what."""

from __future__ import annotations

import asyncio

import pytest

from comfy_notebook.embedded import events
from comfy_notebook.embedded.events import Audience, Hub, Socket
from comfy_notebook.protocol.messages import ExecutionStart, ExecutionSuccess, PreviewImage, Progress, Status


class Peer:
    """Stands where a WebSocket does: reads when it is let."""

    def __init__(self, reads=True):
        self.got = []
        self.reads = reads
        self.closed = None

    async def send_text(self, text):
        await self._take(text)

    async def send_bytes(self, data):
        await self._take(data)

    async def close(self, code):
        self.closed = code

    async def _take(self, data):
        if not self.reads:
            await asyncio.Event().wait()
        self.got.append(data)


def deliver(dialect, audience, event, *, users=("u",), clients=("c",), flags=(False,)):
    """How many frames each socket gets of an event."""

    async def run():
        hub = Hub(dialect)
        hub.bind(asyncio.get_running_loop())
        sockets = [
            Socket(Peer(), user, client, flag)
            for user, client, flag in zip(users, clients, flags * len(users), strict=False)
        ]
        for socket in sockets:
            hub.add(socket)
        hub.publish(audience, event)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [len(socket._outbox) for socket in sockets]

    return asyncio.run(run())


START = ExecutionStart(prompt_id="j")
PLAIN = PreviewImage(b"\xff\xd8\xff", node_id="1", prompt_id="j")
TOLD = PreviewImage(b"\xff\xd8\xff", node_id="1", prompt_id="j", metadata={})


def test_on_the_cloud_all_sockets_of_the_user_hear_everything_of_the_user():
    got = deliver("cloud", Audience("u", "a"), START, users=("u", "u", "other"), clients=("a", "b", "c"))
    assert got == [1, 1, 0]


@pytest.mark.parametrize(
    ("client_id", "event", "expected"),
    [
        ("a", START, [1, 0]),
        ("a", Status(queue_remaining=1), [1, 1]),
        (None, START, [0, 0]),
        (None, Progress(prompt_id="j"), [1, 1]),
        (None, PLAIN, [1, 1]),
        (None, TOLD, [0, 0]),
    ],
)
def test_on_comfyui_only_the_submitting_client_hears_and_orphans_broadcast(client_id, event, expected):
    got = deliver("comfyui", Audience("u", client_id), event, users=("u", "u"), clients=("a", "b"))
    assert got == expected


@pytest.mark.parametrize(
    ("flag", "event", "count"), [(True, TOLD, 1), (True, PLAIN, 0), (False, TOLD, 0), (False, PLAIN, 1)]
)
def test_a_socket_gets_the_form_of_preview_it_asked_for(flag, event, count):
    assert deliver("cloud", Audience("u"), event, flags=(flag,)) == [count]


def test_a_peer_that_does_not_read_loses_previews_and_no_message(monkeypatch):
    monkeypatch.setattr(events, "_MAX_WAITING", 2000)

    async def run():
        peer = Peer(reads=False)
        socket = Socket(peer, "u", "c")
        sender = asyncio.create_task(socket.drain())
        await asyncio.sleep(0)
        for number in range(100):
            socket.put(b"x" * 100, droppable=True)
            socket.put(f"message {number}")
        messages = [data for _, data in socket._outbox if isinstance(data, str)]
        sender.cancel()
        return messages, sum(len(data) for _, data in socket._outbox)

    messages, waiting = asyncio.run(run())
    assert messages == [f"message {number}" for number in range(100)]
    # Every message is there, and of 10 kB of previews no more than what fits beside them.
    assert waiting <= sum(map(len, messages)) + 1000


def test_a_peer_whose_messages_pile_up_is_let_go(monkeypatch):
    monkeypatch.setattr(events, "_MAX_WAITING", 1000)

    async def run():
        peer = Peer()
        socket = Socket(peer, "u", "c")
        for _ in range(100):
            socket.put("x" * 100)
        await socket.drain()
        return peer.closed

    assert asyncio.run(run()) == 1013


def test_a_peer_that_never_reads_is_let_go_and_holds_nothing(monkeypatch):
    monkeypatch.setattr(events, "_MAX_WAITING", 1000)

    async def run():
        socket = Socket(Peer(reads=False), "u", "c")
        sender = asyncio.create_task(socket.drain())
        for _ in range(100):
            socket.put("x" * 100)
            await asyncio.sleep(0)
        await sender
        return socket.websocket.closed, list(socket._outbox)

    assert asyncio.run(run()) == (1013, [])


@pytest.mark.parametrize(
    ("dialect", "ago", "expected"), [("cloud", 0, [2, 0]), ("cloud", 60, [0, 0]), ("comfyui", 0, [0, 0])]
)
def test_what_nobody_heard_is_told_to_the_first_socket_that_comes(monkeypatch, dialect, ago, expected):
    """The reference's own examples open their socket after submitting; by then a cached job is over."""

    async def run():
        hub = Hub(dialect)
        hub.bind(asyncio.get_running_loop())
        hub.publish(Audience("u", "c"), START, PLAIN, Status(queue_remaining=0), ExecutionSuccess("j"))
        hub.publish(Audience("other", "c"), START)
        await asyncio.sleep(0)
        now = events.time.monotonic()
        monkeypatch.setattr(events.time, "monotonic", lambda: now + ago)
        sockets = [Socket(Peer(), "u", "c"), Socket(Peer(), "u", "c")]
        for socket in sockets:
            hub.add(socket)
        monkeypatch.undo()
        return [len(socket._outbox) for socket in sockets]

    assert asyncio.run(run()) == expected


def test_order_is_kept_from_many_threads():
    async def run():
        hub = Hub("cloud")
        hub.bind(asyncio.get_running_loop())
        socket = Socket(Peer(), "u", "c")
        hub.add(socket)

        def speak(name):
            for number in range(200):
                hub.publish(
                    Audience("u"), ExecutionStart(f"{name}-{number}"), ExecutionSuccess(f"{name}-{number}")
                )

        await asyncio.gather(*(asyncio.to_thread(speak, name) for name in "abc"))
        await asyncio.sleep(0)
        return [data for _, data in socket._outbox]

    heard = asyncio.run(run())
    for name in "abc":
        mine = [text for text in heard if f'"{name}-' in text]
        assert ["start" in text for text in mine] == [True, False] * 200
