"""The shipped reader role, on a real API server: what it can read, and that it can change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml

from tests.testbed.api import Answer, Api
from tests.testbed.control_plane import Cluster
from tests.testbed.supervisor import RBAC

MUTATING = ("create", "update", "patch", "delete", "deletecollection")
# They answer "who am I, and what may I do" and store nothing; every authenticated user may ask.
QUESTIONS_ABOUT_ONESELF = {
    ("create", "selfsubjectreviews.authentication.k8s.io"),
    ("create", "selfsubjectaccessreviews.authorization.k8s.io"),
    ("create", "selfsubjectrulesreviews.authorization.k8s.io"),
}
# Extensions that the testbed is without.
NOT_INSTALLED = tuple(
    f".{group}"
    for group in (
        "gateway.networking.k8s.io",
        "operators.coreos.com",
        "olm.operatorframework.io",
        "cilium.io",
        "karpenter.sh",
    )
)
CONNECTING = ("exec", "attach", "portforward", "proxy")


@dataclass(frozen=True)
class Resource:
    group: str
    version: str
    name: str  # `pods`, or `pods/exec`
    namespaced: bool
    verbs: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name

    def path(self, verb: str) -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = "/namespaces/go-coffee" if self.namespaced and self.name != "namespaces" else ""
        parent, _, sub = self.name.partition("/")
        if sub:
            return f"{root}{scope}/{parent}/redis-0/{sub}"
        collection = verb in ("create", "deletecollection", "list")
        return f"{root}{scope}/{parent}" + ("" if collection else "/redis-0")

    def send(self, api: Api, verb: str) -> Answer:
        method = {"create": "POST", "update": "PUT", "patch": "PATCH", "list": "GET", "get": "GET"}.get(verb, "DELETE")
        kind = "application/merge-patch+json" if verb == "patch" else "application/json"
        return api.request(method, self.path(verb), {} if method != "GET" else None, content_type=kind)


def discovered(api: Api) -> Iterator[Resource]:
    """Every resource and subresource of every group and version that the server serves."""
    places = [("", version) for version in api.get("/api")["versions"]]
    for group in api.get("/apis")["groups"]:
        places += [(group["name"], version["version"]) for version in group["versions"]]
    for group_name, version in places:
        root = f"/apis/{group_name}/{version}" if group_name else f"/api/{version}"
        for one in api.get(root)["resources"]:
            yield Resource(group_name, version, one["name"], one["namespaced"], tuple(one["verbs"]))


def permitted(api: Api, verbs: tuple[str, ...], resources: list[Resource]) -> set[tuple[str, str]]:
    """Which of the requests, all of them really sent, were not refused with 403."""
    found = set()
    for resource in resources:
        for verb in verbs:
            answer = resource.send(api, verb)
            if answer.status != 403 or answer.json()["reason"] != "Forbidden":
                found.add((verb, resource.title))
    return found


def granted_by_the_file() -> dict[str, set[str]]:
    role = next(one for one in yaml.safe_load_all(RBAC.read_text()) if one["kind"] == "ClusterRole")
    return {
        f"{resource}.{group}" if group else resource: set(rule["verbs"])
        for rule in role["rules"]
        for group in rule.get("apiGroups", ())
        for resource in rule["resources"]
    }


def test_the_file_grants_reading_verbs_only_and_no_wildcard() -> None:
    for resource, verbs in granted_by_the_file().items():
        assert verbs <= {"get", "list", "watch"}, resource
        assert "*" not in resource
        assert "/" not in resource or (resource, verbs) == ("pods/log", {"get"})
        assert resource.split(".")[0] != "secrets"
    assert granted_by_the_file()["configmaps"] == {"list"}


def test_the_one_path_that_the_file_grants_is_that_of_metrics(cluster: Cluster) -> None:
    role = next(one for one in yaml.safe_load_all(RBAC.read_text()) if one["kind"] == "ClusterRole")
    granted = [(rule["nonResourceURLs"], rule["verbs"]) for rule in role["rules"] if "nonResourceURLs" in rule]
    assert granted == [(["/metrics"], ["get"])]
    asked = ("/metrics", "/metrics/slis", "/logs", "/debug/pprof/", "/configz", "/flagz", "/statusz")
    assert [path for path in asked if cluster.api("reader").request("GET", path).status != 403] == ["/metrics"]
    assert cluster.api("nobody").request("GET", "/metrics").status == 403


def test_the_reader_lists_exactly_what_the_file_grants(cluster: Cluster) -> None:
    resources = [one for one in discovered(cluster.api("admin")) if "list" in one.verbs]
    readable = {title for _, title in permitted(cluster.api("reader"), ("list",), resources)}
    granted = {title for title, verbs in granted_by_the_file().items() if "list" in verbs}
    assert readable == {title for title in granted if not title.endswith(NOT_INSTALLED)}
    for resource in resources:
        if resource.title in readable:
            assert resource.send(cluster.api("reader"), "list").status == 200, resource


def test_the_add_on_for_secrets_grants_their_list_alone() -> None:
    documents = list(yaml.safe_load_all((RBAC.parent / "rbac-secrets.yaml").read_text()))
    assert [one["rules"] for one in documents if one["kind"] == "ClusterRole"] == [
        [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]
    ]


def test_every_mutating_verb_on_every_resource_is_refused_to_the_reader(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    resources = list(discovered(cluster.api("admin")))
    names = {one.title for one in resources}
    assert {"pods/exec", "pods/eviction", "deployments/scale.apps", "nodes/status", "secrets"} <= names
    assert permitted(cluster.api("reader"), MUTATING, resources) == QUESTIONS_ABOUT_ONESELF
    sent = len(resources) * len(MUTATING)
    with capsys.disabled():
        print(f"\n{len(resources)} resources: {sent - len(QUESTIONS_ABOUT_ONESELF)} of {sent} requests refused")


def test_the_reader_cannot_connect_to_pods_nodes_or_services(cluster: Cluster) -> None:
    connecting = [one for one in discovered(cluster.api("admin")) if one.name.split("/")[-1] in CONNECTING]
    assert len(connecting) >= 6
    assert permitted(cluster.api("reader"), ("get",), connecting) == set()


def test_the_reader_cannot_act_as_somebody_else(cluster: Cluster) -> None:
    done = cluster.kubectl_run("get", "secrets", "-A", "--as=admin", "--as-group=system:masters", user="reader")
    assert done.returncode != 0
    assert "cannot impersonate" in done.stderr


def test_nobody_can_read_nothing(cluster: Cluster) -> None:
    resources = [one for one in discovered(cluster.api("admin")) if "list" in one.verbs]
    assert len(resources) > 40
    assert permitted(cluster.api("nobody"), ("list",), resources) == set()


def test_a_grant_too_many_would_be_found(bare_cluster: Cluster) -> None:
    """The matrix above is able to fail: with one more binding it names what became possible."""
    account = "--serviceaccount=gocoffee-ops:gocoffee-ops-reader"
    bare_cluster.kubectl("create", "clusterrolebinding", "too-much", "--clusterrole=edit", account)
    resources = [one for one in discovered(bare_cluster.api("admin")) if not one.group]
    reader = bare_cluster.api("reader")
    found = permitted(reader, MUTATING, resources)
    assert {("create", "pods/exec"), ("create", "configmaps"), ("deletecollection", "pods")} <= found
    assert ("create", "nodes") not in found
