"""Real MCP clients against real MCP servers: directly, and through the gateway; the same must come."""
