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

    @property
    def client_id(self):
        return f"{self.number:08x}-1111-4111-8111-111111111111"

    @property
    def oid(self):
        return f"{self.number:08x}-2222-4222-8222-222222222222"

    @property
    def secret(self):
        return f"throw-away-secret-of-{self.name}"

    def registration(self):
        about = {name: getattr(self, name) for name in ("name", "client_id", "secret", "oid")}
        rest = ("roles", "groups", "alg", "life", "version")
        return about | {name: getattr(self, name) for name in rest}


GATEWAY = App("gateway", 1, roles=["User.ReadWrite.All"])
AGENT = App("agent", 2, roles=[READ, WRITE])
PSS = App("pss", 3, alg="PS256")
CURVE = App("curve", 4, alg="ES256")
OLD = App("old", 5, version="1.0")
MEMBER = App("member", 6, roles=[], groups=["5f0e0000-0000-4000-8000-000000000001"])
STRANGER = App("stranger", 7, roles=[])
HASTY = App("hasty", 8, life=1)

ALL = [GATEWAY, AGENT, PSS, CURVE, OLD, MEMBER, STRANGER, HASTY]
