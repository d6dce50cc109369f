//! The MCP room from outside: what it allocates, and whether another parser reads what it reads.

mod memory;
mod oracle;
