"""The database: Aurora MySQL Serverless v2, a writer and a reader in two zones, and the accounts that use it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Config, DbAccess
from voice_cdk.kubernetes.naming import DATABASE_HOST, OPERATOR_SECRET, OWNER_SECRET, PORTAL_SECRET
from voice_cdk.stacks.alarms import Alarms, Metric, Silence, add_alarm, too_much
from voice_cdk.stacks.groups import Group, Ports, Rule
from voice_cdk.stacks.network import Network
from voice_cdk.stacks.routing import Family, Prefix
from voice_cdk.stacks.secrets import let_read

ENGINE_VERSION = "8.0.mysql_aurora.3.10.4"
"""Of the line with long-term support."""
MYSQL = Ports.tcp(3306)
NAME = "voice"
SIP_ACCOUNT = "voice_sip"
ACCOUNTS = ("voice_owner", "voice_operator", "voice_portal", SIP_ACCOUNT)
IN_CLUSTER = {"voice_owner": OWNER_SECRET, "voice_operator": OPERATOR_SECRET, "voice_portal": PORTAL_SECRET}
"""Accounts of what runs in the cluster, with the outputs that name their passwords."""
HEALTH_CHECK = "voice_health"
"""The account by which NAT64 hosts see that a login passes: mere connections would be counted as failed ones."""
CALL_KEY = "call key"
"""Not of the database: what all SIP hosts share, so that one knows the other's calls (docs/architecture.md)."""
LOGS = ("audit", "error", "slowquery")
MOST_CONNECTIONS = 500
"""Twenty for each of twenty clients' viewers (docs/operator.md), and a hundred for our own services."""
FULL = 0.8
"""The part of a limit at which somebody is told."""
SMALL_TABLE = 16 * 1024 * 1024
"""Bytes: temporary tables that are larger go to the disk (docs/operator.md)."""
NO_SPECIAL_CHARACTERS = " \"'/@\\;{}%$`"
"""Passwords stand in files of shells, in URLs and in ODBC's connection strings."""

SETTINGS = {
    "require_secure_transport": "ON",
    "server_audit_events": "CONNECT,QUERY_DDL,QUERY_DCL",
    "server_audit_logging": "1",
    "slow_query_log": "1",
    # docs/operator.md, "What a viewer's SQL may take".
    "transaction_isolation": "READ-COMMITTED",
    "performance_schema": "1",
    "max_connections": str(MOST_CONNECTIONS),
    "tmp_table_size": str(SMALL_TABLE),
    "max_heap_table_size": str(SMALL_TABLE),
}


class Data(cdk.Stack):
    """The database.

    Attributes:
        group: the security group of the database.
        host: the name of its writer.
        key: what encrypts database and secrets.
        secrets: the password of each account, by its name; and the call key.
    """

    def __init__(self, scope: Construct, name: str, *, config: Config, network: Network, alarms: Alarms) -> None:
        super().__init__(scope, name, description="Aurora MySQL", termination_protection=True)
        self._config, self._network = config, network
        self.key = kms.Key(self, "Key", description="Database and its secrets", enable_key_rotation=True)
        self.group = Group(
            self,
            "Access",
            vpc=network.communications.identity,
            purpose="Aurora MySQL",
            inbound=self._who_asks(),
        )
        identifier = f"{config.name}-database"
        cluster = self._cluster(identifier)
        for number, zone in enumerate(config.zones[:2]):
            self._instance(number, zone, cluster)
        self.host = cluster.attr_endpoint_address
        accounts = (*ACCOUNTS, HEALTH_CHECK) if config.db_access is DbAccess.NAT64 else ACCOUNTS
        self.secrets = {account: self._secret(account) for account in accounts} | {CALL_KEY: self._call_key()}
        cdk.CfnOutput(self, DATABASE_HOST.name, value=self.host)
        cdk.CfnOutput(
            self,
            "MasterSecretArn",
            value=cluster.attr_master_user_secret_secret_arn,
            description="For who makes the accounts (docs/architecture.md)",
        )
        for account, output in IN_CLUSTER.items():
            cdk.CfnOutput(self, output.name, value=self.secrets[account].secret_arn)
        self._alarms(cluster, alarms)

    def _who_asks(self) -> Iterator[Rule]:
        """Those whose addresses are known here; NAT64 hosts and clients add themselves."""
        if self._config.db_access is DbAccess.NATIVE:
            for subnet in self._network.shared.asking:
                if subnet.ipv6 is not None:
                    yield Rule(purpose=f"MySQL from {subnet.node.id}", peer=subnet.ipv6, ports=MYSQL)
        elif self._config.db_access is DbAccess.MANAGED:
            # NAT gateways are in no group.
            for zone in self._config.zones:
                block = plan.subnet_ipv4(self._config.communications, plan.Role.NAT64, plan.letter(zone))
                peer = Prefix(cidr=str(block), family=Family.IPV4)
                yield Rule(purpose=f"MySQL by the NAT gateway in {zone}", peer=peer, ports=MYSQL)

    def _cluster(self, identifier: str) -> rds.CfnDBCluster:
        config = self._config
        subnets = rds.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_description="Database",
            subnet_ids=[subnet.identity for subnet in self._network.communications.database],
        )
        settings = rds.CfnDBClusterParameterGroup(
            self,
            "Settings",
            description="TLS for everybody; who logs in, and who changes tables and rights, is recorded",
            family="aurora-mysql8.0",
            parameters=SETTINGS,
        )
        cluster = rds.CfnDBCluster(
            self,
            "Cluster",
            db_cluster_identifier=identifier,
            engine="aurora-mysql",
            engine_version=ENGINE_VERSION,
            database_name=NAME,
            port=MYSQL.first,
            network_type="DUAL" if config.db_access is DbAccess.NATIVE else None,
            db_subnet_group_name=subnets.ref,
            vpc_security_group_ids=[self.group.identity],
            db_cluster_parameter_group_name=settings.ref,
            serverless_v2_scaling_configuration=rds.CfnDBCluster.ServerlessV2ScalingConfigurationProperty(
                min_capacity=config.database.min_capacity, max_capacity=config.database.max_capacity
            ),
            master_username="voice_admin",
            manage_master_user_password=True,
            master_user_secret=rds.CfnDBCluster.MasterUserSecretProperty(kms_key_id=self.key.key_arn),
            storage_encrypted=True,
            kms_key_id=self.key.key_arn,
            backup_retention_period=config.database.backup_days,
            copy_tags_to_snapshot=True,
            deletion_protection=True,
            enable_cloudwatch_logs_exports=list(LOGS),
        )
        cluster.apply_removal_policy(cdk.RemovalPolicy.SNAPSHOT)
        self._keep_logs(identifier, cluster)
        return cluster

    def _keep_logs(self, identifier: str, cluster: rds.CfnDBCluster) -> None:
        """Aurora would make its log groups by itself, and keep them for ever."""
        for log in LOGS:
            group = logs.LogGroup(
                self,
                f"{log.capitalize()}Log",
                log_group_name=f"/aws/rds/cluster/{identifier}/{log}",
                encryption_key=self._network.logs_key,
                retention=logs.RetentionDays.THREE_MONTHS,
                removal_policy=cdk.RemovalPolicy.DESTROY,
            )
            cluster.node.add_dependency(group)

    def _instance(self, number: int, zone: str, cluster: rds.CfnDBCluster) -> None:
        """The first is the writer. The other scales with it, so that it can take over."""
        instance = rds.CfnDBInstance(
            self,
            f"Instance{number}",
            engine="aurora-mysql",
            db_cluster_identifier=cluster.ref,
            db_instance_class="db.serverless",
            availability_zone=zone,
            promotion_tier=number,
            publicly_accessible=False,
            auto_minor_version_upgrade=False,  # AWS's advice for the line with long-term support, else it leaves that
            enable_performance_insights=True,
            performance_insights_kms_key_id=self.key.key_arn,
        )
        instance.apply_removal_policy(cdk.RemovalPolicy.DESTROY)

    def _secret(self, account: str) -> secretsmanager.Secret:
        words = (word.capitalize() for word in account.split("_")[1:])
        return secretsmanager.Secret(
            self,
            f"{''.join(words)}Secret",
            description=f"Password of the database account {account}",
            encryption_key=self.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({"username": account}),
                generate_string_key="password",
                password_length=32,
                exclude_characters=NO_SPECIAL_CHARACTERS,
            ),
        )

    def _call_key(self) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            self,
            "CallKeySecret",
            description="The key that all SIP hosts share",
            encryption_key=self.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(exclude_punctuation=True, password_length=64),
        )

    def let_read(self, role: iam.IRole, account: str) -> None:
        """Let a role fetch the password of one account."""
        let_read(role, [self.secrets[account].secret_arn], self.key)

    def _alarms(self, cluster: rds.CfnDBCluster, alarms: Alarms) -> None:
        # It never pauses, whatever its least capacity is: every SIP host talks to it every two seconds.
        silence = Silence.WRONG
        troubles = {
            "CPUUtilization": too_much("The database is short of CPU", 80, silence),
            "ACUUtilization": too_much("The database is near its largest capacity", 90, silence),
            "DatabaseConnections": too_much("The database has few connections left", FULL * MOST_CONNECTIONS, silence),
            "AuroraReplicaLag": too_much("The reader is more than a second behind, or gone", 1000, silence),
        }
        for metric, trouble in troubles.items():
            of_cluster = Metric(
                namespace="AWS/RDS",
                name=metric,
                dimensions={"DBClusterIdentifier": cluster.ref},
                statistic="Maximum",  # of writer and reader
            )
            add_alarm(self, alarms, of_cluster, trouble)
