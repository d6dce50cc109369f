"""A server on FastMCP (PyPI fastmcp): lists in pages of three, questions in both eras.

    python fastmcp_server.py         Streamable HTTP on a free port of 127.0.0.1; prints its URL
"""

import asyncio
import base64
import warnings

import mcp_types as types
from common import BIG, ODD, PIXEL, Events, serve
from fastmcp import Context, FastMCP
from fastmcp.tools import ToolResult
from fastmcp.utilities.types import Image

warnings.filterwarnings("ignore")  # the older era's features are what is asked of it here

server = FastMCP("fastmcp-py", instructions="Ask for anything.", version="1", list_page_size=3)
cancelled = []


def is_modern(context):
    return (context.session.protocol_version or "") >= "2026"


async def question(context, request, send):
    """The client's answer: by a request in the older era, by a second round in the newer one."""
    if not is_modern(context):
        return await send()
    if context.input_responses:
        return context.input_responses["question"]
    return types.InputRequiredResult(
        input_requests={"question": request}, request_state='state with "quotes" and \u2028'
    )


@server.tool(annotations={"readOnlyHint": True})
def echo(text: str) -> str:
    """Says it again."""
    return text


@server.tool
def add(a: int, b: int) -> dict:
    """Adds two numbers."""
    return {"sum": a + b}


@server.tool
def big(number: int) -> dict:
    """A number too large for a double, and the one it was given."""
    return {"number": BIG, "given": number}


@server.tool
def odd() -> str:
    """Text that is easily broken on its way."""
    return ODD


@server.tool
def image() -> Image:
    """A picture of one pixel."""
    return Image(data=base64.b64decode(PIXEL), format="png")


@server.tool
def fail(text: str) -> str:
    """Fails."""
    raise ValueError(text)


@server.tool
async def slow(steps: int, context: Context) -> str:
    """Takes its time and tells how far it is."""
    for step in range(1, steps + 1):
        await asyncio.sleep(0.03)
        await context.report_progress(step, steps, f"step {step}")
    return f"{steps} steps"


@server.tool
async def wait(key: str, context: Context) -> str:
    """Waits to be cancelled."""
    await context.report_progress(1, 2)
    try:
        await asyncio.sleep(20)
    except asyncio.CancelledError:
        cancelled.append(key)
        raise
    return "nobody came"


@server.tool
async def was_cancelled(key: str) -> bool:
    """Whether a call of `wait` with that key was cancelled, or is within three seconds."""
    for _ in range(60):
        if key in cancelled:
            return True
        await asyncio.sleep(0.05)
    return False


@server.tool
async def tell(context: Context) -> str:
    """Logs at three levels."""
    await context.debug("at debug", logger_name="tell", extra={"at": "debug"})
    await context.info("at info", logger_name="tell")
    await context.error("at error", logger_name="tell")
    return "told"


COLOUR = {
    "type": "object",
    "properties": {"colour": {"type": "string", "title": "Colour"}},
    "required": ["colour"],
}


@server.tool
async def ask(context: Context):
    """Asks the user."""
    params = types.ElicitRequestFormParams(message="Which colour?", requested_schema=COLOUR)
    answer = await question(
        context,
        types.ElicitRequest(params=params),
        lambda: context.session.elicit("Which colour?", COLOUR, context.request_id),
    )
    if isinstance(answer, types.InputRequiredResult):
        return answer
    return f"the user likes {answer.content['colour']}"


@server.tool
async def think(text: str, context: Context):
    """Asks the client's model."""
    messages = [types.SamplingMessage(role="user", content=types.TextContent(type="text", text=text))]
    params = types.CreateMessageRequestParams(messages=messages, max_tokens=100)
    answer = await question(
        context,
        types.CreateMessageRequest(params=params),
        lambda: context.session.create_message(
            messages, max_tokens=100, related_request_id=context.request_id
        ),
    )
    if isinstance(answer, types.InputRequiredResult):
        return answer
    return f"the model says: {answer.content.text}"


@server.tool
async def look(context: Context):
    """Asks for the client's roots."""
    answer = await question(context, types.ListRootsRequest(), context.session.list_roots)
    if isinstance(answer, types.InputRequiredResult):
        return answer
    return ", ".join(str(root.uri) for root in answer.roots)


@server.tool
async def grow(context: Context) -> str:
    """Adds a tool."""
    server.tool(lambda: "here", name="grown", description="Was not there before.")
    await context.send_notification(types.ToolListChangedNotification())
    return "grown"


@server.tool
async def shrink(context: Context) -> str:
    """Takes the tool away again."""
    server.local_provider.remove_tool("grown")
    await context.send_notification(types.ToolListChangedNotification())
    return "shrunk"


@server.tool
async def cut(context: Context) -> str:
    """Cuts its own stream in the middle: what follows is for who resumes."""
    await context.report_progress(1, 3, "before the cut")
    await context.close_sse_stream()
    await asyncio.sleep(0.2)
    await context.report_progress(2, 3, "while cut")
    await asyncio.sleep(0.2)
    return "resumed"


@server.tool
def meta() -> ToolResult:
    """A result that carries `_meta` of its own."""
    return ToolResult(content="with meta", meta={"example.com/unknown": {"z": 1, "a": [None, BIG]}})


@server.tool
def secret() -> str:
    """What no policy allows."""
    return "secret"


@server.prompt
def greet(name: str) -> str:
    """Greets."""
    return f"Say hello to {name}."


@server.prompt
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


@server.completion
def complete(reference, argument, context):
    return [name for name in ("Ada", "Alan", "Grace") if name.startswith(argument.value)]


if __name__ == "__main__":
    serve(lambda store: server.http_app(event_store=store, retry_interval=50), Events())
