"""The service's own declaration, lifecycle.toml: read it whole or say everything that is wrong with it.

Read by apps/build and by `lifecycle validate`; what hosts need of it travels on as the manifest.
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
