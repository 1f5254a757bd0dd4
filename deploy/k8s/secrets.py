"""Secrets of a small installation: made once, outside the tree, in a folder that `kubectl apply -k` takes."""

import secrets
from pathlib import Path

from deploy.keys import ensure_keys, write_private

__all__ = ["BadFolder", "make_secrets"]

ROOT = Path(__file__).parents[2]
KUSTOMIZATION = """\
# Made by `python -m deploy.k8s secrets`. Back up sealing-keys.txt and pseudonym-keys.txt: nothing replaces them.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: tungnha
generatorOptions:
  disableNameSuffixHash: true
secretGenerator:
  - name: registry-keys
    files: [signing-key.pem, sealing-keys.txt]
  - name: visits-keys
    files: [pseudonym-keys.txt]
  - name: metrics-keys
    files: [lift-keys.txt]
  - name: watch-db
    type: kubernetes.io/basic-auth
    literals: [username=tungnha_watch]
    files: [password=watch-password]
"""


class BadFolder(ValueError):
    """The folder is not one that secrets may be in."""


def make_secrets(folder: Path) -> list[str]:
    """Make what is missing in a folder, readable by its owner only; gives the names of what was made.

    Raises BadFolder for a folder within the project, where they would one day be committed.
    """
    folder = folder.absolute()
    if folder.resolve().is_relative_to(ROOT.resolve()):
        raise BadFolder(f"{folder}: {ROOT} là kho mã nguồn, hãy chọn thư mục khác · is the source tree, name another")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = {file.name for file in folder.iterdir()}
    ensure_keys(folder)
    if not (folder / "watch-password").exists():
        write_private(folder / "watch-password", secrets.token_hex(32))
    write_private(folder / "kustomization.yaml", KUSTOMIZATION)
    return sorted({file.name for file in folder.iterdir()} - before - {"kustomization.yaml"})
