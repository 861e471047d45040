"""Hashtags that accounts follow."""
