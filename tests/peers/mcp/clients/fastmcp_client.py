"""The driver of FastMCP's client (PyPI fastmcp)."""

import asyncio
from contextlib import AsyncExitStack

import mcp_types as types
from common import filled, plain, run, sampled
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport
from mcp.client.subscriptions import listen
from mcp_client import Steps


class Driver(Steps):
    def __init__(self, target, era, recorder):
        self.recorder = recorder
        self.listening = AsyncExitStack()
        if "url" in target:
            over = SSETransport if target.get("transport") == "sse" else StreamableHttpTransport
            server = over(target["url"], auth=target.get("token"))
        else:
            server = StdioTransport(**target, keep_alive=False)
        self.client = Client(
            server,
            mode=era,
            cache=False,
            roots=self.list_roots,
            sampling_handler=self.sample,
            elicitation_handler=self.elicit,
            message_handler=self.noticed,
            client_info=types.Implementation(name="peer", version="1"),
        )

    @property
    def session(self):
        return self.client.session

    async def list(self, what):
        asks = {
            "tools": self.client.list_tools_mcp,
            "prompts": self.client.list_prompts_mcp,
            "resources": self.client.list_resources_mcp,
            "resourceTemplates": self.client.list_resource_templates_mcp,
        }
        return await self.pages(lambda cursor: asks[what](cursor=cursor), what)

    async def call_tool(self, tool, arguments, progress, meta):
        return await self.client.call_tool_mcp(
            tool, arguments or {}, progress_handler=progress or nothing, meta=meta
        )

    async def prompt(self, prompt, arguments=None):
        return plain(await self.client.get_prompt_mcp(prompt, arguments))

    async def read(self, uri):
        return plain(await self.client.read_resource_mcp(uri))

    def listen(self, uri, tools):
        watched = [uri] if uri else []
        return listen(self.session, tools_list_changed=tools, resource_subscriptions=watched)

    async def sample(self, messages, params, context):
        self.recorder.add("sampling/createMessage", plain(params))
        return sampled(params)

    async def elicit(self, message, response_type, params, context):
        self.recorder.add("elicitation/create", plain(params))
        return ElicitResult(action="accept", content=filled(params.requested_schema))

    async def list_roots(self, context):
        self.recorder.add("roots/list")
        return [types.Root(**root) for root in self.recorder.roots]


async def nothing(progress, total, message):
    """Progress that no step asked for."""


if __name__ == "__main__":
    asyncio.run(run(Driver))
