"""Database, cluster and portal, as the stacks have them."""

from tests.integration.cdk.policies import actions, resources, statements
from tests.integration.cdk.synthesised import Assembly, Resource, refers


def only(found: dict[str, Resource]) -> Resource:
    """The properties of the one resource there is."""
    (properties,) = found.values()
    return properties


# --- database


def test_the_database_is_protected_and_has_its_instances_in_two_zones(platform: Assembly):
    (cluster,) = platform.of_type("RDS::DBCluster").values()
    assert cluster["DeletionProtection"]
    assert cluster["StorageEncrypted"]
    assert cluster["ManageMasterUserPassword"]
    assert "NetworkType" not in cluster  # IPv4
    # It stays on the line with long-term support.
    assert not any(each["AutoMinorVersionUpgrade"] for each in platform.of_type("RDS::DBInstance").values())
    zones = [each["AvailabilityZone"] for each in platform.of_type("RDS::DBInstance").values()]
    assert sorted(zones) == ["eu-west-1a", "eu-west-1b"]


def test_passwords_have_no_character_that_shells_urls_or_odbc_take_for_their_own(platform: Assembly):
    for secret in platform.of_type("SecretsManager::Secret", "Data").values():
        made = secret["GenerateSecretString"]
        assert made.get("ExcludePunctuation") or set("{};'\"@\\/%$` ") <= set(made["ExcludeCharacters"])


def test_the_database_is_set_as_the_operator_wants_it(platform: Assembly):
    """docs/operator.md: what a viewer's SQL may take."""
    settings = only(platform.of_type("RDS::DBClusterParameterGroup"))["Parameters"]
    assert settings["require_secure_transport"] == "ON"
    assert settings["transaction_isolation"] == "READ-COMMITTED"
    assert settings["performance_schema"] == "1"
    assert settings["tmp_table_size"] == settings["max_heap_table_size"] == "16777216"


# --- cluster


def test_the_cluster_has_ipv6_and_is_not_in_the_internet(platform: Assembly):
    (cluster,) = platform.of_type("EKS::Cluster").values()
    assert cluster["KubernetesNetworkConfig"] == {"IpFamily": "ipv6"}
    assert cluster["ResourcesVpcConfig"]["EndpointPrivateAccess"] is True
    assert cluster["ResourcesVpcConfig"]["EndpointPublicAccess"] is False


def test_add_ons_that_need_rights_have_a_role_of_their_own(platform: Assembly):
    """Of AWS's add-ons here that is the one which gives pods their addresses; nodes have no rights for it."""
    roles = {
        each["AddonName"]: each["PodIdentityAssociations"]
        for each in platform.of_type("EKS::Addon", "Cluster").values()
        if "PodIdentityAssociations" in each
    }
    assert set(roles) == {"vpc-cni"}
    assert [each["ServiceAccount"] for each in roles["vpc-cni"]] == ["aws-node"]
    assert not refers(platform.of_type("IAM::Role", "Cluster"), "AmazonEKS_CNI_Policy")


def test_what_gives_pods_their_addresses_changes_nothing_outside_of_their_vpc(platform: Assembly):
    changes = [
        each
        for each in statements(platform, "Cluster")
        if any(action.startswith("ec2:") and "Describe" not in action for action in actions(each))
    ]
    assert {action for each in changes for action in actions(each)} == {
        "ec2:AssignIpv6Addresses",
        "ec2:CreateTags",
        "ec2:ModifyNetworkInterfaceAttribute",
    }
    for each in changes:
        assert refers(each["Condition"]["ArnEquals"]["ec2:Vpc"], "SharedVpc")


def test_two_service_accounts_may_do_something_in_aws(platform: Assembly):
    """Operator and portal ask nothing of AWS, so they are none of them."""
    associations = platform.of_type("EKS::PodIdentityAssociation").values()
    assert sorted((each["Namespace"], each["ServiceAccount"]) for each in associations) == [
        ("kube-system", "aws-load-balancer-controller"),
        ("voice-quality", "voice-quality-secrets"),
    ]
    pods = [role for role in platform.of_type("IAM::Role").values() if refers(role, "pods.eks.amazonaws.com")]
    assert len(pods) == 3
    for role in pods:
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert sorted(actions(trust)) == ["sts:AssumeRole", "sts:TagSession"]


def test_what_brings_passwords_reads_those_of_the_cluster_and_no_others(platform: Assembly):
    read = [each for each in statements(platform, "Cluster") if "secretsmanager:GetSecretValue" in actions(each)]
    named = [resource for statement in read for resource in resources(statement)]
    for secret in ("OwnerSecret", "OperatorSecret", "PortalSecret", "Administrator"):
        assert sum(refers(each, secret) for each in named) == 1
    assert len(named) == 4
    assert not refers(statements(platform, "Cluster"), "SipSecret")


def test_what_puts_pods_into_the_load_balancer_can_change_nothing_else(platform: Assembly):
    changes = [
        each
        for each in statements(platform, "Portal")
        if not all(action.partition(":")[2].startswith("Describe") for action in actions(each))
    ]
    (change,) = changes
    assert actions(change) == ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"]
    (name,) = platform.of_type("ElasticLoadBalancingV2::TargetGroup")
    assert change["Resource"] == {"Ref": name.partition("/")[2]}


# --- portal


def attributes(platform: Assembly) -> dict[str, object]:
    balancer = only(platform.of_type("ElasticLoadBalancingV2::LoadBalancer"))
    return {each["Key"]: each["Value"] for each in balancer["LoadBalancerAttributes"]}


def test_the_portal_is_served_by_both_families_in_each_zone(platform: Assembly):
    balancer = only(platform.of_type("ElasticLoadBalancingV2::LoadBalancer"))
    assert (balancer["Scheme"], balancer["IpAddressType"]) == ("internet-facing", "dualstack")
    assert len(balancer["Subnets"]) == 2
    assert {each["Type"] for each in platform.of_type("Route53::RecordSet", "Portal").values()} == {"A", "AAAA"}


def test_the_portal_is_served_by_tls_alone(platform: Assembly):
    listeners = {each["Protocol"]: each for each in platform.of_type("ElasticLoadBalancingV2::Listener").values()}
    assert listeners["HTTPS"]["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-Res")
    (action,) = listeners["HTTP"]["DefaultActions"]
    assert action["RedirectConfig"] == {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"}


def test_pods_are_asked_whether_they_are_well(platform: Assembly):
    targets = only(platform.of_type("ElasticLoadBalancingV2::TargetGroup"))
    assert (targets["TargetType"], targets["IpAddressType"], targets["Port"]) == ("ip", "ipv6", 8080)
    assert targets["HealthCheckPath"] == "/healthz"


def test_who_asked_the_portal_is_written_into_a_bucket_of_its_own(platform: Assembly):
    """The load balancer tries to write as soon as it is told to, so it waits for the right to."""
    (bucket,) = (name.partition("/")[2] for name in platform.of_type("S3::Bucket"))
    assert attributes(platform)["access_logs.s3.enabled"] == "true"
    assert attributes(platform)["access_logs.s3.bucket"] == {"Ref": bucket}
    (policy,) = (name.partition("/")[2] for name in platform.of_type("S3::BucketPolicy"))
    (balancer,) = (name.partition("/")[2] for name in platform.of_type("ElasticLoadBalancingV2::LoadBalancer"))
    assert policy in platform.stacks["Portal"]["Resources"][balancer]["DependsOn"]


def test_nobody_but_load_balancers_of_the_account_writes_into_that_bucket(platform: Assembly):
    policy = only(platform.of_type("S3::BucketPolicy"))["PolicyDocument"]["Statement"]
    (allowed,) = [each for each in policy if each["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert actions(allowed) == ["s3:PutObject"]
    assert refers(allowed["Resource"], "/AWSLogs/111122223333/*")
    assert refers(allowed["Condition"], ":elasticloadbalancing:eu-west-1:111122223333:loadbalancer/*")
    (refused,) = [each for each in policy if each["Effect"] == "Deny"]
    assert refused["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_that_bucket_is_closed_encrypted_and_kept(platform: Assembly):
    (resource,) = platform.whole("S3::Bucket", "Portal").values()
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    assert set(resource["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    # With a key of one's own, Elastic Load Balancing cannot write.
    assert refers(resource["Properties"]["BucketEncryption"], "AES256")
    (rule,) = resource["Properties"]["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 90)
