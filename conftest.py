"""Every package's tests share one plugin."""

pytest_plugins = ["rookery_common.testing.plugin"]
