"""Who appears: one tenant, the gateway's own application, and its callers."""

from dataclasses import dataclass, field

TENANT = "7e2f4c1a-93d0-4b7e-9a55-0c3d8e61f0a2"
DOMAIN = "northwind-marine.example"
AUDIENCE = "api://sluice"
GRAPH = "https://graph.microsoft.com"
READ, WRITE = "Directory.Read", "Directory.Write"


@dataclass(frozen=True, eq=False)
class App:
    """A registered application with a secret."""

    name: str
    number: int
    roles: list = field(default_factory=lambda: [READ])
    groups: list = field(default_factory=list)
    alg: str = "RS256"
    life: int = 3600
    version: str = "2.0"
    # The API that it is: tokens for it are exchanged by it, on behalf of users.
    api: str = ""
    # It shows who it is by a certificate instead of its secret.
    certified: bool = False

    @property
    def client_id(self):
        return f"{self.number:08x}-1111-4111-8111-111111111111"

    @property
    def oid(self):
        return f"{self.number:08x}-2222-4222-8222-222222222222"

    @property
    def secret(self):
        return f"throw-away-secret-of-{self.name}"

    def registration(self, place):
        about = {name: getattr(self, name) for name in ("name", "client_id", "secret", "oid")}
        rest = ("roles", "groups", "alg", "life", "version", "api")
        shown = {"certificate": str(place / "app.crt")} if self.certified else {}
        return about | {name: getattr(self, name) for name in rest} | shown


@dataclass(frozen=True)
class User:
    """Somebody who signs in."""

    name: str
    number: int

    @property
    def oid(self):
        return f"{self.number:08x}-3333-4333-8333-333333333333"

    @property
    def password(self):
        return f"throw-away-password-of-{self.name}"

    def registration(self):
        return {name: getattr(self, name) for name in ("name", "password", "oid")}


GATEWAY = App("gateway", 1, roles=["User.ReadWrite.All"], api=AUDIENCE, certified=True)
AGENT = App("agent", 2, roles=[READ, WRITE])
PSS = App("pss", 3, alg="PS256")
CURVE = App("curve", 4, alg="ES256")
OLD = App("old", 5, version="1.0")
MEMBER = App("member", 6, roles=[], groups=["5f0e0000-0000-4000-8000-000000000001"])
STRANGER = App("stranger", 7, roles=[])
HASTY = App("hasty", 8, life=1)

CERTIFIED = App("certified", 9, certified=True)
MIDDLE = App("middle", 10, api="api://middle")
HELPER = App("helper", 11, roles=[READ, WRITE])

ALL = [GATEWAY, AGENT, PSS, CURVE, OLD, MEMBER, STRANGER, HASTY, CERTIFIED, MIDDLE, HELPER]

ALICE = User("alice@northwind-marine.example", 1)
USERS = [ALICE]
