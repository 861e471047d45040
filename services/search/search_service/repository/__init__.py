"""Everything that is asked of the engine."""
