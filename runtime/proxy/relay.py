"""The visitor's side of the relay: one `asyncio.Protocol` for each client connection.

It reads request after request, checks each strictly (`head.py`), lets `dispatch.py` say who answers
it, and moves bytes. Routing and access hold for a request, never for a connection. All states are
here; what an answer or a request looks like is decided by the pure modules beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from time import perf_counter
from typing import TYPE_CHECKING, Any

from runtime.proxy import pages, uploads
from runtime.proxy.answer import AnswerHead
from runtime.proxy.bodies import RequestBody
from runtime.proxy.client import Client
from runtime.proxy.dispatch import NOWHERE, arrive, look_up
from runtime.proxy.head import RequestHead, read_head, refuse_early
from runtime.proxy.latency import ONE_IN
from runtime.proxy.local import LocalAnswer
from runtime.proxy.refused import Refused
from runtime.proxy.routes import Route
from runtime.proxy.states import ANSWER, ARRANGING, BODY, CLOSED, HEAD
from runtime.proxy.to_app import Forwarding, address_text, request_head
from runtime.proxy.to_visitor import Body, answer_head, interim_head
from runtime.proxy.upstream import AppConnection

if TYPE_CHECKING:
    from runtime.proxy.pool import Pool
    from runtime.proxy.shared import Shared
    from runtime.proxy.traffic import Traffic


class Visitor(Client):
    """One client connection, as long as it speaks HTTP with us."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.splice_from = shared.settings.splice_from or 1 << 62
        self.buffer = b""  # bytes of the client that are not dealt with yet
        self._pumping = False
        self._served = 0  # requests on this connection
        # one host at a time: what a Host header means, and the forwarding fields made of it
        self._raw_host: bytes | None = None
        self.destination = NOWHERE
        self._forwarding: Forwarding | None = None
        # one request at a time
        self.head: RequestHead | None = None
        self.timed_from = 0.0
        self.sampled = False  # whether its latency is one of the installation's figures
        self.route: Route | None = None
        self.request_id = b""
        self.extra_fields = b""  # for this answer, such as the door's cookie
        self.keep_authorization = True
        self.retried = False  # connecting failed once
        self.held = False  # it has waited for a start
        self.thawed = ""  # the replica for whose thaw it has waited
        self.answering = False  # bytes of the final answer were sent
        self.body: RequestBody | None = None
        self._until_close = False  # the end of the body is the end of the connection (HTTP/1.0)
        self.app: AppConnection | None = None
        self.pool: Pool | None = None
        self.traffic: Traffic | None = None
        self.task: asyncio.Task[None] | None = None

    # -- the event loop --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if self.shared.admit_connection(self.address):
            self.shared.visitors.add(self)
        else:
            self.state = CLOSED
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        state = self.state
        if state == HEAD:
            self.buffer = self.buffer + data if self.buffer else data
            self._pump()
        elif state == BODY:
            uploads.pass_on(self, data)
        elif state in (ARRANGING, ANSWER):
            self.buffer += data
            if len(self.buffer) > uploads.HELD_BYTES:
                self.pause_reading()

    def eof_received(self) -> None:
        """A client that stops sending has gone, as for other proxies: close, and tell the app."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self in self.shared.visitors:
            self.shared.visitors.discard(self)
            self.shared.forget_address(self.address)
        self.leave_app()
        if self.task is not None:
            self.task.cancel()

    def output_is_full(self) -> None:
        if self.app is not None:
            self.app.pause_reading()

    def output_has_room(self) -> None:
        if self.app is not None:
            self.app.resume_reading()

    # -- reading requests ------------------------------------------------------------------

    def _pump(self) -> None:
        """Deal with the requests in the buffer, one after the other, without recursion."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self.state == HEAD and self.buffer and self._next_head():
                pass
        except Refused as refused:
            self.refuse(refused.status)
        finally:
            self._pumping = False

    def _next_head(self) -> bool:
        """Read one head and set its request going; False while it is incomplete."""
        data, limits = self.buffer, self.settings.head
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > limits.block:
            refuse_early(data, limits)
            if not self.head_begun:
                self.head_begun = True
                self.deadline = self.shared.now + self.settings.timeouts.head
            return False
        head = read_head(data[:end], limits)
        if head.fields.host != self._raw_host:
            self.destination = look_up(head.fields.host, self.shared.hosts)
            self._raw_host = head.fields.host
            self._forwarding = None
        if self.destination.is_hub:
            self._hand_over()
            return False
        self._begin(head, data[end + 4 :])
        return True

    def _begin(self, head: RequestHead, rest: bytes) -> None:
        shared = self.shared
        self.buffer = rest
        self.head_begun = False
        self._served += 1
        metrics = shared.metrics
        metrics.requests += 1
        self.timed_from = perf_counter()
        self.sampled = not metrics.requests % ONE_IN
        self.head = head
        self.state = ARRANGING
        self.answering = False
        self._until_close = False
        self.body = RequestBody(head) if head.fields.has_body else None
        self.deadline = shared.now + self.settings.timeouts.first_byte
        self.request_id = shared.ids.next()
        if shared.closing:
            head.close = True
        if rest and self.body is None and rest.count(b"\r\n\r\n") > self.settings.head.pipelined:
            raise Refused(400, "too many pipelined requests")
        arrive(self)

    def _hand_over(self) -> None:
        """Give this connection to the hub, with all that was read; it never comes back."""
        if self._served:
            self.refuse(421)
            return
        shared, buffer = self.shared, self.buffer
        self.state = CLOSED
        shared.visitors.discard(self)
        shared.forget_address(self.address)
        shared.metrics.handed_over += 1
        protocol = shared.hub()
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        protocol.data_received(buffer)

    # -- what dispatch and its helpers call ------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what takes time for the present request; ends when the client goes."""
        self.task = self.shared.loop.create_task(work)
        self.task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        if self.task is task:
            self.task = None
        if not task.cancelled() and task.exception() is not None:
            self.shared.report(task.exception())
            if self.state != CLOSED:
                self.app_failed(500)

    def _end_task(self) -> None:
        """The request has its answer: nothing may still be arranged for it."""
        task, self.task = self.task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def attach(self, app: AppConnection) -> None:
        """Send the request to `app`."""
        head, route = self.head, self.route
        if head is None or route is None or self.state != ARRANGING:
            app.discard()
            return
        if self._forwarding is None:
            address = address_text(self.address)
            host = self.destination.host
            self._forwarding = Forwarding(address, host, head.fields.host, self.settings)
        if self.traffic is not None:
            self.traffic.total += 1
        self.app = app
        self.state = ANSWER if self.body is None else BODY
        app.begin(
            self,
            request_head(
                head,
                self._forwarding,
                self.request_id,
                keep_authorization=self.keep_authorization,
            ),
        )
        if self.body is not None:
            uploads.start(self)

    def reply(self, answer: LocalAnswer) -> None:
        """Answer the present request from here."""
        head = self.head
        close = self.closes_after_reply
        self._answered(answer.status)
        if self.extra_fields:
            answer = LocalAnswer(
                answer.status, answer.body, answer.content_type, answer.fields + self.extra_fields
            )
        head_only = head is not None and head.method == b"HEAD"
        self.transport.write(answer.encode(head_only=head_only, close=close))
        self.finish(close=close)

    def _answered(self, status: int) -> None:
        metrics = self.shared.metrics
        metrics.answered(status)
        traffic, now = self.traffic, self.shared.now
        if not self.sampled and (traffic is None or traffic.timed == now):
            return
        seconds = perf_counter() - self.timed_from
        if traffic is not None:
            traffic.timed = now
            traffic.latency.observe(seconds)
        if self.sampled:
            self.sampled = False
            metrics.latency.observe(seconds)

    @property
    def closes_after_reply(self) -> bool:
        """Whether the connection ends with an answer that is given now."""
        return self.head is None or self.head.close or not self.request_sent

    def refuse(self, status: int) -> None:
        """Answer with an error and close: this connection cannot be trusted any further."""
        head = self.head if self.state != HEAD else None
        self.leave_app()
        self.shared.metrics.answered(status)
        self.transport.write(pages.error(status, head).encode(close=True))
        self.finish(close=True)

    def finish(self, *, close: bool) -> None:
        """The present answer is complete."""
        self.leave_app()
        if self.task is not None:
            self._end_task()
        self.extra_fields = b""
        self.keep_authorization = True
        self.retried = self.held = False
        self.thawed = ""
        if close:
            self.buffer = b""
            self.close_gently(still_sending=self.head is None or not self.request_sent)
            return
        self.head = self.route = None
        self.body = None
        self.state = HEAD
        self.deadline = self.shared.now + self.settings.timeouts.keep_alive
        if self.reading_paused:
            self.resume_reading()
        if self.buffer:
            self._pump()

    @property
    def request_sent(self) -> bool:
        """Whether the app has got the whole request."""
        return self.body is None or self.body.done

    # -- the app's answer ------------------------------------------------------------------

    def answer_interim(self, answer: AnswerHead) -> None:
        if self.head is not None and self.head.minor == 1:
            if answer.status == 100 and not self.head.expects:
                return
            self.transport.write(interim_head(answer))

    def answer_begins(self, answer: AnswerHead, body: int, framing: bytes) -> bytes:
        """The head for this visitor. The rest comes by `send`."""
        head, route, pool = self.head, self.route, self.pool
        if head is None or route is None or pool is None:
            raise RuntimeError("an answer without a request")
        self.answering = True
        self._until_close = body == Body.UNTIL_CLOSE
        self._answered(answer.status)
        if not self.request_sent or self._until_close:
            head.close = True
        if head.close:
            framing += b"Connection: close\r\n"
        if self.extra_fields:
            framing += self.extra_fields
        return answer_head(
            answer,
            route,
            host=self.destination.name,
            framing=framing,
            request_id=self.request_id,
            app_port=pool.upstream.port,
            cross_origin=head.fields.origin,
        )

    def send(self, data: bytes | memoryview) -> None:
        self.deadline = self.shared.now + self.settings.timeouts.stream
        self.transport.write(data)

    def answer_ended(self) -> None:
        self.app = None
        self.finish(close=self.head is None or self.head.close)

    def app_failed(self, status: int) -> None:
        """The app gave no answer that could be passed on (PX-13, PX-26): say so, once."""
        self.app = None
        self.shared.metrics.app_failures += 1
        if self.answering:
            self.app_cut()
        else:
            self.reply(pages.error(status, self.head))

    def app_cut(self) -> None:
        """The app's answer broke off: so does ours, and never looks complete (PX-13)."""
        self.app = None
        self.shared.metrics.app_failures += 1
        self.cut()

    def cut(self) -> None:
        """End this connection at once; an unfinished body is visibly unfinished."""
        self.leave_app()
        self.abort(reset=self._until_close)

    def hand_to_tunnel(self) -> bytes:
        """Let go of everything but the transport; returns what the client has sent already."""
        if self.traffic is not None:
            self.traffic.requests -= 1
        if self.pool is not None:
            self.pool.end(self)
        self.app = self.pool = self.traffic = None
        self.state = CLOSED
        self.shared.visitors.discard(self)
        buffer, self.buffer = self.buffer, b""
        return buffer

    def moved(self, count: int) -> None:
        """Some of the body went by inside the kernel."""
        self.deadline = self.shared.now + self.settings.timeouts.stream

    is_websocket = False  # for `Proxy.cut`; a tunnel has True

    # -- bookkeeping -----------------------------------------------------------------------

    def leave_app(self) -> None:
        """Let go of the app and of our place among its requests."""
        app, self.app = self.app, None
        if app is not None:
            app.discard()
        if self.pool is not None:
            self.pool.end(self)
            self.pool = None
        if self.traffic is not None:
            self.traffic.requests -= 1
            self.traffic.last_used = self.shared.wall
            self.traffic = None
