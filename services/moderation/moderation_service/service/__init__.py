"""The rules of moderation: what becomes of posts, of reports, and who may say so."""
