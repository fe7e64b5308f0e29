//! Hosting agents: drivers, the demo agent, the MCP shim.
