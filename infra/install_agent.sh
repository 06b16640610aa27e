#!/bin/bash
# Installs or updates Lifecycle's host agent. Runs at boot, and once a day by Systems Manager.
# It is safe to repeat: the service that the agent has started keeps running while the agent restarts.
set -euo pipefail

bundle='$bundle'
version="$$(basename "$$bundle" .zip)"
home=/opt/lifecycle

# At boot both may run it at once. The second run finds this version installed.
exec 9> /run/lifecycle-agent-install.lock
flock 9

metadata() {
  local token
  token="$$(curl -sf -X PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')"
  curl -sf -H "X-aws-ec2-metadata-token: $$token" "http://169.254.169.254/latest/meta-data/$$1"
}

if [ "$$(cat "$$home/agent/version" 2>/dev/null || true)" = "$$version" ] && systemctl is-active -q lifecycle-agent; then
  exit 0
fi

dnf install -y -q python3.11 unzip
id lifecycle >/dev/null 2>&1 || useradd --system --create-home --home-dir /var/lib/lifecycle lifecycle
mkdir -p "$$home/agent"

# The new version is unpacked beside the old one, and a rename switches to it.
# So an agent never starts from half a bundle.
fresh="$$(mktemp -d "$$home/agent/.fresh.XXXXXX")"
aws s3 cp --quiet --region '$region' "$$bundle" "$$fresh/bundle.zip"
unzip -q "$$fresh/bundle.zip" -d "$$fresh/code"
chmod -R a+rX "$$fresh"
rm "$$fresh/bundle.zip"
rm -rf "$$home/agent/$$version"
mv "$$fresh/code" "$$home/agent/$$version"
rmdir "$$fresh"
ln -sfn "$$home/agent/$$version" "$$home/agent/.next"
mv -T "$$home/agent/.next" "$$home/agent/current"

host="$$(metadata instance-id)"
cat > /etc/lifecycle-agent.env <<EOF
LIFECYCLE_HOST=$$host
LIFECYCLE_ADDRESS=$$(metadata local-ipv4)
LIFECYCLE_ZONE=$$(metadata placement/availability-zone)
LIFECYCLE_SERVICE=$service
LIFECYCLE_ENVIRONMENT=$environment
LIFECYCLE_PORT=$port
LIFECYCLE_AGENT_HOME=/var/lib/lifecycle/agent
LEDGER_TABLE=$table
ARTIFACT_BUCKET=$bucket
AWS_DEFAULT_REGION=$region
PYTHONPATH=$$home/agent/current
EOF

cat > /etc/systemd/system/lifecycle-agent.service <<'EOF'
[Unit]
Description=Lifecycle's host agent
After=network-online.target
Wants=network-online.target

[Service]
User=lifecycle
EnvironmentFile=/etc/lifecycle-agent.env
ExecStart=/usr/bin/python3.11 -P -m apps.agent run
WorkingDirectory=/var/lib/lifecycle
Restart=always
RestartSec=2
# Stop only the agent itself; the service keeps running.
KillMode=process
NoNewPrivileges=true
ProtectSystem=full

[Install]
WantedBy=multi-user.target
EOF

systemctl daemon-reload
systemctl enable -q lifecycle-agent
systemctl restart lifecycle-agent
echo "$$version" > "$$home/agent/version"
find "$$home/agent" -mindepth 1 -maxdepth 1 -type d ! -name "$$version" -exec rm -rf {} +

# Auto Scaling counts a new instance as launched once its agent has reported, and only then sends the event to
# Lifecycle. For an older instance whose agent was updated, there is no such wait, and the call fails.
report='{"pk": {"S": "$reports$environment/$service"}, "sk": {"S": "'"$$host"'"}}'
for _ in $$(seq 100); do
  if [ "$$(aws dynamodb get-item --region '$region' --table-name '$table' --key "$$report" \
      --query Item.sk.S --output text)" = "$$host" ]; then
    aws autoscaling complete-lifecycle-action --region '$region' --auto-scaling-group-name '$group' \
      --lifecycle-hook-name '$hook' --instance-id "$$host" --lifecycle-action-result CONTINUE || true
    break
  fi
  sleep 3
done
