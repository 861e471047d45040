"""The server, and what it alone needs."""

from __future__ import annotations

from typing import Final

from post_service import (
    draft_servicer,
    edit_servicer,
    engagement_servicer,
    pin_servicer,
    poll_servicer,
    quote_servicer,
    reply_servicer,
    schedule_servicer,
    servicer,
    upload_servicer,
)
from post_service.app.parts import Parts
from post_service.clients import AuthClient
from post_service.draft_servicer import DraftServicer
from post_service.edit_servicer import EditServicer
from post_service.engagement_servicer import EngagementServicer
from post_service.imaging.pool import ImageWorkers
from post_service.pin_servicer import PinServicer
from post_service.poll_servicer import PollServicer
from post_service.quote_servicer import QuoteServicer
from post_service.reply_servicer import ReplyServicer
from post_service.repository.erasures import ErasureRepository
from post_service.repository.marked import MarkedRepository
from post_service.repository.part_uploads import PartUploadRepository
from post_service.repository.pins import PinRepository
from post_service.repository.polls import VoteRepository
from post_service.repository.quotes import QuoteRepository
from post_service.repository.replies import ReplyRepository
from post_service.repository.saved_drafts import SavedDraftRepository
from post_service.schedule_servicer import ScheduleServicer
from post_service.service.accept_media import MediaQueue
from post_service.service.edit_post import PostEditor
from post_service.service.engage import Engagement
from post_service.service.erase_account import MarkErasure, PostErasure
from post_service.service.list_engaged import EngagedAccounts
from post_service.service.list_marked import MarkedPosts
from post_service.service.list_posts import AccountPosts
from post_service.service.list_voters import Voters
from post_service.service.media import MediaLibrary
from post_service.service.part_uploads import PartUploads
from post_service.service.pins import Pins
from post_service.service.posts_of_authors import PostsOfAuthors
from post_service.service.profile_pictures import ProfilePictures
from post_service.service.quotes import Quotes
from post_service.service.reblog import Reblogger
from post_service.service.replies import Replies
from post_service.service.revisions import Revisions
from post_service.service.saved_drafts import SavedDrafts
from post_service.service.scheduled_posts import ScheduledPosts
from post_service.service.threads import ThreadReader
from post_service.service.vote import Voting
from post_service.servicer import PostServicer, Rules
from post_service.upload_servicer import UploadServicer
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.post.v1.draft_service_pb2_grpc import add_DraftServiceServicer_to_server
from rookery.post.v1.edit_service_pb2_grpc import add_EditServiceServicer_to_server
from rookery.post.v1.engagement_service_pb2_grpc import add_EngagementServiceServicer_to_server
from rookery.post.v1.pin_service_pb2_grpc import add_PinServiceServicer_to_server
from rookery.post.v1.poll_service_pb2_grpc import add_PollServiceServicer_to_server
from rookery.post.v1.post_service_pb2_grpc import add_PostServiceServicer_to_server
from rookery.post.v1.quote_service_pb2_grpc import add_QuoteServiceServicer_to_server
from rookery.post.v1.reply_service_pb2_grpc import add_ReplyServiceServicer_to_server
from rookery.post.v1.schedule_service_pb2_grpc import add_ScheduleServiceServicer_to_server
from rookery.post.v1.upload_service_pb2_grpc import add_UploadServiceServicer_to_server
from rookery_common.app import Component
from rookery_common.auth import TokenVerifier
from rookery_common.erasure import StepwiseEraser
from rookery_common.rpc import erasure_serving
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.erasure_serving import erasure_registration
from rookery_common.rpc.server import RpcServer

SERVICE_NAME: Final = "rookery.post.v1.PostService"
ALLOWED_CALLERS: Final = {**servicer.ALLOWED_CALLERS, **erasure_serving.ALLOWED_CALLERS}


class Serving(Parts):
    """Parts that serve."""

    def serving(self) -> list[Component]:
        """What a serving process starts beside what all have."""
        settings = self._settings
        auth = RpcClient(settings, settings.auth_target, AuthServiceStub, service="auth")
        workers = ImageWorkers(settings.image_workers)
        verifier = TokenVerifier(AuthClient(auth).signing_keys, self._clock)
        queue = MediaQueue(self._unfinished, self._files, self._events, self._clock)
        library = MediaLibrary(self._media, self._media_files, workers, queue, self._ids, self._versions)
        rules = self._rules(library)
        server = RpcServer(
            settings,
            verifier=verifier,
            services=[
                (add_PostServiceServicer_to_server, PostServicer(rules, self._codec, verifier), SERVICE_NAME),
                (
                    add_EngagementServiceServicer_to_server,
                    self._engagement_servicer(),
                    engagement_servicer.SERVICE_NAME,
                ),
                (add_DraftServiceServicer_to_server, self._draft_servicer(), draft_servicer.SERVICE_NAME),
                (add_EditServiceServicer_to_server, self._edit_servicer(), edit_servicer.SERVICE_NAME),
                (add_PinServiceServicer_to_server, self._pin_servicer(), pin_servicer.SERVICE_NAME),
                (add_PollServiceServicer_to_server, self._poll_servicer(), poll_servicer.SERVICE_NAME),
                (add_QuoteServiceServicer_to_server, self._quote_servicer(), quote_servicer.SERVICE_NAME),
                (add_ReplyServiceServicer_to_server, self._reply_servicer(), reply_servicer.SERVICE_NAME),
                (add_ScheduleServiceServicer_to_server, self._schedule_servicer(), schedule_servicer.SERVICE_NAME),
                (add_UploadServiceServicer_to_server, self._upload_servicer(library), upload_servicer.SERVICE_NAME),
                erasure_registration(self._eraser()),
            ],
            allowed_callers=ALLOWED_CALLERS,
        )
        return [auth, workers, server]

    def _draft_servicer(self) -> DraftServicer:
        return DraftServicer(self._saved_drafts(SavedDraftRepository(self._cql)), self._codec)

    def _upload_servicer(self, library: MediaLibrary) -> UploadServicer:
        open_uploads = PartUploadRepository(self._cql)
        rules = PartUploads(open_uploads, self._media, self._files, library, self._ids, self._clock)
        return UploadServicer(rules, self._codec)

    def _saved_drafts(self, drafts: SavedDraftRepository) -> SavedDrafts:
        return SavedDrafts(drafts, self._posts, self._media, self._writer, self._ids, self._versions, self._clock)

    def _eraser(self) -> StepwiseEraser:
        drafts, lists = SavedDraftRepository(self._cql), MarkedRepository(self._cql, self._clock)
        posts = PostErasure(
            self._posts,
            self._remover,
            ErasureRepository(self._cql),
            (self._scheduled, self._scheduled_posts()),
            (drafts, self._saved_drafts(drafts)),
            PinRepository(self._cql),
            ProfilePictures(self._media, self._versions, self._clock),
            self._clock,
        )
        marks = MarkErasure(self._marks, lists, self._engagement(), self._versions, self._clock)
        return StepwiseEraser([*posts.steps, *marks.steps], self._clock)

    def _edit_servicer(self) -> EditServicer:
        editor = PostEditor(
            self._posts,
            self._revisions,
            self._media,
            self._reader,
            self._remover,
            self._settler,
            self._users,
            self._events,
            self._poll_ends,
            self._versions,
            self._clock,
            self._settings.local_domain,
            hold=self._settings.hold_posts,
        )
        return EditServicer(editor, Revisions(self._posts, self._revisions, self._reader), self._codec)

    def _pin_servicer(self) -> PinServicer:
        pins = PinRepository(self._cql)
        return PinServicer(Pins(pins, self._posts, self._reader, self._mark_reader, self._clock))

    def _poll_servicer(self) -> PollServicer:
        votes = VoteRepository(self._cql, self._outbox, self._polls)
        voting = Voting(self._polls, votes, self._posts, self._reader, self._events, self._versions)
        return PollServicer(voting, Voters(self._polls))

    def _quote_servicer(self) -> QuoteServicer:
        quotes = QuoteRepository(self._cql, self._outbox, self._clock)
        rules = Quotes(quotes, self._posts, self._reader, self._settler, self._events, self._versions)
        return QuoteServicer(rules, self._codec)

    def _reply_servicer(self) -> ReplyServicer:
        replies = ReplyRepository(self._cql, self._outbox)
        rules = Replies(replies, self._posts, self._reader, self._settler, self._events, self._versions)
        return ReplyServicer(rules, self._codec)

    def _schedule_servicer(self) -> ScheduleServicer:
        return ScheduleServicer(self._scheduled_posts(), self._codec)

    def _scheduled_posts(self) -> ScheduledPosts:
        return ScheduledPosts(
            self._scheduled, self._posts, self._media, self._writer, self._ids, self._versions, self._clock
        )

    def _engagement_servicer(self) -> EngagementServicer:
        lists = MarkedRepository(self._cql, self._clock)
        return EngagementServicer(
            self._engagement(), MarkedPosts(lists, self._marks), EngagedAccounts(self._engagements, self._reader)
        )

    def _engagement(self) -> Engagement:
        return Engagement(
            self._engagements,
            self._marks,
            self._mark_reader,
            self._reader,
            self._events,
            self._ids,
            self._versions,
            self._clock,
        )

    def _rules(self, library: MediaLibrary) -> Rules:
        posts, reader, versions, events, ids = self._posts, self._reader, self._versions, self._events, self._ids
        return Rules(
            self._writer,
            self._remover,
            reader,
            AccountPosts(posts, reader, self._codec),
            PostsOfAuthors(posts, reader),
            ThreadReader(posts, reader, self._codec),
            self._engagement(),
            Reblogger(self._stores, reader, self._mark_reader, self._remover, self._codec, events, ids, versions),
            library,
        )
