"""The lines that containers write, from a seed: a baseline, and what the incident adds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from tests.testbed.incident.story import BAD, CONFIG, ERRORS_S, INDEX, LOOK_UP, MIGRATION_S, SERVICE, Story

Line = tuple[datetime, str]
Lines = Callable[
    [Story, str, datetime], Iterator[Line]
]  # the story, which container (not by its random name), until when

AGENTS = ("coffee-app/7.2 (iOS)", "coffee-app/7.2 (Android)", "Mozilla/5.0", "kiosk/3.4")
PATHS = ("/api/menu", "/api/orders", "/api/orders/{n}", "/api/orders/{n}/items", "/api/customers/{n}/orders")
PANIC = """\
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x8f1c2a]

goroutine 1 [running]:
github.com/gocoffee/order-service/internal/loyalty.(*Client).Points(0x0, {0xc000126000, 0x24})
\t/src/internal/loyalty/client.go:57 +0x2a
github.com/gocoffee/order-service/internal/server.(*Server).warmUp(0xc0000b2000)
\t/src/internal/server/server.go:131 +0x1d4
main.main()
\t/src/cmd/order-service/main.go:88 +0x3c5"""


def moments(story: Story, draw: Random, until: datetime, every_s: float) -> Iterator[datetime]:
    """Moments from the baseline's beginning, on average so far apart."""
    at = story.begins
    yield at
    while (at := at + timedelta(seconds=draw.expovariate(1 / every_s))) < until:
        yield at


def gateway(story: Story, which: str, until: datetime) -> Iterator[Line]:
    """Access lines of one gateway; what asks for orders fails once the release is out."""
    draw = story.draw(which)
    for at in moments(story, draw, until, 4.0):
        path = draw.choice(PATHS).format(n=draw.randrange(1, 20_000))
        failed = draw.random() < story.failed(at)
        status = draw.choice((502, 503, 504)) if failed else draw.choices((200, 201, 304, 404), (80, 10, 6, 4))[0]
        seconds = draw.uniform(1.5, 5.0) if failed else draw.lognormvariate(-3.2, 0.5)
        client = f"10.{draw.randrange(64, 128)}.{draw.randrange(256)}.{draw.randrange(1, 255)}"
        method = "POST" if status == 201 else "GET"
        size = draw.randrange(120, 2400)
        yield (
            at,
            (
                f'{client} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "{method} {path} HTTP/1.1" {status} {size} "-" '
                f'"{draw.choice(AGENTS)}" {draw.randrange(300, 900)} {seconds:.3f} [go-coffee-{SERVICE}-80]'
            ),
        )


def envoy(story: Story, which: str, until: datetime) -> Iterator[Line]:
    """A quiet proxy."""
    for at in moments(story, story.draw(which), until, 300.0):
        yield (
            at,
            f"[{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}][1][info][upstream] cds: add 9 cluster(s), remove 0",
        )


def orders(story: Story, which: str, until: datetime) -> Iterator[Line]:
    """A pod of the release that works: its look-ups begin to time out when the index is gone."""
    draw = story.draw(which)
    for at in moments(story, draw, until, 6.0):
        order, customer = draw.randrange(100_000, 150_000), draw.randrange(1, 20_000)
        if story.failing(at) and draw.random() < 0.8:
            wrong = {"op": "orders.by_customer", "customer": customer, "err": "context deadline exceeded"}
            yield at, _json(at, "error", "query failed", **wrong)
        elif draw.random() < 0.02:
            yield at, _json(at, "warn", f"order {order} was paid twice, second charge refunded")
        else:
            yield (
                at,
                _json(at, "info", draw.choice((f"order {order} created", f"order {order} paid")), customer=customer),
            )


def panicking(story: Story, which: str, until: datetime) -> Iterator[Line]:
    """One run of the release that does not work."""
    first = until - timedelta(seconds=3)
    yield first, _json(first, "info", "starting", image=BAD, config=CONFIG)
    yield first + timedelta(seconds=1), _json(first, "info", "connected to postgres", host="postgres-primary")
    wrong = "loyalty client is not configured: LOYALTY_URL is empty"
    yield first + timedelta(seconds=1.2), _json(first, "error", wrong)
    for number, text in enumerate(PANIC.split("\n")):
        yield first + timedelta(seconds=1.3, milliseconds=number), text


def postgres(story: Story, which: str, until: datetime) -> Iterator[Line]:
    """The primary: checkpoints and a slow report now and then; then a dropped index, and a look-up that is slow for want of it."""
    draw = story.draw(which)
    found: list[Line] = []
    for at in moments(story, draw, until, 60.0):
        found.append((at, _log(at, draw.randrange(40, 90), "checkpointer", "checkpoint starting: time")))
    for at in moments(story, draw, until, 240.0):
        report = "SELECT date_trunc('hour', created_at), sum(total) FROM orders GROUP BY 1"
        found.append((at, _slow(at, draw.uniform(260, 420), "analytics_app", report)))
    dropped = story.at(MIGRATION_S)
    found.append((dropped, _log(dropped, 611, "coffee_migrate@coffee", f"statement: DROP INDEX {INDEX}")))
    at = story.at(ERRORS_S)
    while (at := at + timedelta(seconds=draw.expovariate(0.6))) < until:
        found.append((at, _slow(at, draw.lognormvariate(7.0, 0.25), "coffee_app", LOOK_UP)))
        if draw.random() < 0.4:
            found.append((at, _log(at, 702, "coffee_app@coffee", "canceling statement due to user request", "ERROR")))
    yield from sorted(line for line in found if line[0] < until)


def migration(story: Story, which: str, until: datetime) -> Iterator[Line]:
    """The release's migration."""
    at = story.at(MIGRATION_S)
    for number, text in enumerate(
        ("migration 0042_loyalty_points: begin", f"DROP INDEX {INDEX}", "migration 0042: done")
    ):
        moment = at + timedelta(milliseconds=150 * number)
        if moment < until:
            yield moment, f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z INFO {text}"


def redis(story: Story, which: str, until: datetime) -> Iterator[Line]:
    """A quiet server."""
    for at in moments(story, story.draw(which), until, 300.0):
        yield at, f"1:M {at:%d %b %Y %H:%M:%S}.{at.microsecond // 1000:03d} * Background saving terminated with success"


def quiet(story: Story, which: str, until: datetime) -> Iterator[Line]:
    """A service that has nothing to do with it."""
    draw = story.draw(which)
    for at in moments(story, draw, until, 40.0):
        took = draw.lognormvariate(2.5, 0.6)
        yield at, f'time={at:%Y-%m-%dT%H:%M:%SZ} level=info msg="request served" status=200 duration_ms={took:.1f}'


def waiting(story: Story, which: str, until: datetime) -> Iterator[Line]:
    """A container that waits for what does not come."""
    for at in moments(story, story.draw(which), until, 30.0):
        yield at, f"{at:%Y-%m-%d %H:%M:%S} waiting for postgres-primary:5432"


def failing(story: Story, which: str, until: datetime) -> Iterator[Line]:
    """A service that has been failing for long, and goes on."""
    for at in moments(story, story.draw(which), until, 300.0):
        yield at, f'time={at:%Y-%m-%dT%H:%M:%SZ} level=error msg="cannot send: smtp host is not set"'


def _json(at: datetime, level: str, message: str, **fields: object) -> str:
    return json.dumps({"time": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z", "level": level, "msg": message, **fields})


def _log(at: datetime, pid: int, who: str, message: str, level: str = "LOG") -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC [{pid}] {who} {level}:  {message}"


def _slow(at: datetime, ms: float, user: str, statement: str) -> str:
    return _log(at, 702, f"{user}@coffee", f"duration: {ms:.3f} ms  execute <unnamed>: {statement}")
