"""The demo's database: a real PostgreSQL server with the go-coffee shop's tables, a real workload and planted faults.

    with demo.lease() as database:
        print(database.dsn)

It runs while somebody holds a lease and stops by itself afterwards. Its data are made once and kept.
"""

from gocoffee_ops.demo.lease import DemoStatus, Lease, lease, start, status, stop

__all__ = ["DemoStatus", "Lease", "lease", "start", "status", "stop"]
