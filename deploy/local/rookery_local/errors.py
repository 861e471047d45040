"""What can go wrong in a way that its reader can do something about."""


class LocalError(Exception):
    """A failure whose message tells a developer what happened and what to do; shown without a traceback."""


class Interrupted(BaseException):
    """SIGTERM or SIGHUP arrived: unwinds like KeyboardInterrupt, so that clean-up runs."""
