"""What AWS asks for what stands there all month: list prices without discounts, in US dollars.

Of eu-west-1 in 2025, from general knowledge of AWS's price pages, not read from them: an estimate, to be checked with
AWS's calculator.
"""

from __future__ import annotations

HOURS = 730
"""Of a month, as AWS's calculator counts."""

MACHINES = {
    "t3.micro": 0.0114, "t3.small": 0.0228, "t3.medium": 0.0456, "t3.large": 0.0912,
}  # fmt: skip
"""An hour of an instance with Linux, by its type."""
CLUSTER = 0.10
"""An hour of an EKS cluster's control plane, while its version has standard support."""
ACU = 0.14
"""An hour of an Aurora capacity unit of Serverless v2."""
ATTACHMENT = 0.05
"""An hour of a VPC's attachment to a transit gateway."""
NAT_GATEWAY = 0.048
"""An hour of a NAT gateway."""
BALANCER = 0.0252
"""An hour of an Application Load Balancer, without its capacity units."""
PUBLIC_IPV4 = 0.005
"""An hour of a public IPv4 address."""
DISK_GB = 0.088
"""A month of a GB of gp3."""
MONITORING = 2.10
"""A month of a machine's detailed monitoring: seven metrics."""
KEY = 1.00
"""A month of a KMS key; a rotated one costs more in its first two years."""
SECRET = 0.40
"""A month of a secret."""
ALARM = 0.10
"""A month of an alarm on one metric of standard resolution."""
