"""One CodeBuild project that builds every service; start_build passes it the source."""

from pathlib import Path

from aws_cdk import Aws, Fn, RemovalPolicy
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from infra.constructs import access
from infra.constructs.access import Statement, accept
from infra.constructs.grants import OWN_UPLOAD
from infra.settings import BuildImage
from lifecycle import names

BUILDSPEC = Path(__file__).resolve().parents[1] / "buildspec.yml"
# Beside the source: https://docs.aws.amazon.com/codebuild/latest/userguide/sample-multi-in-out.html
TOOLS = "tools"
# The lines of the buildspec that choose runtimes, which only CodeBuild's own images take.
_RUNTIMES = "  install:\n    runtime-versions:\n      python: 3.13\n"
_MINUTES = 60


def buildspec(image: BuildImage) -> str:
    """Return the buildspec with the image's runtimes; an image of one's own has its runtimes itself."""
    text = BUILDSPEC.read_text()
    if _RUNTIMES not in text:
        raise ValueError(f"{BUILDSPEC}: expected the lines that choose runtimes")
    if not image.is_codebuilds:
        return text.replace(_RUNTIMES, "")
    chosen = "".join(f"      {name}: {version}\n" for name, version in sorted(image.runtimes.items()))
    return text.replace(_RUNTIMES, f"  install:\n    runtime-versions:\n{chosen}")


class BuildProject(Construct):
    """The project `lifecycle-build`: it runs infra/buildspec.yml, and may write its own upload only.

    A build of a CodeCommit repository gets the role of its repository, which may pull that one. Builds of GitHub's
    repositories get the project's role, which may pull none.
    """

    def __init__(
        self, scope: Construct, construct_id: str, tools: Path, repositories: tuple[str, ...], image: BuildImage
    ) -> None:
        super().__init__(scope, construct_id)
        asset = assets.Asset(self, "Tools", path=str(tools))
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=names.build_log(names.BUILD_PROJECT),
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        description = "Permissions of a build, and of the build commands of the service"
        allowed = _allowed(asset)
        role = access.service_role(self, "codebuild", description, "build", allowed)
        for each in repositories:
            pull = Statement("Clone", ("codecommit:GitPull",), (names.arn("codecommit", each),))
            of_one = Construct(self, f"Of-{each}")
            name = names.build_role(each)
            access.service_role(of_one, "codebuild", description, "build", (*allowed, pull), name=name)
        self.project = codebuild.CfnProject(
            self,
            "Project",
            name=names.BUILD_PROJECT,
            description="Lifecycle: build, test and publish one commit of a service",
            service_role=role.role_arn,
            source=codebuild.CfnProject.SourceProperty(type="NO_SOURCE", build_spec=buildspec(image)),
            secondary_sources=[
                codebuild.CfnProject.SourceProperty(
                    type="S3", source_identifier=TOOLS, location=f"{asset.s3_bucket_name}/{asset.s3_object_key}"
                )
            ],
            artifacts=codebuild.CfnProject.ArtifactsProperty(type="NO_ARTIFACTS"),
            environment=codebuild.CfnProject.EnvironmentProperty(
                type="LINUX_CONTAINER",
                image=image.image,
                compute_type=image.compute,
                environment_variables=[
                    codebuild.CfnProject.EnvironmentVariableProperty(name=variable, value=Fn.sub(bucket))
                    for variable, bucket in (
                        (names.Variable.ARTIFACT_BUCKET, names.artifact_bucket()),
                        (names.Variable.CACHE_BUCKET, names.cache_bucket()),
                    )
                ],
            ),
            logs_config=codebuild.CfnProject.LogsConfigProperty(
                cloud_watch_logs=codebuild.CfnProject.CloudWatchLogsConfigProperty(
                    status="ENABLED", group_name=log.log_group_name
                )
            ),
            timeout_in_minutes=_MINUTES,
            queued_timeout_in_minutes=_MINUTES,
        )
        accept(
            self.project, {"AwsSolutions-CB4": "it has no CodeBuild artifacts; S3 encrypts what a build publishes"}
        )


def _allowed(tools: assets.Asset) -> tuple[Statement, ...]:
    # IAM checks CreateLogStream against the group, which AWS writes with and without the `:*` of its streams.
    log = tuple(
        names.arn("logs", f"log-group:{names.build_log(names.BUILD_PROJECT)}{suffix}") for suffix in ("", ":*")
    )
    return (
        OWN_UPLOAD,
        Statement(
            "Caches",
            ("s3:GetObject", "s3:PutObject"),
            (names.cache_arns(),),
            "the caches of a repository have a random prefix, which only its own builds are given",
        ),
        Statement(
            "Tools",
            ("s3:GetObject", "s3:GetObjectVersion"),
            (f"arn:{Aws.PARTITION}:s3:::{tools.s3_bucket_name}/{tools.s3_object_key}",),
        ),
        Statement("Log", ("logs:CreateLogStream", "logs:PutLogEvents"), log, "a build names its own stream"),
    )


def pass_build_roles(repositories: tuple[str, ...]) -> tuple[Statement, ...]:
    """Return the grant to give builds the roles of these repositories; none without repositories."""
    roles = tuple(names.build_role_arn(each) for each in repositories)
    to_builds = {"StringEquals": {"iam:PassedToService": "codebuild.amazonaws.com"}}
    return (Statement("PassBuildRoles", ("iam:PassRole",), roles, conditions=to_builds),) if roles else ()
