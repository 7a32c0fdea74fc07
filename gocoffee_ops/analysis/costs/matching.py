"""Which line a row of the bill belongs to: by its category, else by the object of a cluster that has its id.

Every row gets one line. What no rule claims is residual, with the reason.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gocoffee_ops.analysis.costs.owners import label
from gocoffee_ops.analysis.costs.resource_kinds import BALANCER, COMPUTE, DISK, ObjectKind, Row, resource_kinds
from gocoffee_ops.analysis.costs.schemas import (
    CONTROL_PLANE,
    CORRECTION,
    CREDIT,
    LOAD_BALANCER,
    NETWORK,
    OUTSIDE,
    PURCHASE,
    RESIDUAL,
    STORAGE,
    SYSTEM,
    TAX,
    UNKNOWN,
    UNMOUNTED,
    UNUSED_COMMITMENT,
    USED,
)

# How providers mark what a cluster made for itself.
CLUSTER_TAGS = re.compile(
    r"(aws:)?eks:cluster-name|kubernetes\.io/cluster/.+|k8s\.io/cluster-name|goog-k8s-cluster-name"
    r"|aks-managed-cluster-name|KubernetesCluster",
    re.IGNORECASE,
)
CLUSTER_ID = re.compile(r"[:/](managed)?clusters?/[^/:]+/?$", re.IGNORECASE)  # of an ARN, of a path of Google or Azure
OF_USERS = "user:"  # stands before tags in some exports
CLAIM_TAGS = ("kubernetes.io/created-for/pvc/name", "kubernetes.io-created-for-pvc-name")
SERVICE_TAGS = ("kubernetes.io/service-name", "k8s-azure-service")  # of AWS, and of a public IP of Azure
KUBERNETES = re.compile(r"kubernetes|\bEKS\b|\bAKS\b|\bGKE\b", re.IGNORECASE)
SERVERLESS = re.compile(r"cpu|[gm]i?b\b|fargate|autopilot", re.IGNORECASE)
# How providers name a pod that they bill by itself: an id of EKS, tags of EKS and of GKE.
POD = re.compile(r":pod/[^/]+/(?P<namespace>[^/]+)/(?P<pod>[^/]+)(?:/(?P<uid>[^/]+))?$")
NAMESPACE_TAGS = ("aws:eks:namespace", "k8s-namespace")
WORKLOAD_TAGS = ("aws:eks:workload-name", "k8s-workload-name")
WORKLOAD_TYPE_TAGS = ("aws:eks:workload-type", "k8s-workload-type")
TRAFFIC = re.compile(r"data ?transfer|bandwidth|\bvpc\b|virtual network|\bnat\b|networking", re.IGNORECASE)
BYTES = re.compile(r"(byte|bytes|[KMGT]i?B)", re.IGNORECASE)  # GB-Month is none: it has a time
NOT_READ = "a cluster was not read, and it may be of that one"
SAME_ID = "two objects have this id: {} and {}"
REQUESTS = re.compile(r"requests?|operations?|i/?os?|transactions?", re.IGNORECASE)
GOOGLE_NODE = re.compile(r"gce://([^/]+)/([^/]+)/([^/]+)")
SCALE_SET = re.compile(r"/virtualmachinescalesets/[^/]+$")
MEMBER = re.compile(r"/virtualmachinescalesets/[^/]+/virtualmachines/[^/]+$")
# Services that bill an instance once more, beside the one that rents it out.
BESIDE = re.compile(
    r"licen[cs]e|defender|security|inspector|guardduty|monitor|watch|\blogs?\b|systems manager|backup", re.IGNORECASE
)
OF_A_NODE = "a disk of a node"

BY_CATEGORY = {"Tax": TAX, "Credit": CREDIT, "Purchase": PURCHASE, "Adjustment": CORRECTION}


@dataclass(frozen=True)
class Thing:
    """An object of a cluster that a bill can name."""

    kind: ObjectKind
    row: Row


@dataclass(frozen=True)
class Claim:
    """The line that a row of the bill belongs to. A node's or a pod's row belongs to what ran: `line` is `used`, and is split.

    `rivals` are the objects of which it is for one, and not known for which.
    """

    line: str
    things: tuple[Thing, ...] = ()
    why: str | None = None
    rivals: tuple[Thing, ...] = ()


def tail(identity: str) -> str:
    """The last part of an id: what is left of an ARN, a provider id, a path.

    >>> tail("aws:///eu-central-1a/i-0abc"), tail("arn:aws:ec2:eu-central-1:1:volume/vol-0DEF")
    ('i-0abc', 'vol-0def')
    """
    return re.split(r"[/:]", identity.lower().rstrip("/"))[-1]


def _path(identity: str) -> str:
    """A path of Azure or Google without what stands before it, in lower case; empty for an id that is none.

    >>> _path("azure:///subscriptions/S/x/virtualMachines/0"), _path("i-0abc")
    ('subscriptions/s/x/virtualmachines/0', '')
    >>> _path("gce://shop/europe-west3-a/general-1")
    'projects/shop/zones/europe-west3-a/instances/general-1'
    """
    lower = identity.lower().rstrip("/")
    if instance := GOOGLE_NODE.fullmatch(lower):
        return "projects/{}/zones/{}/instances/{}".format(*instance.groups())
    found = re.search(r"(?:^|/)((?:subscriptions|projects)/.*)", lower)
    return found[1] if found else ""


def _apart(path: str, other: str) -> bool:
    """Whether two paths are of two projects or subscriptions. A project's number may be any project's; no path is of none.

    >>> _apart("projects/shop/zones/z/instances/n1", "projects/till/zones/z/instances/n1")
    True
    >>> [_apart("projects/shop/zones/z/instances/n1", one) for one in ("", "projects/8421/zones/z/instances/77", "projects/shop")]
    [False, False, False]
    """
    (kind, one), (other_kind, another) = (f"{each}//".split("/")[:2] for each in (path, other))
    numbered = kind == "projects" and (one.isdigit() or another.isdigit())
    return bool(one) and kind == other_kind and one != another and not numbered


def _balancer_keys(balancer: Row) -> Iterator[str]:
    """What a bill may call a load balancer: after its Service's uid, or an address whole, its first label, that without its end."""
    if balancer["service_uid"]:  # so Kubernetes names it, where the provider does not
        yield f"a{balancer['service_uid'].lower().replace('-', '')}"[:32]
    for address in balancer["addresses"] or ():
        yield address.lower()
        first = address.lower().partition(".")[0]
        if not first.isdigit():
            yield first
            if "-" in first:
                yield first.rpartition("-")[0]


class Things:
    """The objects of the clusters, found by what a bill calls them. An id that two of them could have finds neither."""

    def __init__(
        self, nodes: Iterable[Row], volumes: Iterable[Row], load_balancers: Iterable[Row], *, unread: bool = False
    ) -> None:
        self.unread = unread  # whether a cluster was not read: what finds no object may be one of it
        self._exact: defaultdict[str, list[Thing]] = defaultdict(list)
        self._short: defaultdict[str, list[Thing]] = defaultdict(list)
        self._members: list[tuple[str, Thing]] = []
        self._with_disks: defaultdict[str, list[Thing]] = defaultdict(
            list
        )  # nodes, by what their disks are named after
        self._services: defaultdict[str, list[Thing]] = defaultdict(list)
        for node in nodes:
            self._learn(Thing("node", node), node["provider_id"])
        for volume in volumes:
            self._learn(Thing("volume", volume), volume["volume_handle"])
        for balancer in load_balancers:
            thing = Thing("load balancer", balancer)
            self._services[f"{balancer['namespace']}/{balancer['service']}"].append(thing)
            for key in set(_balancer_keys(balancer)):
                self._short[key].append(thing)

    def _learn(self, thing: Thing, identity: str | None) -> None:
        if not identity:
            return
        path = _path(identity)
        for key in {identity.lower(), path} - {""}:
            self._exact[key].append(thing)
        if path and thing.kind == "node":
            self._members.append((path, thing))
        if not MEMBER.search(path):  # a member's last part is its number
            self._short[tail(identity)].append(thing)
        if path and thing.kind == "node":
            scale_set = path.split("/")[-3] if MEMBER.search(path) else tail(identity)
            for name in {scale_set, thing.row["node"].lower()}:
                self._with_disks[name].append(thing)

    def find(self, charge: Row) -> tuple[Thing, ...]:
        """What a row of the bill is for: one object, the nodes of one scale set, or nothing."""
        named = self._named(charge)
        if named:
            return named if len(named) == 1 else ()
        path = _path(charge["resource_id"] or "")
        if not SCALE_SET.search(
            path
        ):  # a project, a subscription, a group or a zone holds more than the nodes that were read
            return ()
        return tuple(thing for one, thing in self._members if one.startswith(f"{path}/virtualmachines/"))

    def rivals(self, charge: Row) -> tuple[Thing, ...]:
        """The objects of which a row of the bill names one, and not which; nothing where it names one alone, or none."""
        named = self._named(charge)
        return named if len(named) > 1 else ()

    def disk_of(self, charge: Row) -> tuple[Thing, ...]:
        """The nodes after which a row's disk is named: Google calls it as the instance, Azure puts more behind an underscore."""
        if "volume" not in resource_kinds(charge):
            return ()
        path = _path(charge["resource_id"] or "")
        for name in filter(None, (tail(charge["resource_id"] or ""), (charge["resource_name"] or "").lower())):
            owners = (name[:end] for end in (len(name), *(at.start() for at in re.finditer("_", name))))
            found = [thing for owner in owners for thing in self._with_disks.get(owner, ())]
            if own := _of_account(charge, [thing for thing in found if not _apart(path, _lies(thing))]):
                return tuple(own)
        return ()

    def _named(self, charge: Row) -> tuple[Thing, ...]:
        """By a whole path; else by a name, of those things alone that are of a kind of which the row can be."""
        identity, kinds = charge["resource_id"] or "", resource_kinds(charge)
        path = _path(identity)
        short = [*self._shortened(identity), self._short.get((charge["resource_name"] or "").lower())]
        if path or re.search("[/:.]", identity):
            keys = [self._exact.get(identity.lower()), self._exact.get(path)]
        else:
            keys, short = [], [self._exact.get(identity.lower()), *short]
        for found in short:
            alike = [one for one in found or () if one.kind in kinds and not _apart(path, _lies(one))]
            keys.append(_of_account(charge, alike))
        served = (first_tag(charge, SERVICE_TAGS) or "").split(",")  # Services of Azure may share an address
        keys.append([thing for name in served for thing in self._services.get(name.strip(), ())])
        return tuple(next(filter(None, keys), ()))

    def _shortened(self, identity: str) -> Iterator[list[Thing] | None]:
        if not identity:
            return
        _, _, balancer = identity.lower().partition("loadbalancer/")
        if balancer:  # net/NAME/HASH of an ARN is NAME-HASH in the address
            yield self._short.get("-".join(balancer.split("/")[1:]))
        yield self._short.get(tail(identity))


def _lies(thing: Thing) -> str:
    """The path of a thing that has one, else ""."""
    return _path(thing.row.get("provider_id") or thing.row.get("volume_handle") or "")


def _of_account(charge: Row, things: list[Thing]) -> list[Thing]:
    """Of things of one name those of the charge's own project or subscription; all of them where none is known to be."""
    account = tail(charge["account"] or "")  # Azure's is a path: /subscriptions/ID
    own = [thing for thing in things if _lies(thing).split("/")[1:2] == [account]]
    return own or things


def called(thing: Thing) -> str:
    """A thing for people: its kind, its cluster and its name there.

    >>> called(Thing("load balancer", {"cluster": "eu", "namespace": "shop", "service": "web"}))
    'load balancer eu/shop/web'
    """
    row = thing.row
    name = f"{row['namespace']}/{row['service']}" if thing.kind == "load balancer" else row[thing.kind]
    return f"{thing.kind} {row['cluster']}/{name}"


def claim(charge: Row, things: Things) -> Claim:
    """The line of one row of the bill.

    >>> charge = {"charge_class": "", "charge_category": "Tax", "commitment": "", "resource_id": None, "service": "Tax"}
    >>> claim(charge, Things([], [], [])).line
    'tax'
    """
    if charge["charge_class"] == "Correction":
        return Claim(CORRECTION)
    if charge["charge_category"] in BY_CATEGORY:
        return Claim(BY_CATEGORY[charge["charge_category"]])
    if charge["charge_category"] != "Usage":
        return Claim(RESIDUAL, why=f"its category {charge['charge_category']!r} is not known")
    if charge["commitment"] == "Unused":
        return Claim(UNUSED_COMMITMENT)
    found = things.find(charge) or _billed_pods(charge)
    return _of_things(charge, found) if found else _of_nothing_sure(charge, things)


def _of_nothing_sure(charge: Row, things: Things) -> Claim:
    """What a row is for that names no single object of a cluster that was read."""
    if rivals := things.rivals(charge):
        return Claim(UNKNOWN, why=SAME_ID.format(*map(called, rivals[:2])), rivals=rivals)
    if owners := things.disk_of(charge):
        return Claim(SYSTEM, owners, OF_A_NODE)
    of_none = _of_none(charge)
    doubtful = things.unread and may_be_of_cluster(charge) and of_none.line != CONTROL_PLANE
    return Claim(UNKNOWN, why=NOT_READ) if doubtful else of_none


def may_be_of_cluster(charge: Row) -> bool:
    """Whether a row may be for an object of a cluster, by its id or its tags: an instance, a disk, a load balancer.

    >>> [may_be_of_cluster({"resource_id": name, "tags": ()}) for name in ("i-0abc", "vol-1", "loadbalancer/net/a/1", "db-1", None)]
    [True, True, True, False, False]
    """
    identity = charge["resource_id"] or ""
    if _compute(charge) or DISK.search(identity) or BALANCER.search(identity):
        return True
    return _of_cluster(charge) or first_tag(charge, (*CLAIM_TAGS, *SERVICE_TAGS)) is not None


def pays_for(charge: Row, claim: Claim) -> bool:
    """Whether a row is what its objects cost. Traffic and disks of an instance, what watches it, and requests are paid beside them.

    >>> disk = Claim(STORAGE)
    >>> row = {"service": "EBS", "pricing_unit": None}
    >>> [pays_for(row | {"usage_unit": unit}, disk) for unit in ("GB-Month", "10K Operations", None)]
    [True, False, True]
    >>> of = ("Virtual Machines", "Virtual Machines Licenses", "Microsoft Defender for Cloud", "AmazonCloudWatch")
    >>> [pays_for(row | {"service": service, "usage_unit": "Hours"}, Claim(USED)) for service in of]
    [True, False, False, False]
    """
    units = re.split(r"[^a-z/]+", f"{charge['pricing_unit'] or charge['usage_unit'] or ''}".lower())
    asked = claim.line in (STORAGE, UNMOUNTED, USED) and any(REQUESTS.fullmatch(unit) for unit in units)
    beside = claim.line == USED and BESIDE.search(charge["service"])
    return claim.line not in (NETWORK, SYSTEM) and not asked and not beside


def _of_things(charge: Row, found: Sequence[Thing]) -> Claim:
    kind = found[0].kind
    if kind == "pod":
        return Claim(USED, tuple(found))
    if kind == "node":
        return Claim(NETWORK, tuple(found)) if _is_traffic(charge) else Claim(USED, tuple(found))
    if kind == "load balancer":
        return Claim(LOAD_BALANCER, tuple(found))
    return Claim(STORAGE if found[0].row["mounted_by"] else UNMOUNTED, tuple(found))


def first_tag(charge: Row, names: Iterable[str]) -> str | None:
    """The value of the first of some tags that a charge has.

    >>> first_tag({"tags": ("user:kubernetes.io/service-name=shop/web",)}, SERVICE_TAGS)
    'shop/web'
    """
    tags = [tag.removeprefix(OF_USERS) for tag in charge["tags"]]
    return next(filter(None, (label(tags, name) for name in names)), None)


def _of_none(charge: Row) -> Claim:
    identity = charge["resource_id"] or ""
    ours = _of_cluster(charge)
    if first_tag(charge, CLAIM_TAGS):
        return Claim(UNMOUNTED, why="made for a claim; no volume of a cluster that was read has its id")
    if KUBERNETES.search(charge["service"]):
        return _of_kubernetes(charge)
    if _is_traffic(charge):
        return Claim(NETWORK)
    if ours:
        gone = Claim(RESIDUAL, why="it bears a cluster's tag, and no object that was read has its id")
        return Claim(SYSTEM, why=OF_A_NODE) if DISK.search(identity) else gone
    if identity or charge["team"]:
        return Claim(OUTSIDE)
    return Claim(RESIDUAL, why="it names no resource and no team")


def _of_cluster(charge: Row) -> bool:
    return any(CLUSTER_TAGS.fullmatch(tag.partition("=")[0].removeprefix(OF_USERS)) for tag in charge["tags"])


def _of_kubernetes(charge: Row) -> Claim:
    """The fee of a control plane; or pods that are billed without a node, and that nothing tells apart."""
    if _is_serverless(charge):
        return Claim(RESIDUAL, why="pods that are billed without a node, and neither an id nor a tag says whose")
    return Claim(CONTROL_PLANE)


def _is_serverless(charge: Row) -> bool:
    """Whether a row is for pods that a provider bills by their cores and memory, without a node."""
    about = f"{charge['pricing_unit'] or charge['usage_unit'] or ''} {charge['resource_type'] or ''}"
    return bool(KUBERNETES.search(charge["service"]) and SERVERLESS.search(about))


def _billed_pods(charge: Row) -> tuple[Thing, ...]:
    """The pod that a row is for, or at least its workload or namespace; none where the row is of something else, or says neither.

    >>> charge = {"service": "Amazon EKS", "pricing_unit": "vCPU-Hours", "usage_unit": None, "resource_type": None, "tags": ()}
    >>> [thing.row["pod"] for thing in _billed_pods(charge | {"resource_id": "arn:aws:eks:eu-central-1:1:pod/prod/shop/web-1/u1"})]
    ['web-1']
    >>> tags = "k8s-namespace=shop", "k8s-workload-name=web", "k8s-workload-type=Deployment"
    >>> [thing.row["workload"] for thing in _billed_pods(charge | {"resource_id": None, "tags": tags})]
    ['deployment/web']
    """
    name, kind = first_tag(charge, WORKLOAD_TAGS), first_tag(charge, WORKLOAD_TYPE_TAGS)
    workload = f"{kind.rpartition('/')[2].lower()}/{name}" if name and kind else None
    found = POD.search(charge["resource_id"] or "")
    namespace = found["namespace"] if found else first_tag(charge, NAMESPACE_TAGS)
    if not namespace or not (found or _is_serverless(charge)):
        return ()
    pod, uid = (found["pod"], found["uid"]) if found else (None, None)
    # Which of our clusters it is, a bill does not say: it has a name of its own there.
    return (Thing("pod", {"cluster": None, "namespace": namespace, "workload": workload, "pod": pod, "pod_uid": uid}),)


def _is_traffic(charge: Row) -> bool:
    """Whether a row is for traffic: by its service, or by bytes that are not kept."""
    if TRAFFIC.search(f"{charge['service']} {charge['resource_type'] or ''}"):
        return True
    unit = charge["usage_unit"] or charge["pricing_unit"] or ""
    return bool(BYTES.fullmatch(unit)) and not (charge["resource_id"] and not _compute(charge))


def _compute(charge: Row) -> bool:
    return bool(COMPUTE.search(charge["resource_id"] or ""))
