"""Options of the tier of kernels."""

from __future__ import annotations

import pytest

# Debian 12's own, and the newer one it has beside it.
PACKAGES = ("linux-image-amd64", "linux-image-6.12-amd64")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kernel", action="append", help=f"a package, or the file of one; may be repeated ({' '.join(PACKAGES)})"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "package" in metafunc.fixturenames:
        packages = metafunc.config.getoption("--kernel") or PACKAGES
        metafunc.parametrize("package", packages, scope="session")
