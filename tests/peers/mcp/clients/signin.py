"""The official Python SDK's client (PyPI mcp), signing in: see signin.mjs, which starts it.

python3 signin.py URL CA
"""

import asyncio
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientMetadata

REDIRECT = "http://127.0.0.1:33418/callback"


class Keeps:
    """What a client keeps of a person's sign-in."""

    def __init__(self):
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Stay(urllib.request.HTTPRedirectHandler):
    """Where to, without going there."""

    def redirect_request(self, *_):
        return None


class Browser:
    """Goes from page to page until one is the client's own."""

    def __init__(self, ca):
        trust = ssl.create_default_context(cafile=ca)
        self.opener = urllib.request.build_opener(Stay, urllib.request.HTTPSHandler(context=trust))
        self.page = None

    async def open(self, page):
        self.page = page

    async def code(self):
        while not self.page.startswith(REDIRECT):
            self.page = await asyncio.to_thread(self.step)
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.page).query))
        return AuthorizationCodeResult(**query)

    def step(self):
        try:
            answer = self.opener.open(self.page, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        assert answer.status == 302, f"{self.page}: {answer.status} {answer.read()}"
        return urllib.parse.urljoin(self.page, answer.headers["location"])


async def main(url, ca):
    browser = Browser(ca)
    auth = OAuthClientProvider(
        url,
        OAuthClientMetadata(client_name="peer", redirect_uris=[REDIRECT]),
        Keeps(),
        redirect_handler=browser.open,
        callback_handler=browser.code,
    )
    server = streamable_http_client(url, http_client=create_mcp_http_client(auth=auth))
    async with Client(server) as client:
        for tool in ["search_tickets", "close_ticket"]:
            result = await client.call_tool(tool, {})
            assert result.content[0].text == f"{tool} done", result


asyncio.run(main(*sys.argv[1:]))
