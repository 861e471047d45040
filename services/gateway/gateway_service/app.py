"""Composition root: the only place where the gateway's objects are made and wired."""

from __future__ import annotations

from fastapi import APIRouter

from gateway_service import __version__
from gateway_service.announcement_news import AnnouncementNews
from gateway_service.auth import TokenExchange
from gateway_service.browser import Browser
from gateway_service.cache import Fragments
from gateway_service.clients import Clients
from gateway_service.community import Community
from gateway_service.compose import Composer
from gateway_service.compose.for_you import ForYou
from gateway_service.config import Settings
from gateway_service.flags import CHAT, FLAGS, INTERACTIONS, MEASURES, MEDIA_UPLOADS, SEARCH, STREAMING
from gateway_service.handshake import Handshake
from gateway_service.hub import Hub
from gateway_service.limits import Limiter
from gateway_service.overload import Gate
from gateway_service.pages import Pages
from gateway_service.push_key import PushKey
from gateway_service.revocations import Revocations
from gateway_service.routers.account_lists import AccountLists
from gateway_service.routers.account_sessions import AccountSessions
from gateway_service.routers.accounts import Accounts
from gateway_service.routers.activity import Activity
from gateway_service.routers.admin_reports import AdminReports
from gateway_service.routers.announcements import Announcements
from gateway_service.routers.apps import Apps
from gateway_service.routers.authorize import Authorize
from gateway_service.routers.chat import ChatSockets
from gateway_service.routers.conversations import Conversations
from gateway_service.routers.deletion import DeletionPage
from gateway_service.routers.direct_conversations import DirectConversationRoutes
from gateway_service.routers.directory import Directory
from gateway_service.routers.drafts import Drafts
from gateway_service.routers.edits import Edits
from gateway_service.routers.empty import Empty
from gateway_service.routers.engagement import Engagement
from gateway_service.routers.engagement_lists import EngagementLists
from gateway_service.routers.featured_tags import FeaturedTags
from gateway_service.routers.filters import FilterRoutes
from gateway_service.routers.filters_v1 import FilterRoutesV1
from gateway_service.routers.for_you import ForYouRoutes
from gateway_service.routers.home_preferences import HomePreferencesRoutes
from gateway_service.routers.imports import Imports
from gateway_service.routers.instance import Instance
from gateway_service.routers.interactions import Interactions
from gateway_service.routers.markers import Markers
from gateway_service.routers.measures import Measures
from gateway_service.routers.media import Media
from gateway_service.routers.notification_groups import NotificationGroups
from gateway_service.routers.notification_policy import PolicyRoutes
from gateway_service.routers.notification_preferences import PreferenceRoutes
from gateway_service.routers.notifications import Notifications
from gateway_service.routers.oauth import OAuth
from gateway_service.routers.oembed import OEmbed
from gateway_service.routers.page_forms import PageForms
from gateway_service.routers.pages import FrontPages
from gateway_service.routers.part_uploads import PartUploads
from gateway_service.routers.passkeys import PasskeyPages
from gateway_service.routers.polls import Polls
from gateway_service.routers.probes import Probes
from gateway_service.routers.profile import Profile
from gateway_service.routers.providers import ProviderPages
from gateway_service.routers.push import Push
from gateway_service.routers.quotes import Quotes
from gateway_service.routers.recovery import Recovery
from gateway_service.routers.reference import Reference
from gateway_service.routers.registration import Registration
from gateway_service.routers.relationships import Relationships
from gateway_service.routers.remarks import Remarks
from gateway_service.routers.replies import Replies
from gateway_service.routers.reports import Reports
from gateway_service.routers.scheduled_statuses import ScheduledStatuses
from gateway_service.routers.search import Search
from gateway_service.routers.security import Security
from gateway_service.routers.sessions import SessionPages
from gateway_service.routers.sign_in import SignIn
from gateway_service.routers.sign_up import SignUp
from gateway_service.routers.sign_up_page import SignUpPage
from gateway_service.routers.statuses import Statuses
from gateway_service.routers.streaming import Streaming
from gateway_service.routers.suggestions import Suggestions
from gateway_service.routers.tags import Tags
from gateway_service.routers.texts import TextRoutes
from gateway_service.routers.timelines import Timelines
from gateway_service.routers.transfers import Transfers
from gateway_service.routers.unsubscribing import Unsubscribing
from gateway_service.routing import behind
from gateway_service.server import HttpServer, Once
from gateway_service.sign_up_policy import SignUpPolicy
from gateway_service.streams import CHAT as CHAT_STREAM
from gateway_service.streams import STREAMS
from gateway_service.texts import Texts
from gateway_service.web import build_web
from rookery_common.app import App, Component, Role
from rookery_common.clock import Clock, SystemClock
from rookery_common.flags import Flags
from rookery_common.health import Health


def build(roles: frozenset[Role]) -> App:
    """The gateway only serves: what it follows, it follows for its own caches."""
    if Role.SERVE not in roles:
        raise SystemExit("gateway_service: the only role is serve")
    settings = Settings()
    clock = SystemClock()
    gate = Gate(clock)
    clients = Clients(settings, gate.for_one_dependency)
    revocations = Revocations(clients, clock)
    exchange = TokenExchange(clients.auth, clock, capacity=settings.token_cache_size, fresh=revocations.fresh)
    hub = Hub(clients, clock)
    revocations.connect(exchange, hub)
    flags = Flags(settings.flags_file, FLAGS, service=settings.service)
    flags.when_off(STREAMING, lambda: hub.close_listeners(STREAMS))
    flags.when_off(CHAT, lambda: hub.close_listeners({CHAT_STREAM.name}))
    cache = Fragments()
    composer = Composer(clients, cache, clock, settings)
    announcements = AnnouncementNews(hub, clients, composer, clock)
    checks = {"revocations": Once(revocations.check)}
    health = Health(checks)
    limiter = Limiter(settings, exchange, clock)
    texts = Texts(settings)
    routers = all_routers(clients, composer, exchange, settings, clock, flags, hub, health)
    routers = limiter.over([*routers, TextRoutes(texts, clock).router])
    server = HttpServer(build_web(settings, routers, gate), settings, health, gate)
    # Stopped in reverse: streams are told to go elsewhere before the server waits for requests to end.
    follower = cache.follower(settings, announcements.followed)
    components: list[Component] = [
        flags, limiter, texts, clients, announcements, follower, revocations, server, hub,
    ]  # fmt: skip
    return App(settings, __version__, components, checks)


def all_routers(
    clients: Clients,
    composer: Composer,
    exchange: TokenExchange,
    settings: Settings,
    clock: Clock,
    flags: Flags,
    hub: Hub,
    health: Health,
) -> list[APIRouter]:
    """Every route of the gateway, the hottest first."""
    handshake = Handshake(settings, exchange, clock)
    return [
        Timelines(composer, ForYou(clients, composer), exchange, settings).router,
        behind(flags, STREAMING, Streaming(hub, clients, composer, exchange, handshake, clock).router),
        behind(flags, CHAT, ChatSockets(hub, clients, exchange, handshake, clock).router),
        *api_routers(clients, composer, exchange, settings, clock, flags),
        Probes(health).router,
    ]


def api_routers(
    clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings, clock: Clock, flags: Flags
) -> list[APIRouter]:
    """All routes that answer at once."""
    pages, push_key = Pages(settings), PushKey(clients, clock)
    sign_up = SignUpPolicy(clients, flags, clock)
    forms = PageForms(clients, Browser(exchange, settings), pages, settings, sign_up)
    return [
        *_status_routers(clients, composer, exchange, settings),
        # Its accounts/search is not the account "search".
        behind(flags, SEARCH, Search(clients, composer, exchange, settings).router),
        Profile(clients, composer, exchange, settings).router,
        *_people(clients, composer, exchange, settings),
        # Before the routes of single notifications and groups: "requests" and "policy" are neither.
        PolicyRoutes(clients, composer, exchange, settings, clock).router,
        PreferenceRoutes(clients, exchange, settings).router,
        Notifications(clients, composer, exchange, settings).router,
        NotificationGroups(clients, composer, exchange, settings).router,
        Markers(clients, exchange, settings).router,
        Tags(clients, composer, exchange, settings).router,
        HomePreferencesRoutes(clients, composer, exchange, settings).router,
        ForYouRoutes(ForYou(clients, composer), exchange, settings).router,
        behind(flags, CHAT, Conversations(clients, composer, exchange, settings).router),
        DirectConversationRoutes(clients, composer, exchange, settings).router,
        SignUp(clients, exchange, settings, flags).router,
        behind(flags, MEDIA_UPLOADS, Media(clients, composer, exchange, settings).router, methods={"POST"}),
        behind(flags, MEDIA_UPLOADS, PartUploads(clients, composer, exchange, settings).router, methods={"POST"}),
        Apps(clients, exchange, settings, push_key).router,
        Push(clients, exchange, settings, push_key).router,
        OAuth(clients, composer, exchange, settings).router,
        Registration(clients, settings).router,
        *_account_pages(clients, composer, exchange, settings, forms),
        AccountSessions(clients, exchange).router,
        Imports(clients, exchange, settings).router,
        FilterRoutes(clients, composer, exchange, settings).router,
        FilterRoutesV1(clients, composer, exchange, settings).router,
        Reports(clients, composer, exchange, settings).router,
        AdminReports(clients, composer, exchange, settings).router,
        Announcements(clients, exchange, settings).router,
        behind(flags, INTERACTIONS, Interactions(clients, exchange, settings, clock).router),
        behind(flags, MEASURES, Measures(clients, exchange, settings, clock).router),
        OEmbed(composer, settings).router,
        Empty(exchange).router,
        *_about_here(clients, settings, sign_up, pages, clock, push_key),
    ]


def _account_pages(
    clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings, forms: PageForms
) -> list[APIRouter]:
    """Signing in, and looking after one's account, with a browser."""
    sign_in = SignIn(forms)
    sign_up_page = SignUpPage(forms, sign_in, settings)
    return [
        Authorize(forms, sign_in, settings).router,
        sign_in.router,
        sign_up_page.router,
        Recovery(forms, exchange).router,
        Unsubscribing(forms).router,
        Security(forms).router,
        PasskeyPages(forms, sign_in).router,
        ProviderPages(forms, sign_in, sign_up_page).router,
        SessionPages(forms).router,
        Transfers(clients, composer, forms, settings).router,
        DeletionPage(forms).router,
    ]


def _about_here(
    clients: Clients, settings: Settings, sign_up: SignUpPolicy, pages: Pages, clock: Clock, push_key: PushKey
) -> list[APIRouter]:
    """What this server tells everybody of itself."""
    return [
        Instance(settings, sign_up, Community(clients, clock), push_key).router,
        Activity(clients).router,
        Reference().router,
        FrontPages(pages, settings).router,
    ]


def _people(clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> list[APIRouter]:
    """Accounts, and what they are to one another."""
    return [
        AccountLists(clients, composer, exchange, settings).router,
        # Its accounts/familiar_followers is not the account "familiar_followers".
        Remarks(clients, composer, exchange, settings).router,
        Accounts(clients, composer, exchange, settings).router,
        Relationships(clients, composer, exchange, settings).router,
        FeaturedTags(clients, exchange, settings).router,
        Directory(clients, composer, exchange).router,
        Suggestions(clients, composer, exchange).router,
    ]


def _status_routers(
    clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings
) -> list[APIRouter]:
    """What is done with posts one by one."""
    statuses = Statuses(clients, composer, exchange, settings)
    return [
        statuses.router,
        Engagement(clients, composer, exchange, settings, statuses).router,
        EngagementLists(clients, composer, exchange, settings).router,
        Quotes(clients, composer, exchange, settings).router,
        Replies(clients, composer, exchange, settings).router,
        Edits(clients, composer, exchange, settings).router,
        Polls(clients, composer, exchange, settings).router,
        ScheduledStatuses(clients, composer, exchange, settings).router,
        Drafts(clients, composer, exchange, settings, statuses).router,
    ]
