"""The secrets of this machine's own installation, made once, readable by their owner only."""

import hashlib
import json
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.keys import Keys, ensure_keys, write_private

__all__ = ["CLIENTS", "LocalSecrets", "ensure_secrets", "write_environment"]

DONG_THAP = {"code": "82", "valid_on": "2025-07-01"}

CLIENTS: dict[str, dict[str, Any]] = {
    "app": {
        "client_id": "ung-dung-to",
        "name": "Ứng dụng của Tổ công nghệ số cộng đồng",
        "kind": "volunteer_app",
        "scopes": ["visits:write", "visits:read", "registry:read"],
        "unit": DONG_THAP,
    },
    "telco": {
        "client_id": "vnpt",
        "name": "VNPT Đồng Tháp",
        "kind": "partner",
        "scopes": ["partner-reports:write", "partner-reports:read", "registry:read"],
        "unit": DONG_THAP,
        "partner": "vnpt-dong-thap",
    },
    "bank": {
        "client_id": "lienviet",
        "name": "LienViet Đồng Tháp",
        "kind": "partner",
        "scopes": ["partner-reports:write", "partner-reports:read", "registry:read", "metrics:read"],
        "unit": DONG_THAP,
        "partner": "lienviet-dong-thap",
    },
    "portal": {
        "client_id": "cong-dong-thap",
        "name": "Cổng e-ĐồngTháp",
        "kind": "portal",
        "scopes": ["metrics:read", "metrics:exact", "registry:read"],
        "unit": DONG_THAP,
    },
    "officer": {
        "client_id": "so-khcn-dong-thap",
        "name": "Sở Khoa học và Công nghệ Đồng Tháp",
        "kind": "operator",
        "scopes": [
            "registry:read",
            "registry:write",
            "members:read",
            "visits:read",
            "records:settle",
            "metrics:read",
            "metrics:exact",
        ],
        "unit": DONG_THAP,
    },
    "operator": {
        "client_id": "van-hanh",
        "name": "Đơn vị vận hành",
        "kind": "operator",
        "scopes": [
            # It reports nothing: what it grants it must have.
            "visits:write",
            "visits:read",
            "partner-reports:write",
            "partner-reports:read",
            "registry:read",
            "registry:write",
            "reforms:write",
            "clients:write",
            "records:settle",
            "metrics:read",
            "metrics:exact",
        ],
        "unit": None,
    },
}
"""One client of each kind, by the name under which the local commands know it."""


@dataclass(frozen=True)
class LocalSecrets:
    """Where the secrets lie, and each client's id and secret by the client's local name."""

    keys: Keys
    clients_file: Path
    clients: dict[str, tuple[str, str]]


def ensure_secrets(folder: Path) -> LocalSecrets:
    """Make what is missing; what is there is kept, for what is in the databases depends on it."""
    keys = ensure_keys(folder)
    kept = folder / "clients.json"
    known: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    if missing := CLIENTS.keys() - known.keys():
        known |= {name: f"tn_{secrets.token_urlsafe(32)}" for name in missing}
        write_private(kept, json.dumps(known, indent=1))
    definitions = [
        {**client, "secret_sha256": hashlib.sha256(known[name].encode()).hexdigest()}
        for name, client in CLIENTS.items()
    ]
    clients_file = folder / "clients-hashed.json"
    write_private(clients_file, json.dumps(definitions, ensure_ascii=False, indent=1))
    clients = {name: (str(client["client_id"]), known[name]) for name, client in CLIENTS.items()}
    return LocalSecrets(keys, clients_file, clients)


def write_environment(path: Path, environment: Mapping[str, str]) -> None:
    """Write the variables of the running services, for a shell in which an operator's commands are to be run."""
    lines = [f"{name}={shlex.quote(value)}" for name, value in sorted(environment.items())]
    write_private(path, "\n".join(lines) + "\n")
