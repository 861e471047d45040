"""An operator's policy: its file, its rules, and which of them a post breaks."""
