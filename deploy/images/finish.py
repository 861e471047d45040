"""Finishes an image's environment: `finish.py /opt/rookery` leaves out what never runs and makes the rest reproducible.

The root file system is read-only, so the bytecode is compiled here, and nothing checks it at the start; every file gets
one date, so that the same sources give the same layer.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

# botocore describes every service of AWS; these are the ones that are called or that signing in needs.
AWS_SERVICES = {"s3", "sso", "sso-oidc", "sts"}
# 1980-01-01: the first day that a zip file can tell, as in the wheels.
DATE = 315_532_800


def prune(site_packages: Path) -> None:
    """Deletes botocore's descriptions of services that nothing calls."""
    for folder in site_packages.glob("botocore/data/*"):
        if folder.is_dir() and folder.name not in AWS_SERVICES:
            shutil.rmtree(folder)


def strip(site_packages: Path) -> None:
    """Debugging symbols of extension modules. What auditwheel put into *.libs folders does not bear it."""
    modules = [path for path in site_packages.rglob("*.so") if not path.parent.name.endswith(".libs")]
    subprocess.run(["strip", "--strip-unneeded", *modules], check=True)  # noqa: S603, S607 - of the build stage


def compile_all(site_packages: Path) -> None:
    """Bytecode that is never compared with its source: both lie in the same read-only layer."""
    compileall.compile_dir(site_packages, quiet=2, workers=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


def set_dates(root: Path) -> None:
    for folder, folders, files in os.walk(root, topdown=False):
        for name in (*files, *folders):
            os.utime(Path(folder, name), (DATE, DATE), follow_symlinks=False)
    os.utime(root, (DATE, DATE))


if __name__ == "__main__":
    environment = Path(sys.argv[1])
    for packages in environment.glob("lib/python*/site-packages"):
        prune(packages)
        strip(packages)
        compile_all(packages)
    set_dates(environment)
