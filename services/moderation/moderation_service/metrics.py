"""This service's instruments."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

POLICY_RULES = Gauge("rookery_moderation_policy_rules", "Rules of the policy that is in force.")
POLICY_REJECTED = Counter("rookery_moderation_policy_rejected_total", "Changes of the policy file that were wrong.")
POSTS_JUDGED = Counter("rookery_moderation_posts_judged_total", "Versions of posts that were judged.", ["outcome"])
DECISIONS = Counter("rookery_moderation_decisions_total", "Decisions on posts.", ["by", "state"])
REPORTS = Counter("rookery_moderation_reports_total", "Reports, by who reports.", ["by"])
