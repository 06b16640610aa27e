"""lifecycle.toml, the service's declaration: read it, or report all its problems at once.

Used by apps/build, `lifecycle validate` and apps/local. The part that hosts need becomes the manifest.
"""

from lifecycle.servicefile.model import ManifestParts, ServiceFile
from lifecycle.servicefile.problems import InvalidServiceFile, Problem
from lifecycle.servicefile.reading import FILE_NAME, parse_service_file, read_service_file

__all__ = [
    "FILE_NAME",
    "InvalidServiceFile",
    "ManifestParts",
    "Problem",
    "ServiceFile",
    "parse_service_file",
    "read_service_file",
]
