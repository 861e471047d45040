"""What the terminal shows at the end."""

from __future__ import annotations

import html
import re
from typing import Any

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from stage import Person


def home(person: Person, statuses: list[Any]) -> Panel:
    """One home timeline, newest first, as a reader sees it."""
    names = {status["account"]["id"]: status["account"]["username"] for status in statuses}
    table = Table.grid(padding=(0, 2))
    for status in statuses:
        lines = [escape(html.unescape(re.sub(r"<[^>]+>", "", status["content"])))]
        if status["in_reply_to_account_id"]:
            lines.insert(0, f"[dim]↪ to @{names.get(status['in_reply_to_account_id'], 'someone')}[/]")
        for media in status["media_attachments"]:
            size = media["meta"]["original"]
            lines.append(f"[dim]▣ {size['width']} x {size['height']} {media['description']}[/]")
        if status["favourites_count"]:
            lines.append(f"[red]♥ {status['favourites_count']}[/]")
        table.add_row(
            f"[cyan]{status['created_at']:%H:%M:%S}[/]", f"[bold]@{names[status['account']['id']]}[/]", "\n".join(lines)
        )
    return Panel(table, title=f"{person.name}'s home", title_align="left", border_style="green")


def conversation(messages: list[tuple[str, str]]) -> Panel:
    """A chat, oldest first."""
    table = Table.grid(padding=(0, 2))
    for name, text in messages:
        table.add_row(f"[bold]{name}[/]", escape(text))
    return Panel(table, title="the chat, stored encrypted", title_align="left", border_style="green")


def minutes(measures: list[dict[str, Any]]) -> Table:
    """Each measure by minutes, the newest last."""
    table = Table(title="What happened in the last minutes", title_justify="left", header_style="bold")
    table.add_column("measure")
    windows = list(zip(*(measure["windows"] for measure in measures), strict=True))
    first = next((n for n, of_all in enumerate(windows) if any(window["value"] for window in of_all)), 0)
    for window, *_ in windows[first:]:
        table.add_column(str(window["start"])[11:16], justify="right")
    for measure in measures:
        values = [str(window["value"]) for window in measure["windows"][first:]]
        table.add_row(measure["key"].replace("_", " "), *values)
    return table
