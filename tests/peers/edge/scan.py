"""testssl.sh against a TLS listener: no finding above LOW."""

import json
import shutil
import subprocess

from suite.checks import same, true

from .origin import Origin

# Commands, and Debian's packages of them.
TOOLS = {"testssl": "testssl.sh", "openssl": "openssl"}
# Protocols, ciphers, forward secrecy, what the server prefers and shows, header fields, and every
# vulnerability that the tool knows; not which browsers could connect.
SECTIONS = ["-p", "-s", "-f", "-P", "-S", "-h", "-U"]
SECONDS = 300
GOOD = {"OK", "INFO", "LOW"}

# What the tool finds in the certificate that every run makes for itself, or in its own tools.
JUSTIFIED = {
    ("cert_validityPeriod", "HIGH"): "the certificate is made for one run, and its end does not matter",
    ("cert_revocation", "HIGH"): "the authority lives as long as the run, and revokes nothing",
    ("engine_problem", "WARN"): "is about the OpenSSL that the tool uses, and ciphers (GOST) that nobody offers",
    ("sessionresumption_ticket", "WARN"): "its client hangs up before TLS 1.3 sends a ticket; tried below",
}

# Without these it did not come far enough to say anything.
TRIED = {
    *("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "ALPN", "PFS", "cipher_order"),
    *("cipherlist_NULL", "cipherlist_EXPORT", "cipherlist_3DES_IDEA", "cipherlist_AVERAGE"),
    *("cert_chain_of_trust", "cert_trust", "HSTS", "heartbleed", "CCS", "ticketbleed", "ROBOT"),
    *("secure_renego", "secure_client_renego", "CRIME_TLS", "POODLE_SSL", "fallback_SCSV", "SWEET32"),
    *("FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4"),
}


def run(stand, checks):
    """The whole scan, and what it cannot see."""
    checks.heading("testssl.sh")
    for tool, package in TOOLS.items():
        if not shutil.which(tool):
            checks.skip("testssl.sh", f"{tool} is missing (Debian: {package})")
            return
    origin = Origin()
    gateway = stand.gateway("scan", origin.url, listeners=[{"tls": stand.tls}])
    try:
        scan(stand, checks, gateway)
        resumption(stand, checks, gateway)
    finally:
        gateway.stop()
        origin.stop()


def scan(stand, checks, gateway):
    told = stand.place / "testssl.json"
    argv = ["testssl", *SECTIONS, "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none"]
    argv += ["--openssl-timeout", "5", "--add-ca", stand.ca, "--jsonfile", told]
    done = subprocess.run(
        [*argv, f"127.0.0.1:{gateway.port}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    findings = json.loads(told.read_text())
    with checks.check(f"it looked at everything: {len(findings)} findings"):
        missed = TRIED - {finding["id"] for finding in findings}
        same(sorted(missed), [], f"not tried ({done.stdout[-2000:]}{done.stderr[-500:]})")
    found = [one for one in findings if one["severity"] not in GOOD]
    for one in found:
        if why := JUSTIFIED.get((one["id"], one["severity"])):
            print(f"    known   {one['id']}: {one['finding']}: {why}")
    with checks.check("no other finding is above LOW"):
        unknown = [one for one in found if (one["id"], one["severity"]) not in JUSTIFIED]
        same([(one["id"], one["severity"], one["finding"]) for one in unknown], [], "findings")
    with checks.check("the gateway is none the worse for it"):
        true(gateway.is_alive(), "the process ended")


def resumption(stand, checks, gateway):
    """OpenSSL's client, patient enough to be given a ticket, comes back with it."""
    for version in ("-tls1_2", "-tls1_3"):
        with checks.check(f"openssl s_client {version}: comes back with its ticket"):
            ticket = stand.place / f"ticket{version}.pem"
            client = ["openssl", "s_client", version, "-connect", f"127.0.0.1:{gateway.port}"]
            client += ["-CAfile", stand.ca, "-verify_return_error"]
            asked = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            kinds = []
            for keep in (["-sess_out", ticket], ["-sess_in", ticket]):
                argv = [*client, *keep, "-ign_eof"]
                done = subprocess.run(argv, input=asked, capture_output=True, timeout=30)
                same(done.returncode, 0, f"exit code ({done.stderr.decode()[-300:]})")
                kinds += [kind for kind in (b"New, ", b"Reused, ") if kind in done.stdout]
            same(kinds[:1] + kinds[-1:], [b"New, ", b"Reused, "], "handshakes")
