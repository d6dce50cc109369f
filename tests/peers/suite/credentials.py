"""Every way to prove who calls, and to call on: msal, azure-identity and the SDKs as they come."""

import asyncio
import base64
import json
import os
import re
import subprocess

import msal
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ManagedIdentityCredential

from . import cast, sdk, tokens
from .checks import same, true
from .curl import Curl
from .stage import IDENTITY_HEADER
from .vault import CLAIMS

SCOPE = f"{cast.AUDIENCE}/.default"
AS_USER = f"{cast.AUDIENCE}/user_impersonation"


def run(stage, checks):
    """Certificates, users, platform identities, challenges."""
    checks.heading("credentials: msal, azure-identity, managed identity, Node")
    tour = Tour(stage, checks)
    tour.certificates()
    tour.users()
    tour.identities()
    tour.challenges()
    tour.node()


class Tour:
    """One way after the other."""

    def __init__(self, stage, checks):
        self.stage = stage
        self.check = checks.check
        self.curl = Curl(stage)

    def application(self, app):
        """msal's own client, pointed at the provider."""
        shown = app.secret
        if app.certified:
            read = lambda name: (self.stage.place / name).read_text()
            shown = {"private_key": read("app.key"), "public_certificate": read("app.crt")}
        return msal.ConfidentialClientApplication(
            app.client_id,
            client_credential=shown,
            authority=f"{self.stage.authority}/{cast.TENANT}",
            instance_discovery=False,
        )

    def get(self, path, token):
        return self.curl.run(f"{self.stage.url}{path}", token=token)

    def certificates(self):
        users = "/graph/v1.0/users?$top=2"
        with self.check("msal with a secret: a list through the gateway"):
            token = given(self.application(cast.AGENT).acquire_token_for_client([SCOPE]))
            same(len(self.get(users, token).json()["value"]), 2, "users")
        with self.check("msal with a certificate: a list through the gateway"):
            app = self.application(cast.CERTIFIED)
            token = given(app.acquire_token_for_client([SCOPE]))
            same(len(self.get(users, token).json()["value"]), 2, "users")
            again = app.acquire_token_for_client([SCOPE])
            same(again.get("token_source"), "cache", "the second token's source")
        with self.check("azure-identity with a certificate, and msgraph-sdk"):
            shown = CertificateCredential(
                cast.TENANT,
                cast.CERTIFIED.client_id,
                certificate_path=str(self.stage.place / "app.pem"),
                authority=self.stage.authority,
                disable_instance_discovery=True,
            )
            asyncio.run(self.listed(shown))

    async def listed(self, shown):
        page = await sdk.client(self.stage, shown).users.get(sdk.page_of(5))
        same(len(page.value), 5, "users")
        for user in page.value:
            sdk.masked(user)

    def signed_in(self):
        """A user's token for the service in the middle. How people sign in is nobody's business here."""
        answer = requests.post(
            f"{self.stage.authority}/{cast.TENANT}/oauth2/v2.0/token",
            data={
                "grant_type": "password",
                "client_id": cast.MIDDLE.client_id,
                "client_secret": cast.MIDDLE.secret,
                "username": cast.ALICE.name,
                "password": cast.ALICE.password,
                "scope": "api://middle/user_impersonation",
            },
            timeout=20,
        )
        return given(answer.json())

    def users(self):
        with self.check("a user of a service: on behalf of to the gateway, and on to the directory"):
            app = self.application(cast.MIDDLE)
            token = given(app.acquire_token_on_behalf_of(self.signed_in(), [AS_USER]))
            for count in (13, 14):
                answer = self.get(f"/as-user/v1.0/users?$top={count}", token)
                same((answer.status, len(answer.json()["value"])), (200, count), "answer")
            sent = [part for part in self.stage.captured() if re.search(rb"top=1[34] ", part)]
            shown = {claims(part.decode()) for part in sent}
            same(len(sent), 2, "requests that reached the directory")
            same(shown, {(cast.ALICE.oid, "User.Read")}, "in whose name, for what")
        with self.check("an application has nobody to act for"):
            token = given(self.application(cast.AGENT).acquire_token_for_client([SCOPE]))
            answer = self.get("/as-user/v1.0/users", token)
            same((answer.status, answer.code()), (403, "denied"), "answer")

    def identities(self):
        platform = {"IDENTITY_ENDPOINT": self.stage.identities, "IDENTITY_HEADER": IDENTITY_HEADER}
        with self.check("ManagedIdentityCredential of azure-identity gets a token, and msgraph-sdk lists"):
            os.environ.update(platform)
            try:
                shown = ManagedIdentityCredential()
                asyncio.run(self.listed(shown))
            finally:
                for name in platform:
                    del os.environ[name]
        with self.check("with another header it gets none"):
            os.environ.update(platform | {"IDENTITY_HEADER": "another-identity-header"})
            try:
                ManagedIdentityCredential().get_token(SCOPE)
            except ClientAuthenticationError as error:
                true("Token request error" in str(error), f"it says why: {error}")
            else:
                raise AssertionError("a token was given")
            finally:
                for name in platform:
                    del os.environ[name]

    def challenges(self):
        with self.check("claims challenge in the middle: the gateway's own token satisfies it"):
            token = given(self.application(cast.AGENT).acquire_token_for_client([SCOPE]))
            for _ in range(2):
                answer = self.get("/vault/secret", token)
                same((answer.status, answer.json()["for"]), (200, cast.GATEWAY.oid), "answer")
            same([good for _, good in self.stage.vault.asked()], [False, True, True], "calls")
        with self.check("claims challenge in the middle: the user's app satisfies it"):
            app, user = self.application(cast.MIDDLE), self.signed_in()
            token = given(app.acquire_token_on_behalf_of(user, [AS_USER]))
            answer = self.get("/vault-as-user/secret", token)
            same((answer.status, answer.body), (401, ""), "answer")
            challenge = answer.field("www-authenticate")
            true('error="insufficient_claims"' in challenge, challenge)
            asked = base64.b64decode(challenge.split('claims="')[1].rstrip('"')).decode()
            same(json.loads(asked), CLAIMS, "claims")
            token = given(
                app.acquire_token_on_behalf_of(user, [AS_USER], claims_challenge=asked)
            )
            answer = self.get("/vault-as-user/secret", token)
            same((answer.status, answer.json()["for"]), (200, cast.ALICE.oid), "answer")

    def node(self):
        script = self.stage.entra_script.parent / "graph.mjs"
        about = {
            "authority": self.stage.authority,
            "tenant": cast.TENANT,
            "client_id": cast.AGENT.client_id,
            "secret": cast.AGENT.secret,
            "certified_id": cast.CERTIFIED.client_id,
            "certificate": str(self.stage.place / "app.pem"),
            "scope": SCOPE,
            "base": f"{self.stage.url}/graph/",
            "each": f"{self.stage.url}/each/",
            "identities": self.stage.identities,
            "header": IDENTITY_HEADER,
            "domain": cast.DOMAIN,
        }
        env = os.environ | {"NODE_EXTRA_CA_CERTS": str(self.stage.ca)}
        done = subprocess.run(
            [self.stage.node, script], input=json.dumps(about), capture_output=True, text=True,
            timeout=120, env=env,
        )
        told = {}
        for line in done.stdout.splitlines():
            told |= json.loads(line)
        for name, want in [
            ("list", 10),
            ("pages", sdk.PEOPLE),
            ("created", "Grace Newcomer"),
            ("batch", [200, 200, 403]),
            ("users of a batch", 4),
            ("a batch with a denied request", "batch_denied"),
            ("certificate", 2),
            ("managed", 3),
        ]:
            with self.check(f"@azure/identity and microsoft-graph-client: {name}"):
                same(told.get(name), want, f"{name} ({done.stderr[-500:]})")
        with self.check("and what they read is masked"):
            true(cast.DOMAIN not in done.stdout, "a mail address")


def given(answer):
    """The token in an answer of msal's."""
    if "access_token" not in answer:
        raise AssertionError(f"no token: {answer}")
    return answer["access_token"]


def claims(request):
    """In whose name a request came, and for what."""
    field = next(line for line in request.split("\r\n") if line.lower().startswith("authorization: "))
    told = tokens.read(field.split(".")[1])
    return told["oid"], told.get("scp")
