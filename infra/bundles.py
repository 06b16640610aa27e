"""Bundles for outside of Lambda: the build's tools and the host agent, with pinned dependencies."""

from pathlib import Path

from infra.settings import ROOT
from layers.build import build, core, files, pack

_CORE = ROOT / "layers" / "core" / "python"
_BUNDLES = ROOT / "build" / "bundles"
# The agent is pure Python, so that one bundle runs on any host with Python 3.11 or later.
_AGENT_NEEDS = (
    *("attr", "attrs", "cattr", "cattrs", "typing_extensions.py"),
    *("boto3", "botocore", "cronsim", "dateutil", "ecdsa", "jmespath", "s3transfer", "six.py", "urllib3"),
)


def dependencies(platform: str) -> Path:
    """Return the zip of layers/dependencies for the platform."""
    return build(platform)


def core_layer(platform: str) -> Path:
    """Return layers/core as the platform gets it: its folder for the emulator, and a zip for Lambda."""
    return core() if platform == "lambda" else _CORE.parent


def tools(platform: str) -> Path:
    """Return the zip that `python3 -P -m apps.build` runs from."""
    members = _python(dependencies(platform).with_suffix("") / "python")
    members |= _python(_CORE) | _apps("build")
    return _zipped(members, f"tools-{platform}.zip")


def agent() -> Path:
    """Return the zip that `python3 -P -m apps.agent` runs from."""
    members = {
        name: path
        for name, path in _python(dependencies("lambda").with_suffix("") / "python").items()
        if name.split("/")[0] in _AGENT_NEEDS
    }
    return _zipped(members | _python(_CORE) | _apps("agent"), "agent.zip")


def _apps(name: str) -> dict[str, Path]:
    return {f"apps/{name}/{inner}": path for inner, path in _python(ROOT / "apps" / name).items()}


def _python(folder: Path) -> dict[str, Path]:
    return {name: path for name, path in files(folder) if "__pycache__" not in name}


def _zipped(members: dict[str, Path], name: str) -> Path:
    """Return the zip; it is packed again only if a member was changed, added or removed."""
    archive, listing = _BUNDLES / name, _BUNDLES / f"{name}.files"
    wanted = "\n".join(f"{member} {path.stat().st_mtime_ns}" for member, path in sorted(members.items()))
    if not (archive.exists() and listing.exists() and listing.read_text() == wanted):
        pack(members, archive, compressed=True)
        listing.write_text(wanted)
    return archive
