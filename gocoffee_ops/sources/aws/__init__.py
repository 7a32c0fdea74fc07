"""AWS: the only importer of boto3 and botocore. `Bucket` is a shelf of bills in S3, `CostExplorer` asks the API of that name.

Who we are is boto3's to find out: environment, profiles, single sign-on, web identity, the machine's role.
"""

from __future__ import annotations

from gocoffee_ops.sources.aws.cost_explorer import Cost, CostExplorer, Period, Read
from gocoffee_ops.sources.aws.s3 import Bucket

__all__ = ["Bucket", "Cost", "CostExplorer", "Period", "Read"]
