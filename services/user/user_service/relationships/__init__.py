"""What accounts are to one another: follows and requests to follow, blocks, mutes."""
