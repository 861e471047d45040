"""The rules: what is indexed, what is searched, and how the index is made again."""
