"""Log messages of a coffee shop's services from a seed, each with the number of the statement that wrote it.

The numbers are the ground truth of groupings: a statement is one call of a logger with its variable parts. The messages are
synthetic; what makes real ones hard is in them: words that vary in one statement and tell two others apart, values with
blanks, lists of any length, ids with and without digits, durations in changing units.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import partial

# Weight and statement; {slots} are drawn anew for each message.
STATEMENTS: tuple[tuple[float, str], ...] = (
    # gateway
    (60, "GET /api/orders/{n} successful"),
    (25, "POST /api/orders successful"),
    (30, "GET /api/menu successful"),
    (8, "GET /api/customers/{uuid}/orders successful"),
    (2, "POST /api/payments server error"),
    (1.5, "GET /api/orders/{n} client error"),
    (20, "request completed method={method} path={path} status={status} duration={dur} request_id={uuid}"),
    (3, "upstream timed out after {dur} while reading response from {ip}, upstream: {svc}"),
    (1, "circuit breaker for {svc} opened after {n} failures"),
    (1, "circuit breaker for {svc} closed"),
    (2, "rate limit exceeded for client {ip}: {n} requests in {dur}"),
    (1.5, "token rejected for user {user}: {why}"),
    (0.3, "reloading configuration from /etc/gateway/config.yaml"),
    (0.2, "configuration reloaded, {n} routes active"),
    # orders
    (40, "order {ord} created for customer {n}"),
    (35, "order {ord} paid by {method_pay}"),
    (30, "order {ord} delivered after {dur}"),
    (4, "order {ord} cancelled: {why}"),
    (2, "order {ord} refunded by {user}"),
    (10, "reserving {n} x {bean} in store {store}"),
    (1, "not enough {bean} in store {store}: {n} wanted, {n} left"),
    (6, "published event {event} to topic {topic} partition {n} offset {n}"),
    (6, "consumed event {event} from topic {topic} partition {n} offset {n} lag {n}"),
    (3, "cache miss for key menu:{store}:{n}"),
    (12, "cache hit for key menu:{store}:{n}"),
    (2, "retrying {rpc} attempt {n} of 5 after error: {err}"),
    (1, "giving up on {rpc} after {n} attempts: {err}"),
    (1, "could not parse request body: invalid character {quoted} looking for beginning of value"),
    (0.5, "items of order {ord}: [{list}]"),
    (0.2, "worker pool resized from {n} to {n}"),
    (0.1, "shutting down: received signal {signal}"),
    (0.1, "server listening on {ip}"),
    # payments
    (25, "charge {charge} of {money} EUR captured for order {ord}"),
    (3, "charge {charge} declined: {why}"),
    (1, "charge {charge} disputed by customer {n}"),
    (5, "webhook {event} received from {ip} signature {hex}"),
    (0.5, "webhook signature mismatch for event {event} from {ip}"),
    (2, "connecting to provider {provider} at {ip}"),
    (2, "connected to provider {provider} in {dur}"),
    (1, "connection to provider {provider} lost: {err}"),
    (1, "reconciliation of {date} finished: {n} charges, {n} mismatches, took {dur}"),
    (0.5, "exchange rate {pair} updated to {money}"),
    (0.3, "idempotency key {hex} reused by customer {n}"),
    # postgres
    (15, "connection received: host={ip4} port={n}"),
    (15, "connection authorized: user={user} database={db} application_name={app}"),
    (14, "disconnection: session time: {clock} user={user} database={db} host={ip4} port={n}"),
    (2, "checkpoint starting: {ckpt}"),
    (
        2,
        "checkpoint complete: wrote {n} buffers ({money}%); {n} WAL file(s) added, {n} removed; write={money} s, sync={money} s",
    ),
    (6, "duration: {money} ms  statement: SELECT * FROM {table} WHERE id = {n}"),
    (3, "duration: {money} ms  execute <unnamed>: UPDATE {table} SET status = {quoted1} WHERE id = {n}"),
    (1, 'duplicate key value violates unique constraint "{index}"'),
    (1, "deadlock detected"),
    (0.7, 'relation "{table}" does not exist at character {n}'),
    (0.7, "canceling statement due to statement timeout"),
    (0.7, "canceling statement due to lock timeout"),
    (0.5, "could not receive data from client: Connection reset by peer"),
    (1, 'automatic vacuum of table "{db}.public.{table}": index scans: {n}'),
    (1, 'automatic analyze of table "{db}.public.{table}"'),
    (0.5, "process {n} still waiting for ShareLock on transaction {n} after {money} ms"),
    (0.5, "process {n} acquired ShareLock on transaction {n} after {money} ms"),
    (0.3, "remaining connection slots are reserved for roles with the SUPERUSER attribute"),
    # klog, of a controller and a kubelet
    (5, 'Successfully assigned pod="go-coffee/{pod}" node="{node}"'),
    (3, 'Starting container pod="go-coffee/{pod}" container="{svc}" id={hex}'),
    (2, 'Killing container with a grace period pod="go-coffee/{pod}" container="{svc}" gracePeriod={n}'),
    (2, 'Probe failed probe="Readiness" pod="go-coffee/{pod}" err="Get \\"http://{ip}/healthz\\": {err}"'),
    (1, "Back-off restarting failed container={svc} pod={pod}_go-coffee({uuid})"),
    (1, "Reconciling deployment go-coffee/{svc} generation {n}"),
    (1, "Scaled up replica set {pod} to {n} from {n}"),
    (1, "Scaled down replica set {pod} to {n} from {n}"),
    (1, 'Attempting to acquire leader lease namespace="kube-system" name="{svc}"'),
    (0.3, "successfully acquired lease kube-system/{svc}"),
    (0.5, "Watch close - *v1.{kind} total {n} items received"),
    (0.3, "Throttling request took {dur}, request: GET:https://{ip}/apis/apps/v1/{path_k8s}?limit={n}"),
)

_WORDS = {
    "method": "GET POST PUT DELETE PATCH",
    "svc": "orders payments gateway kitchen loyalty inventory notifications",
    "user": "ada grace linus margaret dennis barbara ken root app_rw reporting",
    "bean": "arabica robusta liberica excelsa geisha",
    "event": "OrderCreated OrderPaid OrderDelivered PaymentCaptured PaymentFailed StockLow",
    "topic": "orders payments stock audit",
    "rpc": "ReserveStock CapturePayment NotifyCustomer LoadMenu PriceOrder",
    "provider": "stripe adyen paypal",
    "pair": "EUR/USD EUR/GBP EUR/CHF USD/JPY",
    "db": "coffee reporting",
    "table": "orders order_items customers payments stores stock_levels",
    "index": "orders_pkey customers_email_key payments_intent_key stock_levels_pkey",
    "signal": "terminated interrupt hangup",
    "kind": "Pod Node Endpoints ConfigMap Deployment Secret",
    "method_pay": "card cash voucher giftcard",
    "status": "200 201 204 301 400 401 404 409 422 429 500 502 503 504",
    "path_k8s": "deployments replicasets statefulsets daemonsets",
}
_TEXTS = {
    "why": (
        "expired",
        "insufficient funds",
        "out of stock",
        "customer changed their mind",
        "card lost",
        "fraud suspected",
    ),
    "err": (
        "context deadline exceeded",
        "connection refused",
        "EOF",
        "no such host",
        "i/o timeout",
        "rpc error: code = Unavailable desc = transport is closing",
    ),
    "ckpt": ("time", "wal", "immediate force wait", "shutdown immediate"),
    "app": ("orders", "payments", "psql", "DBeaver 24 - Main", "pg_dump"),
    "quoted": ("'<'", "'}'", "'p'", "'H'"),
    "quoted1": ("'paid'", "'delivered'", "'on its way'"),
}
_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_BASE = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _slots(draw: random.Random) -> dict[str, Callable[[], str]]:
    def text(alphabet: str, length: int) -> str:
        return "".join(draw.choices(alphabet, k=length))

    def duration() -> str:
        value = draw.lognormvariate(3, 2)
        return (
            f"{value:.3f}ms"
            if value < 1000
            else f"{value / 1000:.2f}s"
            if value < 60_000
            else f"{value / 60_000:.0f}m{value % 60:.1f}s"
        )

    def address() -> str:
        return f"10.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(256)}"

    def uuid() -> str:
        digits = f"{draw.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def pod() -> str:
        return f"{draw.choice(_WORDS['svc'].split())}-{text(_SAFE, 9)}-{text(_SAFE, 5)}"

    slots: dict[str, Callable[[], str]] = {
        "n": lambda: str(int(draw.lognormvariate(4, 2.5))),
        "ord": lambda: f"ord_{text(_BASE, 14)}",
        "charge": lambda: f"ch_{text(_BASE, 24)}",
        "hex": lambda: f"{draw.getrandbits(64):016x}",
        "uuid": uuid,
        "dur": duration,
        "ip": lambda: f"{address()}:{draw.randrange(1024, 65536)}",
        "ip4": address,
        "money": lambda: f"{draw.lognormvariate(2, 1):.2f}",
        "clock": lambda: (
            f"{draw.randrange(3)}:{draw.randrange(60):02}:{draw.randrange(60):02}.{draw.randrange(1000):03}"
        ),
        "date": lambda: f"2026-01-{draw.randrange(1, 29):02}",
        "store": lambda: f"{draw.choice(('berlin', 'paris', 'wien', 'lyon'))}-{draw.randrange(1, 20)}",
        "node": lambda: f"ip-10-0-{draw.randrange(256)}-{draw.randrange(256)}.eu-west-1.compute.internal",
        "pod": pod,
        "path": lambda: draw.choice(
            ("/api/menu", "/healthz", f"/api/orders/{draw.randrange(10**6)}", f"/api/stores/{draw.randrange(40)}")
        ),
        "list": lambda: " ".join(str(draw.randrange(1000)) for _ in range(draw.randrange(1, 9))),
    }
    texts = {name: tuple(words.split()) for name, words in _WORDS.items()} | _TEXTS
    return slots | {name: partial(draw.choice, choices) for name, choices in texts.items()}


def messages(count: int, *, seed: int) -> tuple[list[str], list[int]]:
    """Messages, and for each the number of its statement."""
    draw = random.Random(seed)
    slots = _slots(draw)
    parts = [re.split(r"\{(\w+)\}", statement) for _, statement in STATEMENTS]
    truth = draw.choices(range(len(STATEMENTS)), weights=[weight for weight, _ in STATEMENTS], k=count)
    written = ["".join(part if i % 2 == 0 else slots[part]() for i, part in enumerate(parts[n])) for n in truth]
    return written, truth


def hard_stream(seed: int) -> tuple[list[str], list[int], dict[str, float]]:
    """A stream at the tree's edges (few words, its own marks among them, full nodes, repeats), with the tree's settings."""
    draw = random.Random(seed)
    settings = {
        "similar": draw.choice((0.3, 0.4, 0.5, 0.7)),
        "depth": draw.choice((3, 4, 5, 6)),
        "children": draw.choice((2, 3, 4, 100)),
    }
    vocabulary = ["a", "b", "c", "7", "x9", "<num>", "<*>", "d", "e", "f"][: draw.choice((3, 5, 10))]
    texts = [" ".join(draw.choices(vocabulary, k=draw.randrange(6))) for _ in range(draw.randrange(1, 12))]
    return texts, [draw.randrange(len(texts)) for _ in range(40)], settings


def accuracy(truth: list[int], groups: list[int]) -> float:
    """Grouping accuracy: the share of messages whose group holds exactly the messages of their statement.

    >>> accuracy([1, 1, 2, 2, 3], [7, 7, 8, 9, 4])
    0.6
    """
    sizes: dict[tuple[int, int], int] = {}
    whole: dict[int, int] = {}
    group: dict[int, int] = {}
    for t, g in zip(truth, groups, strict=True):
        sizes[t, g] = sizes.get((t, g), 0) + 1
        whole[t] = whole.get(t, 0) + 1
        group[g] = group.get(g, 0) + 1
    right = sum(size for (t, g), size in sizes.items() if size == whole[t] == group[g])
    return right / len(truth)
