"""What looks at a deployed service from outside, by the service's own image: a smoke test, and a canary's analysis."""
