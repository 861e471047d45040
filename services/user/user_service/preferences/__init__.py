"""How accounts want their homes."""
