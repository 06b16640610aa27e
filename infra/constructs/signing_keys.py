"""The keys that sign versions: one for releases, one for snapshots, each with the one phase that may use it.

The key's own policy decides, not IAM. It names one role for kms:Sign, and not the account, so no other policy can add
a role. An administrator of the key can change that policy, and CloudTrail shows it.
"""

from collections.abc import Iterable, Mapping, Sequence

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.constructs.removal import removal
from lifecycle import names
from lifecycle.domain.service.trusted_keys import KeyKind

# Everything about a key but its use, and grants of its use.
_ADMINISTER = (
    *(
        "Describe*",
        "List*",
        "Get*",
        "Put*",
        "CreateAlias",
        "Update*",
        "Enable*",
        "Disable*",
        "Delete*",
        "TagResource",
    ),
    *("UntagResource", "ScheduleKeyDeletion", "CancelKeyDeletion"),
)


class SigningKeys(Construct):
    """Two keys for each number in `numbers`: the first signs, the second is trusted too (names.ALSO_TRUSTED)."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        numbers: Sequence[str],
        signers: Mapping[KeyKind, iam.IRole],
        *,
        retain: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self._removal = removal(retain=retain)
        for kind, role in signers.items():
            keys = [self._key(kind, number, role) for number in numbers]
            # Both aliases exist always: a free one would let who may create aliases add a trusted key.
            for key, (name, suffix) in zip((keys * 2)[:2], _ALIASES, strict=True):
                alias = f"{names.signing_key(kind)}{suffix}"
                kms.CfnAlias(self, f"{kind.title()}{name}", alias_name=alias, target_key_id=key.key_id)

    def _key(self, kind: KeyKind, number: str, role: iam.IRole) -> kms.Key:
        return kms.Key(
            self,
            f"{kind.title()}{number}",
            description=f"Signs the {kind}s of Lifecycle ({number})",
            key_spec=kms.KeySpec.ECC_NIST_P256,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            policy=iam.PolicyDocument(statements=[*_policy(role)]),
            removal_policy=self._removal,
        )


_ALIASES = (("Alias", ""), ("AlsoTrusted", names.ALSO_TRUSTED))


def _policy(signer: iam.IRole) -> Iterable[iam.PolicyStatement]:
    yield iam.PolicyStatement(
        sid="Administer",
        principals=[iam.AccountRootPrincipal()],
        actions=[f"kms:{each}" for each in _ADMINISTER],
        resources=["*"],
    )
    yield iam.PolicyStatement(
        sid="Sign", principals=[iam.ArnPrincipal(signer.role_arn)], actions=["kms:Sign"], resources=["*"]
    )
    # Hosts and people of the account check signatures.
    yield iam.PolicyStatement(
        sid="Check",
        principals=[iam.AnyPrincipal()],
        actions=["kms:GetPublicKey"],
        resources=["*"],
        conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
    )
