#!/bin/bash
# The script that everybody writes, on this repository's example: create, load, helm --wait, Job, copy, delete. bench/compare.ts
# runs it beside ours. Prints a line for each step: its name and the seconds since the start.
#   bench/usual-script.sh NAME [values file]
set -e
cd "$(dirname "$0")/.."
name=$1; values=${2:-examples/floe/deploy/values.yaml}
work=$(mktemp -d); export KUBECONFIG=$work/kubeconfig
# At a regular end the cluster is gone already.
trap 'kind delete cluster --name "$name" >>"$work/log" 2>&1 || true; rm -rf "$work"' EXIT
start=$(date +%s%3N); lap() { echo "$1 $(($(date +%s%3N) - start))"; }
kind create cluster --name "$name" ${FLOE_LAB_NODE_IMAGE:+--image "$FLOE_LAB_NODE_IMAGE"} --wait 120s >"$work/log" 2>&1; lap create
kind load docker-image dagster/dagster-k8s:1.13.27 postgres:15-bookworm floe-example:dev floe-test-runner:dev --name "$name" >>"$work/log" 2>&1; lap load
helm install floe-test charts/floe-platform --values charts/floe-platform/profiles/minimal.yaml --values "$values" \
  --namespace floe-test --create-namespace --wait --timeout=10m >>"$work/log" 2>&1 || { lap helm; lap verdict; echo 'outcome broken'; exit 0; }
lap helm
kubectl apply --namespace floe-test --filename bench/usual-job.yaml >>"$work/log"
until state=$(kubectl get job --namespace floe-test integration-tests --output jsonpath='{.status.conditions[*].type}') && [[ $state == *Complete* || $state == *Failed* ]]; do sleep 1; done; lap job
kubectl logs --namespace floe-test job/integration-tests >"$work/test.log"
docker cp "$name-control-plane:/results/junit.xml" "$work/junit.xml" >>"$work/log" 2>&1; lap results
lap verdict
[[ $state == *Complete* ]] && grep -q ' 28 passed' "$work/test.log" && echo 'outcome passed' || echo 'outcome failed'
kind delete cluster --name "$name" >>"$work/log" 2>&1; lap delete
