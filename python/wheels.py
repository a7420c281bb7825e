"""Wheels of the Python package index, pinned by version and SHA-256: taken as archives, never run."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path


def fetch(pin: str, sha256: str, options: Sequence[str] = ()) -> zipfile.ZipFile:
    """The wheel `NAME==VERSION`, or an end with the reason: pip itself compares the hash."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        requirements = folder / "requirements.txt"
        requirements.write_text(f"{pin} --hash=sha256:{sha256}\n")
        target = folder / "wheel"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--only-binary=:all:", "--require-hashes", "--requirement", requirements, "--dest", target,
                   *options]
        if subprocess.run(command).returncode != 0:
            sys.exit(f"{pin} could not be downloaded with its pinned hash; pip says why above")
        (path,) = target.iterdir()
        # The open file outlives its folder.
        return zipfile.ZipFile(path)


def made_from(*scripts: Path) -> str:
    """Which version of these scripts (and of this one) made something: skip it when it is still the same."""
    digest = hashlib.sha256()
    for script in (*scripts, Path(__file__)):
        digest.update(script.read_bytes())
    return digest.hexdigest()
