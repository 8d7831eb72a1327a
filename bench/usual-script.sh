#!/bin/bash
# The script that everybody writes, on this repository's example: create, load, helm --wait, Job, copy, delete. bench/compare.ts
# runs it beside ours. Prints a line for each step: its name and the seconds since the start.
#   [NODES=3] [MORE_IMAGES="a:1 b:1"] bench/usual-script.sh NAME [values file]
set -e
cd "$(dirname "$0")/.."
name=$1; values=${2:-examples/floe/deploy/values.yaml}
work=$(mktemp -d); export KUBECONFIG=$work/kubeconfig
# At a regular end the cluster is gone already.
trap 'kind delete cluster --name "$name" >>"$work/log" 2>&1 || true; rm -rf "$work"' EXIT
start=$(date +%s%3N); lap() { echo "$1 $(($(date +%s%3N) - start))"; }
{ printf 'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n'
  for ((at = 1; at < ${NODES:-1}; at++)); do echo '- role: worker'; done; } >"$work/kind.yaml"
kind create cluster --name "$name" --config "$work/kind.yaml" ${FLOE_LAB_NODE_IMAGE:+--image "$FLOE_LAB_NODE_IMAGE"} --wait 300s >"$work/log" 2>&1; lap create
# shellcheck disable=SC2086
kind load docker-image dagster/dagster-k8s:1.13.27 postgres:15-bookworm floe-example:dev floe-test-runner:dev $MORE_IMAGES --name "$name" >>"$work/log" 2>&1; lap load
helm install floe-test charts/floe-platform --values charts/floe-platform/profiles/minimal.yaml --values "$values" \
  --namespace floe-test --create-namespace --wait --timeout=10m >>"$work/log" 2>&1 || { lap helm; lap verdict; echo 'outcome broken'; exit 0; }
lap helm
kubectl apply --namespace floe-test --filename bench/usual-job.yaml >>"$work/log"
until state=$(kubectl get job --namespace floe-test integration-tests --output jsonpath='{.status.conditions[*].type}') && [[ $state == *Complete* || $state == *Failed* ]]; do sleep 1; done; lap job
kubectl logs --namespace floe-test job/integration-tests >"$work/test.log"
node=$(kubectl get pods --namespace floe-test --selector job-name=integration-tests --output jsonpath='{.items[0].spec.nodeName}')
docker cp "$node:/results/junit.xml" "$work/junit.xml" >>"$work/log" 2>&1; lap results
lap verdict
[[ $state == *Complete* ]] && grep -q ' 28 passed' "$work/test.log" && echo 'outcome passed' || echo 'outcome failed'
kind delete cluster --name "$name" >>"$work/log" 2>&1; lap delete
