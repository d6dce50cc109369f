//! Floor 6: MCP servers that the gateway itself runs or puts together.
