"""The profile `restricted` of the Pod Security Standards (Kubernetes 1.36), control by control, over a pod's spec."""

from collections.abc import Callable, Iterator, Mapping

from tests.k8s.model import Object

__all__ = ["CONTROLS", "violations"]

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
CAPABILITIES = {"NET_BIND_SERVICE"}
SECCOMP = {"RuntimeDefault", "Localhost"}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
}
SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HANDLERS = ("httpGet", "tcpSocket")

Control = Callable[[Object], Iterator[str]]


def _containers(spec: Object) -> list[Object]:
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [each for kind in kinds for each in spec.get(kind, [])]


def _contexts(spec: Object) -> Iterator[tuple[str, Object]]:
    yield "pod", spec.get("securityContext", {})
    for each in _containers(spec):
        yield each["name"], each.get("securityContext", {})


def _host_namespaces(spec: Object) -> Iterator[str]:
    return (name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name))


def _windows(spec: Object) -> Iterator[str]:
    return (who for who, context in _contexts(spec) if context.get("windowsOptions", {}).get("hostProcess"))


def _privileged(spec: Object) -> Iterator[str]:
    return (who for who, context in _contexts(spec) if context.get("privileged"))


def _escalation(spec: Object) -> Iterator[str]:
    return (
        each["name"]
        for each in _containers(spec)
        if each.get("securityContext", {}).get("allowPrivilegeEscalation") is not False
    )


def _capabilities(spec: Object) -> Iterator[str]:
    for each in _containers(spec):
        told = each.get("securityContext", {}).get("capabilities", {})
        if "ALL" not in told.get("drop", []) or set(told.get("add", [])) - CAPABILITIES:
            yield each["name"]


def _volumes(spec: Object) -> Iterator[str]:
    return (each["name"] for each in spec.get("volumes", []) if not (set(each) - {"name"}) <= VOLUMES)


def _host_ports(spec: Object) -> Iterator[str]:
    return (c["name"] for c in _containers(spec) if any(port.get("hostPort") for port in c.get("ports", [])))


def _probe_hosts(spec: Object) -> Iterator[str]:
    for each in _containers(spec):
        hooks = [*(each.get(probe, {}) for probe in PROBES), *each.get("lifecycle", {}).values()]
        if any(hook.get(handler, {}).get("host") for hook in hooks for handler in HANDLERS):
            yield each["name"]


def _app_armor(spec: Object) -> Iterator[str]:
    for who, context in _contexts(spec):
        if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in SECCOMP:
            yield who


def _selinux(spec: Object) -> Iterator[str]:
    for who, context in _contexts(spec):
        options = context.get("seLinuxOptions", {})
        if options.get("type", "") not in SELINUX_TYPES or options.get("user") or options.get("role"):
            yield who


def _proc_mount(spec: Object) -> Iterator[str]:
    return (who for who, context in _contexts(spec) if context.get("procMount", "Default") != "Default")


def _sysctls(spec: Object) -> Iterator[str]:
    told = spec.get("securityContext", {}).get("sysctls", [])
    return (each["name"] for each in told if each["name"] not in SYSCTLS)


def _for_each(spec: Object, good: Callable[[Object], bool | None]) -> Iterator[str]:
    """Name the containers for which something does not hold; what a container does not say is said by the pod."""
    of_pod = good(spec.get("securityContext", {}))
    for each in _containers(spec):
        own = good(each.get("securityContext", {}))
        if not (of_pod if own is None else own):
            yield each["name"]
    if of_pod is False:
        yield "pod"


def _non_root(spec: Object) -> Iterator[str]:
    return _for_each(spec, lambda context: context.get("runAsNonRoot"))


def _root_user(spec: Object) -> Iterator[str]:
    return (who for who, context in _contexts(spec) if context.get("runAsUser") == 0)


def _seccomp(spec: Object) -> Iterator[str]:
    def good(context: Object) -> bool | None:
        told = context.get("seccompProfile")
        return None if told is None else told.get("type") in SECCOMP

    return _for_each(spec, good)


CONTROLS: Mapping[str, Control] = {
    "host namespaces": _host_namespaces,
    "host process": _windows,
    "privileged containers": _privileged,
    "privilege escalation": _escalation,
    "capabilities": _capabilities,
    "volume types": _volumes,
    "host ports": _host_ports,
    "hosts of probes and hooks": _probe_hosts,
    "AppArmor": _app_armor,
    "SELinux": _selinux,
    "/proc mount type": _proc_mount,
    "sysctls": _sysctls,
    "running as non-root": _non_root,
    "running as root user": _root_user,
    "seccomp": _seccomp,
}


def violations(spec: Object) -> set[str]:
    """Name the controls that a pod does not meet."""
    return {name for name, control in CONTROLS.items() if any(True for _ in control(spec))}
