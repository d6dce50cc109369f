"""The peers suite: other people's programs on both sides of a running gateway."""
