"""The edge part of the peers suite: tools that try what anybody can reach."""
