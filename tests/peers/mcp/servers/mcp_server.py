"""A server on the official Python SDK (PyPI mcp): every feature of the script, in both eras.

    python mcp_server.py             Streamable HTTP on a free port of 127.0.0.1; prints its URL
"""

import asyncio
import base64
import warnings
from typing import Annotated

import mcp_types as types
from common import BIG, ODD, PIXEL, Events, serve
from mcp.server.mcpserver import Context, Elicit, Image, ListRoots, MCPServer, Resolve, Sample
from pydantic import BaseModel

warnings.filterwarnings("ignore")  # the older era's features are what is asked of it here

server = MCPServer("mcp-py", title="Python SDK", version="1", instructions="Ask for anything.")
cancelled = []


class Sum(BaseModel):
    sum: int


class Big(BaseModel):
    number: int
    given: int


class Colour(BaseModel):
    colour: str


@server.tool(annotations=types.ToolAnnotations(read_only_hint=True))
def echo(text: str) -> str:
    """Says it again."""
    return text


@server.tool()
def add(a: int, b: int) -> Sum:
    """Adds two numbers."""
    return Sum(sum=a + b)


@server.tool()
def big(number: int) -> Big:
    """A number too large for a double, and the one it was given."""
    return Big(number=BIG, given=number)


@server.tool()
def odd() -> str:
    """Text that is easily broken on its way."""
    return ODD


@server.tool()
def image() -> Image:
    """A picture of one pixel."""
    return Image(data=base64.b64decode(PIXEL), format="png")


@server.tool()
def fail(text: str) -> str:
    """Fails."""
    raise ValueError(text)


@server.tool()
async def slow(steps: int, context: Context) -> str:
    """Takes its time and tells how far it is."""
    for step in range(1, steps + 1):
        await asyncio.sleep(0.03)
        await context.report_progress(step, steps, f"step {step}")
    return f"{steps} steps"


@server.tool()
async def wait(key: str, context: Context) -> str:
    """Waits to be cancelled."""
    await context.report_progress(1, 2)
    try:
        await asyncio.sleep(20)
    except asyncio.CancelledError:
        cancelled.append(key)
        raise
    return "nobody came"


@server.tool()
async def was_cancelled(key: str) -> bool:
    """Whether a call of `wait` with that key was cancelled, or is within three seconds."""
    for _ in range(60):
        if key in cancelled:
            return True
        await asyncio.sleep(0.05)
    return False


@server.tool()
async def tell(context: Context) -> str:
    """Logs at three levels."""
    await context.debug({"at": "debug"}, logger_name="tell")
    await context.info("at info", logger_name="tell")
    await context.error(["at", "error"], logger_name="tell")
    return "told"


async def ask_colour() -> Elicit[Colour]:
    return Elicit("Which colour?", Colour)


@server.tool()
async def ask(answer: Annotated[Colour, Resolve(ask_colour)]) -> str:
    """Asks the user."""
    return f"the user likes {answer.colour}"


async def ask_model(text: str) -> Sample:
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=text))
    return Sample([message], max_tokens=100)


@server.tool()
async def think(text: str, answer: Annotated[types.CreateMessageResult, Resolve(ask_model)]) -> str:
    """Asks the client's model."""
    return f"the model says: {answer.content.text}"


async def ask_roots() -> ListRoots:
    return ListRoots()


@server.tool()
async def look(roots: Annotated[types.ListRootsResult, Resolve(ask_roots)]) -> str:
    """Asks for the client's roots."""
    return ", ".join(str(root.uri) for root in roots.roots)


@server.tool()
async def touch(uri: str, context: Context) -> str:
    """Changes a resource."""
    await context.notify_resource_updated(uri)
    await context.session.send_resource_updated(uri)
    return "touched"


@server.tool()
async def grow(context: Context) -> str:
    """Adds a tool."""
    server.add_tool(lambda: "here", name="grown", description="Was not there before.")
    await context.notify_tools_changed()
    await context.session.send_tool_list_changed()
    return "grown"


@server.tool()
async def shrink(context: Context) -> str:
    """Takes the tool away again."""
    server.remove_tool("grown")
    await context.notify_tools_changed()
    await context.session.send_tool_list_changed()
    return "shrunk"


@server.tool()
async def cut(context: Context) -> str:
    """Cuts its own stream in the middle: what follows is for who resumes."""
    await context.report_progress(1, 3, "before the cut")
    await context.close_sse_stream()
    await asyncio.sleep(0.2)
    await context.report_progress(2, 3, "while cut")
    await asyncio.sleep(0.2)
    return "resumed"


@server.tool()
def secret() -> str:
    """What no policy allows."""
    return "secret"


@server.prompt()
def greet(name: str) -> str:
    """Greets."""
    return f"Say hello to {name}."


@server.prompt()
def plain() -> str:
    """Takes nothing."""
    return "Say anything."


@server.resource("note://one", mime_type="text/plain")
def one() -> str:
    return "the first note " + ODD


@server.resource("note://pixel", mime_type="image/png")
def pixel() -> bytes:
    return base64.b64decode(PIXEL)


@server.resource("note://about/{topic}", mime_type="text/plain")
def about(topic: str) -> str:
    return f"about {topic}"


@server.completion()
async def complete(ref, argument, context):
    names = [name for name in ("Ada", "Alan", "Grace") if name.startswith(argument.value)]
    return types.Completion(values=names, total=len(names), has_more=False)


# What MCPServer leaves to its caller: the older era's subscriptions and log levels.
async def nothing(context, params):
    return types.EmptyResult()


low = server._lowlevel_server
low.add_request_handler("resources/subscribe", types.SubscribeRequestParams, nothing)
low.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, nothing)
low.add_request_handler("logging/setLevel", types.SetLevelRequestParams, nothing)

if __name__ == "__main__":
    serve(lambda store: server.streamable_http_app(event_store=store, retry_interval=50), Events())
