"""The driver of the official Python SDK's client (PyPI mcp)."""

import asyncio
import warnings
from contextlib import AsyncExitStack

import mcp_types as types
from common import Unsupported, filled, plain, run, sampled
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

warnings.filterwarnings("ignore")  # the older era's features are what is asked of it here


class Steps:
    """The steps, in terms of the SDK's client; FastMCP's driver has its own names for some."""

    async def connect(self):
        client = self.client
        return {
            "version": client.protocol_version,
            "server": plain(client.server_info),
            "capabilities": plain(client.server_capabilities),
            "instructions": client.instructions,
        }

    async def ping(self):
        await self.session.send_ping()

    async def discover(self):
        if not self.modern:
            raise Unsupported("no server/discover in this era")
        return plain(await self.session.discover())

    async def pages(self, ask, field):
        pages, cursor = [], None
        while True:
            page = plain(await ask(cursor))
            pages.append(page)
            if not (cursor := page.get("nextCursor")):
                return {"pages": len(pages), "items": sum((p[field] for p in pages), []),
                        "rest": [{k: v for k, v in p.items() if k not in (field, "nextCursor")} for p in pages]}

    async def call(self, tool, arguments=None, progress=False, level=None):
        meta = {"io.modelcontextprotocol/logLevel": level} if level and self.modern else None
        return plain(await self.call_tool(tool, arguments, self.progress if progress else None, meta))

    async def progress(self, progress, total, message):
        self.recorder.add("progress", [progress, total, message])

    async def cancel(self, tool, arguments):
        started = asyncio.Event()

        async def progress(*about):
            await self.progress(*about)
            started.set()

        task = asyncio.create_task(self.call_tool(tool, arguments, progress, None))
        await started.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"

    async def level(self, level):
        await self.session.set_logging_level(level)

    async def watch(self, uri=None, tools=False):
        """Subscriptions in either era."""
        if not self.modern:
            return plain(await self.session.subscribe_resource(uri)) if uri else None
        subscription = await self.listening.enter_async_context(self.listen(uri, tools))
        return {"honoured": plain(subscription.honored)}

    async def unwatch(self, uri=None):
        if not self.modern:
            return plain(await self.session.unsubscribe_resource(uri)) if uri else None
        await self.listening.aclose()

    async def complete(self, prompt=None, template=None, argument=None, value=""):
        reference = (
            types.PromptReference(name=prompt) if prompt else types.ResourceTemplateReference(uri=template)
        )
        about = {"name": argument, "value": value}
        return plain(await self.session.complete(reference, about))

    async def roots(self, uris):
        if self.modern:
            raise Unsupported("no notifications from the client in this era")
        self.recorder.roots = [{"uri": uri} for uri in uris]
        await self.session.send_roots_list_changed()

    async def noticed(self, message):
        if isinstance(message, Exception):
            self.recorder.add("exception", type(message).__name__)
        elif not isinstance(message, types.ProgressNotification):
            notice = plain(message)
            self.recorder.add(notice["method"], notice.get("params"))

    @property
    def modern(self):
        return self.client.protocol_version >= "2026"


class Driver(Steps):
    def __init__(self, target, era, recorder):
        self.recorder = recorder
        self.listening = AsyncExitStack()
        headers = {"Authorization": f"Bearer {target['token']}"} if "token" in target else {}
        if target.get("transport") == "sse":
            server = sse_client(target["url"], headers=headers)
        elif "url" in target:
            server = streamable_http_client(
                target["url"], http_client=create_mcp_http_client(headers=headers)
            )
        else:
            server = StdioServerParameters(**target)
        self.client = Client(
            server,
            mode=era,
            sampling_callback=self.sample,
            elicitation_callback=self.elicit,
            list_roots_callback=self.list_roots,
            message_handler=self.noticed,
            client_info=types.Implementation(name="peer", version="1"),
        )

    @property
    def session(self):
        return self.client.session

    async def list(self, what):
        asks = {
            "tools": self.client.list_tools,
            "prompts": self.client.list_prompts,
            "resources": self.client.list_resources,
            "resourceTemplates": self.client.list_resource_templates,
        }
        return await self.pages(lambda cursor: asks[what](cursor=cursor, cache_mode="bypass"), what)

    async def call_tool(self, tool, arguments, progress, meta):
        return await self.client.call_tool(tool, arguments, progress_callback=progress, meta=meta)

    async def prompt(self, prompt, arguments=None):
        return plain(await self.client.get_prompt(prompt, arguments))

    async def read(self, uri):
        return plain(await self.client.read_resource(uri, cache_mode="bypass"))

    def listen(self, uri, tools):
        return self.client.listen(
            tools_list_changed=tools, resource_subscriptions=[uri] if uri else []
        )

    async def sample(self, context, params):
        self.recorder.add("sampling/createMessage", plain(params))
        content = types.TextContent(type="text", text=sampled(params))
        return types.CreateMessageResult(role="assistant", content=content, model="peer")

    async def elicit(self, context, params):
        self.recorder.add("elicitation/create", plain(params))
        return types.ElicitResult(action="accept", content=filled(params.requested_schema))

    async def list_roots(self, context):
        self.recorder.add("roots/list")
        return types.ListRootsResult(roots=[types.Root(**root) for root in self.recorder.roots])


if __name__ == "__main__":
    asyncio.run(run(Driver))
