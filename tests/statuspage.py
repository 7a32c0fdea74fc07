"""What a provider's Statuspage answers at `/api/v2/summary.json`."""

from __future__ import annotations

from typing import Any

PAGE = "/api/v2/summary.json"


def summary(indicator: str, *, degraded: str = "") -> dict[str, Any]:
    """A summary in the documented form; `degraded` is the status of one of its components."""
    since = "2026-11-23T01:00:00.123Z"
    component = {"id": "c1", "page_id": "p1", "position": 1, "group_id": None, "description": None, "created_at": since}
    incident = {"id": "i1", "name": "Slow answers", "status": "investigating", "impact": "major", "created_at": since}
    return {
        "page": {
            "id": "p1",
            "name": "A provider",
            "url": "https://status.example.com",
            "updated_at": "2026-11-23T02:00:00Z",
        },
        "status": {"indicator": indicator, "description": "What the page says"},
        "components": [
            {**component, "name": "Website", "status": "operational", "group": False},
            {**component, "name": "API", "status": degraded or "operational", "group": False},
            {**component, "name": "All", "status": degraded or "operational", "group": True, "components": ["c1"]},
        ],
        "incidents": [{**incident, "incident_updates": [], "shortlink": "https://stspg.io/x"}] if degraded else [],
        "scheduled_maintenances": [],
    }
