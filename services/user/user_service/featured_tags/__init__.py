"""Hashtags that accounts show on their profiles."""
