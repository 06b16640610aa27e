"""What runs outside Lambda, zipped from sources and pinned dependencies: the build's tools, the host agent."""

from pathlib import Path

from infra.settings import ROOT
from layers.build import build, files, pack

_CORE = ROOT / "layers" / "core" / "python"
_BUNDLES = ROOT / "build" / "bundles"
# The agent is pure Python, so that one bundle runs on any host with Python 3.11 or later.
_AGENT_NEEDS = (
    *("attr", "attrs", "cattr", "cattrs", "typing_extensions.py"),
    *("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3"),
)


def dependencies(platform: str) -> Path:
    """The zip of layers/dependencies for the platform."""
    return build(platform)


def tools(platform: str) -> Path:
    """All that `python3 -P -m apps.build` needs, at the zip's root."""
    members = _python(dependencies(platform).with_suffix("") / "python")
    members |= _python(_CORE) | _apps("build")
    return _zipped(members, f"tools-{platform}.zip")


def agent() -> Path:
    """All that `python3 -P -m apps.agent` needs, at the zip's root."""
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
    """The zip, packed anew only when a member is newer, came, or went."""
    archive, listing = _BUNDLES / name, _BUNDLES / f"{name}.files"
    wanted = "\n".join(f"{member} {path.stat().st_mtime_ns}" for member, path in sorted(members.items()))
    if not (archive.exists() and listing.exists() and listing.read_text() == wanted):
        pack(members, archive, compressed=True)
        listing.write_text(wanted)
    return archive
