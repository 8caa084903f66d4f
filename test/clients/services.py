"""A day in the life of a Service, by the official Python client. Prints one JSON line for what it saw at each step."""

import json
import sys
import threading

from kubernetes import client, config, dynamic, utils, watch

NAMESPACE = "python"


def say(step, **seen):
    print(json.dumps({"step": step, **seen}), flush=True)


def service(name, **spec):
    return client.V1Service(
        metadata=client.V1ObjectMeta(name=name, labels={"app": name}),
        spec=client.V1ServiceSpec(
            selector={"app": name}, ports=[client.V1ServicePort(port=80, target_port=8080)], **spec
        ),
    )


def main(kubeconfig):
    config.load_kube_config(kubeconfig)
    api = client.CoreV1Api()
    discovery = client.DiscoveryV1Api()

    say("version", git=client.VersionApi().get_code().git_version)
    api.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))

    before = api.list_namespaced_service(NAMESPACE)
    seen = []

    def follow():
        stream = watch.Watch()
        version = before.metadata.resource_version
        for event in stream.stream(
            api.list_namespaced_service, NAMESPACE, resource_version=version, timeout_seconds=60
        ):
            seen.append([event["type"], event["object"].metadata.name])
            if event["type"] == "DELETED" and event["object"].metadata.name == "last":
                stream.stop()

    follower = threading.Thread(target=follow)
    follower.start()

    made = api.create_namespaced_service(NAMESPACE, service("web", type="NodePort"))
    say("create", ip=made.spec.cluster_ip, port=made.spec.ports[0].node_port, affinity=made.spec.session_affinity)

    patched = api.patch_namespaced_service(
        "web", NAMESPACE, {"spec": {"ports": [{"name": "tls", "port": 443}, {"name": "http", "port": 80}]}}
    )
    say("patch", ports=sorted(port.port for port in patched.spec.ports), same=patched.spec.cluster_ip == made.spec.cluster_ip)

    stale = api.read_namespaced_service("web", NAMESPACE)
    api.patch_namespaced_service("web", NAMESPACE, {"metadata": {"annotations": {"a": "b"}}})
    try:
        api.replace_namespaced_service("web", NAMESPACE, stale)
        say("conflict", status=200)
    except client.ApiException as refusal:
        say("conflict", status=refusal.status, reason=json.loads(refusal.body)["reason"])

    try:
        api.create_namespaced_service(NAMESPACE, service("bad", session_affinity="Sticky"))
        say("invalid", status=201)
    except client.ApiException as refusal:
        causes = json.loads(refusal.body)["details"]["causes"]
        say("invalid", status=refusal.status, field=causes[0]["field"])

    for number in range(25):
        api.create_namespaced_service(NAMESPACE, service("many-%02d" % number))
    names, token = [], None
    while True:
        page = api.list_namespaced_service(NAMESPACE, limit=7, _continue=token, label_selector="app!=web")
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    say("pages", names=len(names), ordered=names == sorted(names))

    slices = discovery.list_namespaced_endpoint_slice("default", label_selector="kubernetes.io/service-name=kubernetes")
    say("slices", ports=[port.port for port in slices.items[0].ports] != [], addresses=slices.items[0].endpoints[0].addresses != [])

    finder = dynamic.DynamicClient(client.ApiClient())
    services = finder.resources.get(api_version="v1", kind="Service")
    found = services.get(name="web", namespace=NAMESPACE)
    say("dynamic", kind=found.kind, ip=found.spec.clusterIP == made.spec.cluster_ip)

    utils.create_from_dict(
        client.ApiClient(),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "text", "namespace": NAMESPACE}, "data": {"a": "é\n"}},
    )
    say("configmap", data=api.read_namespaced_config_map("text", NAMESPACE).data)

    for name in ["web"] + names:
        api.delete_namespaced_service(name, NAMESPACE)
    api.create_namespaced_service(NAMESPACE, service("last"))
    api.delete_namespaced_service("last", NAMESPACE)
    follower.join(60)
    say("watch", ended=not follower.is_alive(), added=sum(1 for kind, _ in seen if kind == "ADDED"), deleted=sum(1 for kind, _ in seen if kind == "DELETED"))

    api.delete_namespace(NAMESPACE)
    stream = watch.Watch()
    for event in stream.stream(
        api.list_namespace, field_selector="metadata.name=" + NAMESPACE, timeout_seconds=60
    ):
        if event["type"] == "DELETED":
            stream.stop()
    try:
        api.read_namespace(NAMESPACE)
        say("gone", status=200)
    except client.ApiException as refusal:
        say("gone", status=refusal.status)


main(sys.argv[1])
