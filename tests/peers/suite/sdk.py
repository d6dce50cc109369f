"""azure-identity and msgraph-sdk as they come: only endpoint, authority and audience are changed."""

import asyncio

from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from kiota_abstractions.api_error import APIError
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.user import User
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.user_collection_response import UserCollectionResponse
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.tasks.page_iterator import PageIterator

from . import cast
from .checks import same, true

PEOPLE = 124
ListUsers = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters


def credential(stage, app, kind=ClientSecretCredential):
    """The library's own credential, pointed at the provider."""
    return kind(
        cast.TENANT,
        app.client_id,
        app.secret,
        authority=stage.authority,
        disable_instance_discovery=True,
    )


def client(stage, shown, base=None):
    """The library's own client, pointed at the gateway."""
    provider = AzureIdentityAuthenticationProvider(
        shown,
        scopes=[f"{cast.AUDIENCE}/.default"],
        allowed_hosts=["127.0.0.1"],
    )
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = base or stage.base
    return GraphServiceClient(request_adapter=adapter)


def run(stage, checks):
    """Everything the SDK does."""
    checks.heading("azure-identity and msgraph-sdk, unmodified")
    asyncio.run(Tour(stage, checks).take())


def page_of(count):
    return RequestConfiguration(query_parameters=ListUsers(top=count))


def masked(user):
    """No personal field of this user is readable, and what is no personal field is."""
    true(user.display_name, "displayName comes through")
    same(user.mail, "[mail]", "mail")
    # Not everybody has one, and there is nothing to hide in a null.
    true(user.mobile_phone in (None, "[mobilePhone]"), f"mobilePhone is {user.mobile_phone!r}")
    same(user.business_phones, ["[businessPhones]"], "businessPhones")
    name = user.user_principal_name
    true(name and cast.DOMAIN not in name and "@" not in name, f"userPrincipalName is {name!r}")


class Tour:
    """One caller's way through the directory; later checks use what earlier ones found."""

    def __init__(self, stage, checks):
        self.stage = stage
        self.checks = checks
        self.agent = client(stage, credential(stage, cast.AGENT))
        self.someone = None

    async def take(self):
        check = self.checks.check
        with check("a list of users, personal fields masked"):
            await self.list()
        with check("every page comes through the gateway, with the gateway's own token"):
            await self.pages()
        with check("one user, the same as in the list"):
            await self.one()
        with check("404 is the directory's own"):
            error = await self.refused(self.agent.users.by_user_id("nobody").get())
            same(error.response_status_code, 404, "status")
            same(error.error.code, "Request_ResourceNotFound", "code")
        with check("429 with Retry-After is waited for, then the call succeeds"):
            await self.throttled()
        with check("a denied call is a 403 that names the rule"):
            before = len(self.stage.captured())
            error = await self.refused(self.agent.users.by_user_id(self.someone.id).delete())
            same(error.response_status_code, 403, "status")
            same(error.error.code, "denied", "code")
            same(error.error.additional_data.get("rule"), "readers/5", "rule")
            same(len(self.stage.captured()), before, "requests that reached the directory")
        with check("a created user is there, its personal fields masked"):
            await self.create()
        with check("a caller without a right to it creates nobody"):
            body = User(display_name="Nobody", user_principal_name=f"no@{cast.DOMAIN}")
            member = client(self.stage, credential(self.stage, cast.MEMBER))
            error = await self.refused(member.users.post(body))
            same(error.response_status_code, 403, "status")
        with check("the asynchronous credential, and many calls at once"):
            await self.crowd()
        with check("a batch: each request is answered as if it came alone"):
            same(await self.batch(self.agent, denied=False), [200, 200], "statuses")
            sent = [part for part in self.stage.captured() if part.startswith(b"POST /v1.0/$batch ")]
            same(len(sent), 1, "batches that reached the directory")
        with check("a batch with a denied request is refused whole"):
            before = len(self.stage.captured())
            error = await self.refused(self.batch(self.agent, denied=True))
            same(error.response_status_code, 403, "status")
            same(error.error.code, "batch_denied", "code")
            same(len(self.stage.captured()), before, "requests that reached the directory")
        with check("where each is judged by itself, that one answers 403 and the rest goes on"):
            each = client(self.stage, credential(self.stage, cast.AGENT), f"{self.stage.url}/each/v1.0")
            same(await self.batch(each, denied=True), [200, 200, 403], "statuses")
            again = await self.agent.users.by_user_id(self.someone.id).get()
            same(again.id, self.someone.id, "the user whom nobody may delete")

    async def batch(self, graph, denied):
        """The statuses of a list, a user and, where wanted, what nobody may do.

        What the answers say is looked at with Node's library: this one reads no body that is an object.
        """
        one = graph.users.by_user_id(self.someone.id)
        requests = [graph.users.to_get_request_information(page_of(3)), one.to_get_request_information()]
        requests += [one.to_delete_request_information()] if denied else []
        items = [BatchRequestItem(request) for request in requests]
        for item in items:
            # The library leaves the base URL there, which Graph does not take either.
            item.url = item.url.removeprefix(graph.request_adapter.base_url)
        content = BatchRequestContent({item.id: item for item in items})
        answers = await graph.batch.post(content, {"XXX": ODataError})
        statuses = answers.get_response_status_codes()
        return [statuses[item.id] for item in items]

    async def refused(self, call):
        try:
            await call
        except APIError as error:
            return error
        raise AssertionError("the call was not refused")

    async def list(self):
        page = await self.agent.users.get(page_of(10))
        same(len(page.value), 10, "users")
        for user in page.value:
            masked(user)
        true(any(user.mobile_phone for user in page.value), "somebody has a mobilePhone")
        self.someone = page.value[3]

    async def pages(self):
        first = await self.agent.users.get(page_of(25))
        true(
            first.odata_next_link.startswith(self.stage.base + "/users?"),
            f"the link leads to the gateway: {first.odata_next_link}",
        )
        before = self.listings()
        seen = []
        pages = PageIterator(first, self.agent.request_adapter, error_mapping=None)
        await pages.iterate(lambda user: seen.append(user) or True)
        same(len({user.id for user in seen}), PEOPLE, "different users")
        same(len(seen), PEOPLE, "users")
        for user in seen:
            masked(user)
        # The first page was asked for before; four more follow by link.
        same(self.listings() - before, 4, "pages asked of the directory")

    def listings(self):
        """Lists asked of the directory, which takes no token but the gateway's own."""
        return sum(part.startswith(b"GET /v1.0/users?") for part in self.stage.captured())

    async def one(self):
        user = await self.agent.users.by_user_id(self.someone.id).get()
        masked(user)
        same(user.display_name, self.someone.display_name, "displayName")
        # A pseudonym is the same wherever the same value stands.
        same(user.user_principal_name, self.someone.user_principal_name, "userPrincipalName")

    async def throttled(self):
        before = self.signins()
        answer = await self.agent.audit_logs.sign_ins.get()
        true(answer.value is not None, "the second answer is a list")
        same(self.signins() - before, 2, "requests that reached the directory")

    def signins(self):
        return sum(b"/auditLogs/signIns " in part for part in self.stage.captured())

    async def create(self):
        wanted = User(
            account_enabled=True,
            display_name="Ada Newcomer",
            mail_nickname="ada",
            mail=f"ada@{cast.DOMAIN}",
            mobile_phone="+47 555 01 99",
            business_phones=["+47 555 01 98"],
            user_principal_name=f"ada@{cast.DOMAIN}",
        )
        made = await self.agent.users.post(wanted)
        masked(made)
        again = await self.agent.users.by_user_id(made.id).get()
        same(again.display_name, "Ada Newcomer", "displayName")
        masked(again)
        sent = [part for part in self.stage.captured() if part.startswith(b"POST /v1.0/users ")]
        true(f"ada@{cast.DOMAIN}".encode() in sent[-1], "the directory got the value itself")

    async def crowd(self):
        async with credential(self.stage, cast.AGENT, AsyncClientSecretCredential) as shown:
            crowd = client(self.stage, shown)
            pages = await asyncio.gather(*(crowd.users.get(page_of(7)) for _ in range(40)))
        true(all(isinstance(page, UserCollectionResponse) for page in pages), "all are pages")
        same({len(page.value) for page in pages}, {7}, "users per page")
