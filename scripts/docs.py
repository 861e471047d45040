"""Writes the pages that are made from code and contracts, all or those that are named.

`docs.py [--check] [PAGE...]`; with `--check` nothing is written, and it fails when one of them is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import degradation
import openapi
import permissions
import reference
import routes
import yaml

from gateway_service import flags as gateway_flags
from post_service import flags as post_flags

SOURCE = Path("protos/topics.yaml")
FLAGS = {"gateway": gateway_flags.FLAGS, "post": post_flags.FLAGS}
TOPICS_HEAD = """# Topics

Generated from `protos/topics.yaml` by `make docs`; don't edit. Values are protobuf, headers are CloudEvents 1.0 in
binary mode. What a group cannot handle goes to its dead-letter topic, `<group>.dlq`.

"""


FLAGS_HEAD = """# Feature flags

Generated from the services' `flags.py` by `make docs`; don't edit. Each switches an optional part of
the platform off while the rest goes on, for everybody, within seconds and without a restart. While a part is off its
routes answer 503 with `X-Rookery-Switched-Off: <flag>` and `Retry-After`; sign-up answers 403.

"""
FLAGS_TAIL = """
## The file

`GATEWAY_FLAGS_FILE` and `POST_FLAGS_FILE` name a file in the format of
[flagd](https://flagd.dev/reference/flag-definitions/), the same in all replicas; each looks at it
once a second. What it does not set has its default, and without a file everything has. A state of `DISABLED` is the
same as not being set. Rules about whom a flag holds for (`targeting`) are refused.

```json
{
  "flags": {
    "search": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}
  }
}
```

A file that turns bad changes nothing: the log says `flags.file_refused` with the place in it, the metric
`rookery_flags_file_valid` is 0, and the last good one holds. A replica that starts with a bad or missing file ends at
once and says why, because it can't know what is switched off. `rookery_flag_on{flag}` is what holds; `flags.read` in
the log names keys that nothing here knows, which is how a misspelt one shows.

Mount a ConfigMap as a folder, not by `subPath`: only a folder is updated while the pod runs (the kubelet takes up to a
minute). On one machine the file is `flags.json` in the instance's folder, `.rookery/dev/flags.json`.
"""


def section(name: str, topic: Mapping[str, Any]) -> str:
    groups = ", ".join(f"`{consumer['group']}`" for consumer in topic["consumers"]) or "none yet"
    rows = [
        ("written by", topic["producer"]),
        ("read by", groups),
        *([("followed by", ", ".join(topic["followers"]))] if "followers" in topic else []),
        ("key", topic["key"]),
        ("partitions", topic["partitions"]),
        ("kept for", f"{topic['retention_hours']} hours"),
        ("messages", ", ".join(f"`{message}`" for message in topic["messages"])),
    ]
    table = "".join(f"| {label} | {value} |\n" for label, value in rows)
    return f"## {name}\n\n{topic['description']}\n\n| | |\n|---|---|\n{table}"


def topics_page() -> str:
    topics: Mapping[str, Mapping[str, Any]] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["topics"]
    return TOPICS_HEAD + "\n".join(section(name, topic) for name, topic in sorted(topics.items()))


def flags_page() -> str:
    rows = "".join(
        f"| `{flag.key}` | {service} | {'on' if flag.default else 'off'} | {flag.when_off} |\n"
        for service, flags in FLAGS.items()
        for flag in flags
    )
    return FLAGS_HEAD + "| flag | service | default | where it is off |\n|---|---|---|---|\n" + rows + FLAGS_TAIL


PAGES: Mapping[Path, Callable[[], str]] = {
    Path("docs/topics.md"): topics_page,
    Path("docs/flags.md"): flags_page,
    Path("docs/routes.md"): routes.page,
    Path("docs/degradation.md"): degradation.page,
    Path("docs/security/permissions.md"): permissions.page,
    Path("services/gateway/gateway_service/openapi.json"): openapi.page,
    Path("services/gateway/gateway_service/reference.html"): reference.page,
}


def main(arguments: list[str]) -> str | None:
    named = {Path(argument) for argument in arguments if argument != "--check"}
    pages = {path: make() for path, make in PAGES.items() if not named or path in named}
    if "--check" in arguments:
        stale = [
            str(path) for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
        ]
        return f"{' and '.join(stale)} is stale: run make docs" if stale else None
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
