"""Installing what the engines need. (first steps)"""


def install_everything(*, relock: bool) -> None:
    """x"""


def require_installed() -> None:
    """x"""
