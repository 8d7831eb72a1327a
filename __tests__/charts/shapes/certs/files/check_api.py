"""Asks the API server to make a Certificate, without making it, until it would or the time is over."""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/"
namespace = open(ACCOUNT + "namespace").read()
certificate = {
    "apiVersion": "certs.shapes.test/v1",
    "kind": "Certificate",
    "metadata": {"name": "startupapicheck"},
    "spec": {"secretName": "none", "dnsNames": ["example.com"]},
}
deadline = time.monotonic() + float(os.environ["TIMEOUT_SECONDS"])
while True:
    request = urllib.request.Request(
        f"https://kubernetes.default.svc/apis/certs.shapes.test/v1/namespaces/{namespace}/certificates?dryRun=All",
        json.dumps(certificate).encode(),
        {"Authorization": "Bearer " + open(ACCOUNT + "token").read(), "Content-Type": "application/json"},
    )
    try:
        urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ACCOUNT + "ca.crt"))
        print("The API is ready", flush=True)
        sys.exit(0)
    except urllib.error.HTTPError as error:
        print("Not ready:", json.load(error)["message"], flush=True)
    except OSError as error:
        print("Not reached:", error, flush=True)
    if time.monotonic() > deadline:
        sys.exit("error: timed out waiting for the condition")
    time.sleep(1)
