"""Nobody waits for a secret, or a key of one, that nobody makes."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.k8s.secrets import BadFolder, make_secrets
from libs.common.sealing import load_sealer
from services.registry.use_cases.tokens import load_signer
from tests.k8s.crd import check
from tests.k8s.kustomize import OVERLAYS, ROOT, render, render_text
from tests.k8s.model import Object, find

Key = tuple[str, str]


def _by_operators(objects: Sequence[Object]) -> Iterator[Key]:
    for user in find(objects, "KafkaUser"):
        yield from ((user["metadata"]["name"], key) for key in ("ca.crt", "user.crt", "user.key"))
    for kafka in find(objects, "Kafka"):
        yield f"{kafka['metadata']['name']}-cluster-ca-cert", "ca.crt"
    for cluster in find(objects, "Cluster"):
        name = cluster["metadata"]["name"]
        yield from ((f"{name}-app", key) for key in ("username", "password"))
        yield f"{name}-ca", "ca.crt"
    for certificate in find(objects, "Certificate"):
        yield from ((certificate["spec"]["secretName"], key) for key in ("tls.crt", "tls.key"))
    for external in find(objects, "ExternalSecret"):
        name = external["spec"]["target"]["name"]
        yield from ((name, each["secretKey"]) for each in external["spec"]["data"])
        template = external["spec"]["target"].get("template", {})
        yield from ((name, key) for key in template.get("data", {}))


def _wanted(objects: Sequence[Object]) -> Iterator[Key]:
    """Find every reference wherever it stands, by the forms that Kubernetes and the operators have for it."""
    for each in objects:
        yield from _within(each)
    for cluster in find(objects, "Cluster"):
        for role in cluster["spec"].get("managed", {}).get("roles", []):
            yield from ((role["passwordSecret"]["name"], key) for key in ("username", "password"))
    for gateway in find(objects, "Gateway"):
        references = [
            r for each in gateway["spec"]["listeners"] for r in each.get("tls", {}).get("certificateRefs", [])
        ]
        yield from ((reference["name"], key) for reference in references for key in ("tls.crt", "tls.key"))


def _within(part: Any) -> Iterator[Key]:
    if isinstance(part, list):
        for each in part:
            yield from _within(each)
    if not isinstance(part, dict):
        return
    if isinstance(secret := part.get("secret"), dict):
        name = secret.get("secretName") or secret["name"]
        yield from ((name, item["key"]) for item in secret["items"])
    for form in ("secretKeyRef", "accessKeyId", "secretAccessKey"):
        if isinstance(reference := part.get(form), dict):
            yield reference["name"], reference["key"]
    for value in part.values():
        yield from _within(value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("secrets") / "tungnha"
    make_secrets(made)
    return made


def _by_hand(folder: Path) -> set[Key]:
    return {(each["metadata"]["name"], key) for each in yaml.safe_load_all(render_text(folder)) for key in each["data"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_secret_and_key_that_is_referred_to_is_made_by_somebody(overlay: str, folder: Path) -> None:
    objects = render(overlay)
    made = set(_by_operators(objects)) | (_by_hand(folder) if overlay == "dev" else set())
    wanted = set(_wanted(objects))
    assert len(wanted) > 10
    assert wanted <= made


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_config_map_and_key_that_is_referred_to_is_there(overlay: str) -> None:
    objects = render(overlay)
    maps = {each["metadata"]["name"]: set(each["data"]) for each in find(objects, "ConfigMap")}
    references = list(_config_references(list(objects)))
    assert len(references) > 10
    for name, key in references:
        assert name in maps, name
        assert key is None or key in maps[name], (name, key)


def _config_references(part: Any) -> Iterator[tuple[str, str | None]]:
    if isinstance(part, list):
        for each in part:
            yield from _config_references(each)
    if isinstance(part, dict):
        for form in ("configMapKeyRef", "configMapRef"):
            if form in part:
                yield part[form]["name"], part[form].get("key")
        for value in part.values():
            yield from _config_references(value)


def test_what_is_made_by_hand_is_what_the_services_take_and_stays_when_made_again(folder: Path) -> None:
    for each in yaml.safe_load_all(render_text(folder)):
        check(each)
    load_signer(folder / "signing-key.pem", issuer="test")
    load_sealer(folder / "sealing-keys.txt")
    assert len(bytes.fromhex((folder / "pseudonym-keys.txt").read_text())) == 32
    before = {file.name: file.read_text() for file in folder.iterdir()}
    assert make_secrets(folder) == []
    assert {file.name: file.read_text() for file in folder.iterdir()} == before
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in folder.iterdir())


def test_secrets_are_not_made_within_the_tree() -> None:
    with pytest.raises(BadFolder):
        make_secrets(ROOT / "deploy" / "k8s" / "secrets")
    assert not (ROOT / "deploy" / "k8s" / "secrets").exists()
