"""What an Elasticsearch answers to the requests of a log store's reader: fields, a moment of time, pages of a search."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gocoffee_ops.sources.elasticsearch import Fields
from tests.http_server import Answer, Asked, says

MAPPED = Fields().names


class Elasticsearch:
    """Documents, and the requests of the contract; `wrong` replaces the answer to a search."""

    def __init__(self, documents: Iterable[dict[str, Any]]) -> None:
        self.documents = list(documents)
        self.mapped = set(MAPPED)
        self.indices = ["logs-2026.11"]
        self.moments: list[str] = []
        self.shards: dict[str, Any] = {"total": 2, "failed": 0}
        self.timed_out = False
        self.wrong: Answer | None = None

    def __call__(self, asked: Asked) -> Answer:
        body = json.loads(asked.body) if asked.body else {}
        if asked.path.endswith("/_field_caps"):
            fields = {name: {} for name in asked.query["fields"].split(",") if name in self.mapped}
            return says({"indices": self.indices, "fields": fields if self.indices else {}})
        if asked.path.endswith("/_pit") and asked.method == "POST":
            self.moments.append(f"moment-{len(self.moments)}")
            return says({"id": self.moments[-1]})
        if asked.path == "/_pit" and asked.method == "DELETE":
            self.moments.remove(body["id"])
            return says({"succeeded": True, "num_freed": 1})
        return self.wrong or says(self._search(body))

    def _search(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [(i, one) for i, one in enumerate(self.documents) if self._matches(one, body)]
        total = {"value": len(found), "relation": "eq"}
        if after := body.get("search_after"):
            found = [(i, one) for i, one in found if [one["@timestamp"], i] > after]
        hits = [
            {"sort": [one["@timestamp"], i], "fields": {name: [one[name]] for name in MAPPED if name in one}}
            for i, one in found[: body["size"]]
        ]
        answer = {"timed_out": self.timed_out, "_shards": self.shards, "hits": {"hits": hits}}
        if body.get("track_total_hits"):
            answer["hits"]["total"] = total  # type: ignore[index]
        if "pit" in body:
            assert body["pit"]["id"] in self.moments
            answer["pit_id"] = body["pit"]["id"]
        if "aggs" in body:
            times = [one["@timestamp"] for one in self.documents]
            answer["aggregations"] = {"min": {"value_as_string": min(times)}, "max": {"value_as_string": max(times)}}
        return answer

    @staticmethod
    def _matches(one: dict[str, Any], body: dict[str, Any]) -> bool:
        for part in body.get("query", {}).get("bool", {}).get("filter", ()):
            if "range" in part:
                window = part["range"]["@timestamp"]
                if not window["gte"] <= one["@timestamp"] < window["lt"]:
                    return False
            elif "match_phrase" in part:
                if any(one[name] != value for name, value in part["match_phrase"].items()):
                    return False
            elif "bool" in part and not any(_is_term(one, option["term"]) for option in part["bool"]["should"]):
                return False
        return True


def _is_term(one: dict[str, Any], term: dict[str, dict[str, Any]]) -> bool:
    """A keyword is one term: another case is another one, unless it is asked for without."""
    (name, asked), *_ = term.items()
    there, wanted = one[name], asked["value"]
    return bool(there.lower() == wanted.lower() if asked.get("case_insensitive") else there == wanted)
