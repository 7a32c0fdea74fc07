"""What is decoded of the Operator Lifecycle Manager's resources, of its first API and of its second. See `shapes`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from gocoffee_ops.sources.kubernetes.pod_shapes import DatedCondition, LabelledMeta
from gocoffee_ops.sources.kubernetes.shapes import Shape

GROUP = "operators.coreos.com"
GROUP_OF_EXTENSIONS = "olm.operatorframework.io"


class Named(Shape):
    """A name alone."""

    name: str = ""


class Strategy(Shape):
    """The Deployments of which an operator is made."""

    deployments: list[Named] | None = None


class Install(Shape):
    """How an operator is installed."""

    spec: Strategy = msgspec.field(default_factory=Strategy)


class VersionSpec(Shape):
    """spec of a version of an operator."""

    install: Install = msgspec.field(default_factory=Install)


class Phase(Shape):
    """A phase that a version of an operator was in, and from when on."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class Phased(Phase):
    """status of a version of an operator: the phase that it is in, and the last twenty of them, oldest first."""

    conditions: list[Phase] | None = None


class ServiceVersion(Shape):
    """A version of an operator, as it is installed in a namespace."""

    metadata: LabelledMeta
    spec: VersionSpec = msgspec.field(default_factory=VersionSpec)
    status: Phased = msgspec.field(default_factory=Phased)


class SubscriptionSpec(Shape):
    """spec of a subscription."""

    package: str = msgspec.field(name="name", default="")
    source: str = ""
    source_namespace: str = ""
    install_plan_approval: str = "Automatic"


class SubscriptionStatus(Shape):
    """status of a subscription."""

    state: str = ""
    installed_version: str = msgspec.field(name="installedCSV", default="")
    current_version: str = msgspec.field(name="currentCSV", default="")
    install_plan_ref: Named = msgspec.field(default_factory=Named)
    conditions: list[DatedCondition] | None = None
    last_updated: datetime | None = None


class Subscription(Shape):
    """What keeps an operator up to date."""

    metadata: LabelledMeta
    spec: SubscriptionSpec = msgspec.field(default_factory=SubscriptionSpec)
    status: SubscriptionStatus = msgspec.field(default_factory=SubscriptionStatus)


class PlanSpec(Shape):
    """spec of an install plan."""

    approval: str = ""
    approved: bool = False
    versions: list[str] | None = msgspec.field(name="clusterServiceVersionNames", default=None)


class PlanStatus(Shape):
    """status of an install plan."""

    phase: str = ""
    message: str = ""
    start_time: datetime | None = None
    conditions: list[DatedCondition] | None = None


class InstallPlan(Shape):
    """What is to be installed together."""

    metadata: LabelledMeta
    spec: PlanSpec = msgspec.field(default_factory=PlanSpec)
    status: PlanStatus = msgspec.field(default_factory=PlanStatus)


class Connection(Shape):
    """The connection to a catalog."""

    last_observed_state: str = ""
    last_connect: datetime | None = None


class SourceStatus(Shape):
    """status of a source of catalogs."""

    reason: str = ""
    message: str = ""
    connection_state: Connection = msgspec.field(default_factory=Connection)


class CatalogSource(Shape):
    """A catalog, and whether it is reached."""

    metadata: LabelledMeta
    status: SourceStatus = msgspec.field(default_factory=SourceStatus)


class OperatorGroup(Shape):
    """For which namespaces the operators of its own are; that it is there is all we ask."""

    metadata: LabelledMeta


class ImageRef(Shape):
    """An image."""

    ref: str = ""


class ImageSource(Shape):
    """Where a catalog's contents are."""

    type: str = ""
    image: ImageRef | None = None


class CatalogSpec(Shape):
    """spec of a catalog."""

    source: ImageSource = msgspec.field(default_factory=ImageSource)
    availability_mode: str = "Available"


class CatalogStatus(Shape):
    """status of a catalog."""

    conditions: list[DatedCondition] | None = None
    resolved_source: ImageSource | None = None


class ClusterCatalog(Shape):
    """A catalog of the second API."""

    metadata: LabelledMeta
    spec: CatalogSpec = msgspec.field(default_factory=CatalogSpec)
    status: CatalogStatus = msgspec.field(default_factory=CatalogStatus)


class Package(Shape):
    """The package that an extension is installed from."""

    package_name: str = ""
    upgrade_constraint_policy: str = ""


class ExtensionSource(Shape):
    """Where an extension comes from."""

    source_type: str = ""
    catalog: Package | None = None


class ExtensionSpec(Shape):
    """spec of an extension."""

    source: ExtensionSource = msgspec.field(default_factory=ExtensionSource)


class ConditionsStatus(Shape):
    """status, by its conditions."""

    conditions: list[DatedCondition] | None = None


class ClusterExtension(Shape):
    """An operator of the second API."""

    metadata: LabelledMeta
    spec: ExtensionSpec = msgspec.field(default_factory=ExtensionSpec)
    status: ConditionsStatus = msgspec.field(default_factory=ConditionsStatus)
