"""User's directory and the community's counts; analytics' weeks."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService
from rookery.analytics.v1 import analytics_service_pb2 as analytics
from rookery.user.v1 import directory_service_pb2 as pb


class FakeDirectory(FakeService):
    """Whoever has signed up wishes to be found; the order of activity is that of coming."""

    def ListDirectory(self, request: pb.ListDirectoryRequest, _who: Any) -> pb.ListDirectoryResponse:
        found = sorted(self.world.user.accounts, reverse=request.order == pb.DIRECTORY_ORDER_NEW)
        return pb.ListDirectoryResponse(account_ids=found[request.offset :][: request.page_size])

    def GetCommunityCounts(self, _request: Any, _who: Any) -> pb.GetCommunityCountsResponse:
        world = self.world
        return pb.GetCommunityCountsResponse(accounts=len(world.user.accounts), statuses=len(world.post.posts))


class FakeAnalytics(FakeService):
    """Says that everybody was active."""

    def ListActivity(self, _request: Any, _who: Any) -> analytics.ListActivityResponse:
        return analytics.ListActivityResponse(month_active_accounts=len(self.world.user.accounts))
