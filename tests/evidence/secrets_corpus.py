"""Planted secrets: texts as systems write them, each with the part that must never be seen. None of them is real."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """One text and the secret in it; `sql` texts stand in columns of statements."""

    name: str
    text: str
    secret: str
    sql: bool = False
    keeps: str = ""  # what a reader must still see


def _glue(*parts: str) -> str:
    """Formats of real providers in parts, so that no scanner takes this file for a leak."""
    return "".join(parts)


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


JWT = _glue("eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ", ".eyJzdWIiOiJwbGFudGVkIn0.", "c2lnbmF0dXJlLXBsYW50ZWQ")
PEM_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDplanted"
PEM = _glue("-----BEGIN PRIVATE", f" KEY-----\n{PEM_BODY}\n-----END PRIVATE", " KEY-----\n")
STRIPE = _glue("sk_", "live_", "51HplantedStripeKey0123456789")
SLACK = _glue("xox", "b-", "123456789012-plantedSlackToken")
GITHUB = _glue("gh", "p_", "plantedGithubToken0123456789abcdefghij")
AWS_ID = _glue("AKI", "A", "PLANTEDKEYID1234")
MANIFEST = json.dumps(
    {"apiVersion": "v1", "data": {"tls.crt": "Y2VydA==", "blob": "cGxhbnRlZC1tYW5pZmVzdA=="}, "kind": "Secret"}
)

CORPUS: tuple[Planted, ...] = (
    # URLs and DSNs
    Planted(
        "postgres url",
        "connect to postgresql://coffee:pl4nted-01@db.prod:5432/coffee failed",
        "pl4nted-01",
        keeps="db.prod:5432",
    ),
    Planted("url with @ in the password", "redis://:pl4n@ted-02@cache:6379/0", "ted-02", keeps="cache:6379"),
    Planted("url with / in the password", "amqp://app:pl4n/ted-03@mq:5672/", "ted-03", keeps="mq:5672"),
    Planted("mongo replica set", "mongodb+srv://app:pl4nted-04@a.b,c.d/x?retryWrites=true", "pl4nted-04"),
    Planted(
        "query password",
        "jdbc:postgresql://db/coffee?user=app&password=pl4nted-05&ssl=true",
        "pl4nted-05",
        keeps="ssl=true",
    ),
    Planted("dsn of Go", "dsn=user:pl4nted-60@tcp(db:3306)/x", "pl4nted-60", keeps="user:"),
    Planted(
        "dsn of Go with signs", '{"dsn":"user:pl4:n@/ted-61@unix(/run/db.sock)/x"}', "ted-61", keeps='{"dsn":"user:'
    ),
    Planted("dsn of Go without a user", "dsn=:pl4nted-62@tcp(db:3306)/x", "pl4nted-62", keeps="@tcp(db:3306)/x"),
    Planted("sentence", 'failed for user "admin" with password "pl4nted-63" at db', "pl4nted-63", keeps='" at db'),
    Planted("sentence in json", '{"msg":"user a with password \\"pl4nted 64\\" at db"}', "pl4nted 64", keeps="at db"),
    Planted("query sslpassword", "postgresql://db/coffee?sslpassword=pl4nted-06", "pl4nted-06"),
    Planted("token in a query", "GET /v1/items?access_token=pl4nted07&page=2 200", "pl4nted07", keeps="page=2"),
    Planted(
        "signed url", "https://b.s3.amazonaws.com/k?X-Amz-Signature=pl4nted08abcdef&X-Amz-Date=2", "pl4nted08abcdef"
    ),
    Planted("keyword dsn", "host=db user=app password='pl4nted 09' dbname=coffee", "pl4nted 09", keeps="dbname=coffee"),
    Planted(
        "token as a url's user",
        f"git clone https://{'pl4nted10' * 4}@git.example.com/x.git",
        "pl4nted10pl4nted10",
        keeps="git.example.com",
    ),
    # headers
    Planted("bearer header", "Authorization: Bearer pl4nted-11", "pl4nted-11", keeps="Authorization"),
    Planted("basic header", f"authorization: Basic {_b64('app:pl4nted-12')}", _b64("app:pl4nted-12")),
    Planted(
        "basic without header",
        f"sent Basic {_b64('app:pl4nted-13')} to upstream",
        _b64("app:pl4nted-13"),
        keeps="to upstream",
    ),
    Planted("api key header", "X-Api-Key: pl4nted-14", "pl4nted-14"),
    Planted("header in python", "{'Authorization': 'token pl4nted-15', 'Accept': '*/*'}", "pl4nted-15", keeps="Accept"),
    Planted("session cookie", "Set-Cookie: sid=pl4nted-16; HttpOnly", "pl4nted-16"),
    # formats
    Planted("json web token", f"token was {JWT}, rejected", JWT, keeps="rejected"),
    Planted("aws key id", f"credentials of {AWS_ID} expired", AWS_ID, keeps="expired"),
    Planted("aws secret", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/pl4nted19", "pl4nted19"),
    Planted("aws secret in yaml", "aws_secret_access_key: wJalrXUtnFEMI/K7MDENG/pl4nted20", "pl4nted20"),
    Planted(
        "service account",
        json.dumps({"type": "service_account", "private_key": PEM}),
        PEM_BODY,
        keeps="service_account",
    ),
    Planted("pem", f"loaded {PEM} from disk", PEM_BODY, keeps="from disk"),
    Planted("pem on one line", PEM.replace("\n", "\\n"), PEM_BODY),
    Planted("github token", f"remote: {GITHUB}", GITHUB),
    Planted("gitlab token", _glue("using gl", "pat-plantedGitlabToken12"), "plantedGitlabToken12"),
    Planted("slack token", f"slack: {SLACK}", SLACK),
    Planted(
        "slack webhook",
        _glue("POST https://hooks.slack", ".com/services/T000/B000/pl4nted27 200"),
        "pl4nted27",
        keeps="200",
    ),
    Planted("stripe key", f"charge with {STRIPE}", STRIPE),
    Planted("google key", _glue("key AI", "zaSyPlantedGoogleKey0123456789abcdefghi"), "PlantedGoogleKey"),
    Planted("scram verifier", "rolpassword SCRAM-SHA-256$4096:c2FsdA==$pl4ntedStored30=:c2VydmVy=", "pl4ntedStored30"),
    # keys and values
    Planted("env", "API_KEY=pl4nted-31", "pl4nted-31", keeps="API_KEY"),
    Planted("env with quotes inside", "DB_PASSWORD=pl4n'ted-32", "ted-32"),
    Planted("env in a pod", '{"name":"REDIS_PASSWORD","value":"pl4nted-33"}', "pl4nted-33", keeps="REDIS_PASSWORD"),
    Planted(
        "env in yaml",
        "- name: JWT_SECRET\n  value: pl4nted-34\n- name: PORT\n  value: '80'",
        "pl4nted-34",
        keeps="'80'",
    ),
    Planted("json", '{"user":"app","password":"pl4n\\"ted-35","port":1}', "ted-35", keeps='"port":1'),
    Planted("json in json", json.dumps({"a": json.dumps({"client_secret": "pl4nted-36", "z": 1})}), "pl4nted-36"),
    Planted("yaml", "passphrase: pl4nted-37", "pl4nted-37"),
    Planted("block of yaml", "password: |\n  pl4nted-38\nport: 1", "pl4nted-38", keeps="port: 1"),
    Planted(
        "last applied",
        json.dumps({"kubectl.kubernetes.io/last-applied-configuration": MANIFEST}),
        "cGxhbnRlZC1tYW5pZmVzdA==",
    ),
    Planted(
        "secret in yaml",
        "kind: Secret\ndata:\n  odd: cGw0bnRlZC00MA==\ntype: Opaque",
        "cGw0bnRlZC00MA==",
        keeps="Opaque",
    ),
    Planted("kubeconfig", f"client-key-data: {_b64(PEM)}", _b64(PEM)[:40]),
    Planted("docker config", '{"auths":{"r":{"auth":"cGw0bnRlZC00Mg=="}}}', "cGw0bnRlZC00Mg=="),
    Planted(
        "base64 of a url",
        f"config: {_b64('postgres://app:pl4nted-43@db/coffee')}",
        _b64("postgres://app:pl4nted-43@db/coffee"),
    ),
    Planted("command line", "/app --db-password pl4nted-44 --port 80", "pl4nted-44", keeps="--port 80"),
    Planted("curl", "curl -u app:pl4nted-45 https://x", "pl4nted-45", keeps="https://x"),
    # statements
    Planted("alter role", "ALTER ROLE app PASSWORD 'pl4nted-46'", "pl4nted-46", sql=True, keeps="ALTER ROLE app"),
    Planted(
        "escape string",
        r"ALTER USER app WITH PASSWORD E'it\'s pl4nted-47' VALID UNTIL 'x'",
        "pl4nted-47",
        sql=True,
        keeps="VALID",
    ),
    Planted("dollar quotes", "CREATE USER app PASSWORD $pw$pl4nted-48$pw$", "pl4nted-48", sql=True),
    Planted("unicode string", "ALTER ROLE app PASSWORD U&'pl4nted-49'", "pl4nted-49", sql=True),
    Planted("identified by", "CREATE USER app IDENTIFIED BY 'pl4nted-50'", "pl4nted-50", sql=True),
    Planted(
        "cut in a literal",
        "SELECT 1 FROM t WHERE password = 'pl4nted-51",
        "pl4nted-51",
        sql=True,
        keeps="SELECT 1 FROM t",
    ),
    Planted(
        "comment",
        "SELECT 1 /* app:pl4nted-52 /* nested */ pl4nted-52 */ -- pl4nted-52\nFROM t",
        "pl4nted-52",
        sql=True,
        keeps="FROM t",
    ),
    Planted("set", "SET app.jwt_token = pl4nted_53", "pl4nted_53", sql=True),
    Planted(
        "user mapping",
        "CREATE USER MAPPING FOR a SERVER b OPTIONS (user 'u', password 'pl4nted-54')",
        "pl4nted-54",
        sql=True,
    ),
)

# Values that are known as secret (a DSN's password, a token), in texts where nothing else shows what they are.
KNOWN = "kn0wn \"pl4nted/é'+&="

ORDINARY: tuple[str, ...] = (
    "coffee-service-5d4f8c7b9-x2x7k",
    "registry.example.com/go-coffee/orders@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "d3b07384-d9a0-4c9b-8f3e-0c1f4a1b2c3d",
    "-3416356442043621232",
    "8843d7f92416211de9ebb963ff4ce28125932878",
    "MemoryPressure=True",
    "node.kubernetes.io/memory-pressure:NoSchedule",
    "topology.kubernetes.io/zone=europe-west1-b",
    "http://grafana.monitoring:3000/d/abc?orgId=1",
    "https://grafana.example.com/d/abc",
    "gke-prod-eu-default-pool-1a2b3c4d-w5x6",
    'Readiness probe failed: Get "http://10.1.2.3:8080/ready": context deadline exceeded',
    'MountVolume.SetUp failed for volume "kube-api-access-x2x7k" : secret "regcred" not found',
    "Error: couldn't find key DB_PASSWORD in Secret go-coffee/db",
    "Back-off restarting failed container app in pod orders-0_go-coffee(d3b07384-d9a0-4c9b-8f3e-0c1f4a1b2c3d)",
    '{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"key":"password","name":"db"}}}',
    'password authentication failed for user "gocoffee_reader"',
    'a login with password authentication failed, try "trust"',
    "connect: app@tcp(db:3306)/x refused at 12:30",
    "dial tcp: lookup db: app@tcp(db:3306)",
    "secretName: tls-coffee",
    "automountServiceAccountToken=false",
    "password_encryption=scram-sha-256",
    'cannot list resource "secrets" in API group "" at the cluster scope',
    "postgresql://reader@db.prod:5432/coffee",
    "host=db.prod port=5432 dbname=coffee",
    "arn:aws:iam::123456789012:role/eks-node",
    "sk-learn",
    "basic authentication is off",
    "Bearer authentication required",
    "keyboard: us",
    "2026-11-23T09:38:31.000000+00:00",
    "PostgreSQL 18.1 on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit",
    "PWD=/srv/app",
    "0123456789abcdef" * 4,
    'cluster.pods(namespace="go-coffee")@cluster/prod-eu#2',
)
ORDINARY_SQL: tuple[str, ...] = (
    "SELECT o.id, sum(i.price * $1) FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id > 10 GROUP BY 1",
    "UPDATE users SET password = $1, token = $2 WHERE id = $3",
    'SELECT "Password", "it\'s" FROM "my--table" WHERE a$b = 1',
    "CREATE INDEX orders_token_idx ON public.orders USING btree (token) WHERE (total > 100)",
)
