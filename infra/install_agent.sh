#!/bin/bash
# Installs or updates Lifecycle's host agent. Runs at boot, and once a day by Systems Manager.
# It is safe to repeat: the service that the agent has started keeps running while the agent restarts.
set -euo pipefail

bundle='$bundle'
digest='$digest'
packages='$packages'
version="$$(basename "$$bundle" .zip)"
home=/opt/lifecycle
state=/var/lib/lifecycle
rules=/etc/lifecycle-agent.nft
keys=/etc/lifecycle-agent.keys

# At boot both may run it at once. The second run finds this version installed.
exec 9> /run/lifecycle-agent-install.lock
flock 9

metadata() {
  local token
  token="$$(curl -sf -X PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')"
  curl -sf -H "X-aws-ec2-metadata-token: $$token" "http://169.254.169.254/latest/meta-data/$$1"
}

# The keys whose signatures this host accepts: the one that signs, and during a rotation another one. The agent reads the
# file at each check. If KMS does not answer, or is not of this version yet, the file stays as it is.
public_key() {
  aws kms get-public-key --region '$region' --key-id "$$1" --query '[KeyId, PublicKey]' --output text 2>&1
}
trusted() {
  local kind found
  for kind in release snapshot; do
    if ! found="$$(public_key "alias/lifecycle-$${kind}s")"; then
      echo "$$found" >&2
      if [[ "$$found" = *NotFoundException* ]]; then return 2; else return 1; fi
    fi
    echo "$$kind $$found"
    if found="$$(public_key "alias/lifecycle-$${kind}s$also")"; then
      echo "$$kind $$found"
    elif [[ "$$found" != *NotFoundException* && "$$found" != *AccessDeniedException* ]]; then
      echo "$$found" >&2
      return 1
    fi
  done
}
failed=0
trusted > "$$keys.new" || failed=$$?
if [ "$$failed" = 0 ]; then
  chmod 0644 "$$keys.new"
  mv "$$keys.new" "$$keys"
fi
# 2: this installation has no keys. Where KMS did not answer, the agent names a file that is missing, and installs nothing.
trusts="LIFECYCLE_TRUSTED_KEYS=$$([ "$$failed" = 2 ] && [ ! -e "$$keys" ] || echo "$$keys")"

# The packages of the cluster, and the script of its own. A host that runs gets them, too, once they have changed.
install_packages() {
  if command -v dnf >/dev/null; then
    dnf install -y -q "$$@"
  elif command -v apt-get >/dev/null; then
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$$@"
  else
    echo "expected an image with dnf or apt-get, found neither: choose another image for the cluster" >&2
    return 1
  fi
}
mkdir -p "$$home/agent"
wanted='$requirements'
if [ "$$(cat "$$home/agent/requirements" 2>/dev/null || true)" != "$$wanted" ]; then
  # Split at its spaces: the names have none.
  if [ -n "$$packages" ]; then install_packages $$packages; fi
  cat > "$$home/agent/install.sh" <<'LIFECYCLE_INSTALL'
$install
LIFECYCLE_INSTALL
  bash "$$home/agent/install.sh"
  echo "$$wanted" > "$$home/agent/requirements"
fi

# Another tool may have flushed the rules since the agent's start.
if [ -e "$$rules" ]; then nft -f "$$rules"; fi
if [ "$$(cat "$$home/agent/version" 2>/dev/null || true)" = "$$version" ] && systemctl is-active -q lifecycle-agent \
    && grep -qxF "$$trusts" /etc/lifecycle-agent.env; then
  exit 0
fi
if [ "$$(cat "$$home/agent/refused" 2>/dev/null || true)" = "$$version" ]; then
  echo "the agent $$version did not report on this host before: deploy another, or delete $$home/agent/refused" >&2
  exit 1
fi

python=
find_python() {
  local each
  for each in python3.11 python3.12 python3.13; do
    if python="$$(command -v "$$each")"; then return 0; fi
  done
  return 1
}
install_packages unzip nftables
find_python || { install_packages python3.11 && find_python; }
# The service's user. The agent is root.
id lifecycle >/dev/null 2>&1 || useradd --system --create-home --home-dir "$$state" lifecycle

# The new version is unpacked beside the old one, and a rename switches to it.
# So an agent never starts from half a bundle.
fresh="$$(mktemp -d "$$home/agent/.fresh.XXXXXX")"
aws s3 cp --quiet --region '$region' "$$bundle" "$$fresh/bundle.zip"
echo "$$digest  $$fresh/bundle.zip" | sha256sum --check --quiet
unzip -q "$$fresh/bundle.zip" -d "$$fresh/code"
chmod -R a+rX "$$fresh"
rm "$$fresh/bundle.zip"
rm -rf "$$home/agent/$$version"
mv "$$fresh/code" "$$home/agent/$$version"
rmdir "$$fresh"
switch_to() {
  ln -sfn "$$1" "$$home/agent/.next"
  mv -T "$$home/agent/.next" "$$home/agent/current"
}
# What runs now, in case that the new agent does not report.
former="$$(readlink "$$home/agent/current" 2>/dev/null || true)"
unit=/etc/systemd/system/lifecycle-agent.service
if [ -n "$$former" ]; then cp -p "$$unit" "$$home/agent/former.service"; cp -p /etc/lifecycle-agent.env "$$home/agent/former.env"; fi
switch_to "$$home/agent/$$version"

host="$$(metadata instance-id)"
cat > /etc/lifecycle-agent.env <<EOF
LIFECYCLE_HOST=$$host
LIFECYCLE_ADDRESS=$$(metadata local-ipv4)
LIFECYCLE_ZONE=$$(metadata placement/availability-zone)
LIFECYCLE_SERVICE=$service
LIFECYCLE_ENVIRONMENT=$environment
LIFECYCLE_PORT=$port
LIFECYCLE_METRICS_ALWAYS=$always
LIFECYCLE_AGENT_HOME=$$state/agent
LIFECYCLE_SERVICE_USER=lifecycle
LEDGER_TABLE=$table
ARTIFACT_BUCKET=$bucket
AWS_DEFAULT_REGION=$region
$$trusts
PYTHONPATH=$$home/agent/current
EOF

# The instance's role is the agent's. Its credentials come from the metadata service, which the service cannot reach.
cat > "$$rules" <<'EOF'
table inet lifecycle_agent
delete table inet lifecycle_agent
table inet lifecycle_agent {
  chain output {
    type filter hook output priority filter; policy accept;
    meta skuid lifecycle ip daddr 169.254.169.254 reject
    meta skuid lifecycle ip6 daddr fd00:ec2::254 reject
  }
}
EOF
nft -f "$$rules"

cat > "$$unit" <<EOF
[Unit]
Description=Lifecycle's host agent
After=network-online.target
Wants=network-online.target

[Service]
ExecStartPre=+/usr/sbin/nft -f /etc/lifecycle-agent.nft
EnvironmentFile=/etc/lifecycle-agent.env
ExecStart=$$python -P -m apps.agent run
WorkingDirectory=/var/lib/lifecycle/agent
Restart=always
RestartSec=2
# Stop only the agent itself; the service keeps running.
KillMode=process
# A turn lasts 800 s at most, and the agent ends it before it stops.
TimeoutStopSec=900
# The agent is root to start the service as another user, to own its files, and to end it.
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID CAP_SYS_PTRACE
NoNewPrivileges=true
ProtectSystem=full
# A service that takes all memory or processes does not take the host. The agent reports its end, and goes on.
MemoryMax=95%
TasksMax=50%
OOMPolicy=continue

[Install]
WantedBy=multi-user.target
EOF

# An agent of before ran as the service's user, and owned all of this. It ends its turn first. The service goes on: its
# own folder and its home stay writable to it. In a sticky folder it cannot rename what is root's.
systemctl daemon-reload
systemctl enable -q lifecycle-agent
systemctl stop lifecycle-agent
chown root:lifecycle "$$state"
chmod 1770 "$$state"
mkdir -p "$$state/agent"
chown -h root:root "$$state/agent"
if [ -L "$$state/agent" ]; then
  echo "expected a folder at $$state/agent, found a link: remove it, then run this again" >&2
  exit 1
fi
mkdir -p "$$state/agent/releases" "$$state/agent/logs"
find "$$state/agent" -mindepth 1 -maxdepth 1 ! -name releases ! -name logs -exec chown -hR root:root {} +
chown -h root:root "$$state/agent/releases" "$$state/agent/logs"
# When the agent of the last report started; empty without a report.
report='{"pk": {"S": "$reports$environment/$service"}, "sk": {"S": "'"$$host"'"}}'
reported_start() {
  aws dynamodb get-item --region '$region' --table-name '$table' --key "$$report" --query Item.body.S --output text \
    | grep -o '"agent_started_at": *"[^"]*"' || true
}
before="$$(reported_start)"
systemctl start lifecycle-agent
reported=
for _ in $$(seq 100); do
  now="$$(reported_start)"
  if [ -n "$$now" ] && [ "$$now" != "$$before" ]; then
    reported=yes
    break
  fi
  sleep 3
done
if [ -z "$$reported" ]; then
  echo "the agent $$version did not report within 300 s" >&2
  if [ -n "$$former" ] && [ -d "$$former" ] && [ "$$former" != "$$home/agent/$$version" ]; then
    switch_to "$$former"
    mv "$$home/agent/former.service" "$$unit"
    mv "$$home/agent/former.env" /etc/lifecycle-agent.env
    systemctl daemon-reload
    systemctl restart lifecycle-agent
    echo "$$version" > "$$home/agent/refused"
    echo "$$former runs again" >&2
  fi
  exit 1
fi
echo "$$version" > "$$home/agent/version"
find "$$home/agent" -mindepth 1 -maxdepth 1 -type d ! -name "$$version" -exec rm -rf {} +

# Auto Scaling counts a new instance as launched once its agent has reported, and only then sends the event to
# Lifecycle. For an older instance whose agent was updated, there is no such wait, and the call fails.
aws autoscaling complete-lifecycle-action --region '$region' --auto-scaling-group-name '$group' \
  --lifecycle-hook-name '$hook' --instance-id "$$host" --lifecycle-action-result CONTINUE || true
