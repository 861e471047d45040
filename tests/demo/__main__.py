"""`make demo`: five people meet on a running platform, through Mastodon.py as any app would use it."""

from __future__ import annotations

import sys

import httpx2
import screen
from moderating import appoint, last_minutes, operator_environment, remove
from stage import MODERATION, SCOPES, URL, DemoError, Steps, console, scene
from talking import chat, like, meet, register, search, talk


def main() -> None:
    """All scenes, then what there is to see."""
    steps = Steps()
    scene("Four people meet")
    with steps.step("an app registers"):
        app = register([*SCOPES, *MODERATION])
    people = meet(steps, app)
    scene("They post")
    posts = talk(steps, people)
    scene("They like and find")
    like(steps, people, posts[0])
    search(steps, people[3], posts[0])
    scene("They chat")
    messages = chat(steps, people[0], people[1])
    scene("What should not stay is removed")
    operator, measures = operator_environment(), None
    if operator is None:
        console.print("[yellow]Left out[/]: to make a moderator takes the operator's access to the platform.")
    else:
        erin = appoint(steps, app, operator)
        remove(steps, erin, author=people[3], reporter=people[2])
        measures = last_minutes(steps, erin, len(people) + 1, len(posts) + 1)
    scene("What they see")
    for person in people:
        with steps.step(f"{person.name} reads home"):
            home = list(person.api.timeline_home(limit=20))
        console.print(screen.home(person, home))
    console.print(screen.conversation(messages))
    if measures is not None:
        console.print(screen.minutes(measures))
    console.print(steps.table())


if __name__ == "__main__":
    try:
        httpx2.get(f"{URL}/api/v2/instance", timeout=5).raise_for_status()
    except httpx2.HTTPError as error:
        console.print(f"[red]Rookery does not answer at {URL}[/] ({error}).")
        console.print("Start it with [bold]make run[/] or [bold]make up[/], or name another: ROOKERY_URL=… make demo")
        sys.exit(1)
    try:
        main()
    except DemoError as error:
        console.print(f"[red]✗[/] {error}")
        sys.exit(1)
