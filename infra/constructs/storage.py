"""The stores: the ledger (DynamoDB), artifacts and caches of builds (S3), and the webhook's secret."""

from aws_cdk import Duration, Fn
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.constructs.access import accept
from infra.constructs.removal import removal
from lifecycle import names

# Versions that `gc` deleted can be restored by hand for so many days.
_DELETED_DAYS = 30
# A delivery reads what its build uploaded within minutes.
_UPLOAD_DAYS = 7
# A cache is used while its key files stay the same; without one, a build makes it again.
_CACHE_DAYS = 30


def _written_once(bucket: s3.Bucket) -> iam.PolicyStatement:
    """Return the refusal of every write that would replace a version, for all principals.

    The second condition exempts the parts of a multipart upload, which take no If-None-Match:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    return iam.PolicyStatement(
        sid="WrittenOnce",
        effect=iam.Effect.DENY,
        principals=[iam.StarPrincipal()],
        actions=["s3:PutObject"],
        resources=[bucket.arn_for_objects(f"{kind}/*") for kind in ("snapshot", "release")],
        conditions={"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
    )


class Storage(Construct):
    """The ledger, both buckets and the webhook's secret. With `retain` they outlive the stack.

    `protected`: nobody can delete the ledger, CloudFormation included, until its protection is lifted.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, retain: bool, protected: bool, plain_http: bool
    ) -> None:
        super().__init__(scope, construct_id)
        self._plain_http = plain_http
        self._removal = removal(retain=retain)
        # CloudFormation empties the buckets first. The laptop deletes its stores with their folder.
        self._empties = not (retain or plain_http)
        self.ledger = dynamodb.Table(
            self,
            "Ledger",
            table_name=names.LEDGER,
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            # The changes become notifications (docs/adr/0011).
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            deletion_protection=retain and protected,
            removal_policy=self._removal,
        )
        self.artifacts = self._artifacts()
        self._caches()
        self.secret = self._secret()

    def _artifacts(self) -> s3.Bucket:
        # Keys are written once, by If-None-Match. Versions protect against a bug or a wrong deletion.
        bucket = self._bucket(
            "Artifacts",
            names.artifact_bucket(),
            versioned=True,
            rules=[
                s3.LifecycleRule(
                    id="uploads-of-builds",
                    prefix=f"{names.INCOMING}/",
                    expiration=Duration.days(_UPLOAD_DAYS),
                    noncurrent_version_expiration=Duration.days(1),
                ),
                s3.LifecycleRule(
                    id="deleted-versions",
                    noncurrent_version_expiration=Duration.days(_DELETED_DAYS),
                    expired_object_delete_marker=True,
                ),
            ],
        )
        if not self._plain_http:  # the emulator does not know these condition keys
            bucket.add_to_resource_policy(_written_once(bucket))
        reason = "the audit log records who published and promoted each version; access logs would add little"
        accept(bucket, {"AwsSolutions-S1": reason})
        return bucket

    def _caches(self) -> None:
        """Make the bucket of caches between builds: apart from the artifacts, of which builds write none."""
        rule = s3.LifecycleRule(id="caches-of-builds", expiration=Duration.days(_CACHE_DAYS))
        bucket = self._bucket("BuildCaches", names.cache_bucket(), versioned=False, rules=[rule])
        accept(bucket, {"AwsSolutions-S1": "each build's log says which cache it read and saved"})

    def _bucket(self, construct_id: str, name: str, *, versioned: bool, rules: list[s3.LifecycleRule]) -> s3.Bucket:
        unfinished = s3.LifecycleRule(
            id="unfinished-uploads", abort_incomplete_multipart_upload_after=Duration.days(1)
        )
        return s3.Bucket(
            self,
            construct_id,
            bucket_name=Fn.sub(name),
            versioned=versioned,
            # The emulator serves plain HTTP on loopback, and enforces bucket policies.
            enforce_ssl=not self._plain_http,
            minimum_tls_version=None if self._plain_http else 1.2,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[*rules, unfinished],
            removal_policy=self._removal,
            auto_delete_objects=self._empties,
        )

    def _secret(self) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "Webhook",
            secret_name=names.WEBHOOK_SECRET,
            description="Signs the push events of GitHub (X-Hub-Signature-256)",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=48, exclude_punctuation=True),
            removal_policy=self._removal,
        )
        reason = "GitHub has the other copy: a rotation is done by hand in both places"
        accept(secret, {"AwsSolutions-SMG4": reason})
        return secret
