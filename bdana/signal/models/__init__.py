"""Models of new particles, one file each; docs/architecture.md says what a file must have."""
