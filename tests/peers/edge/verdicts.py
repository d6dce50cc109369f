"""Where the gateway judges a request case of gunicorn's in another way than gunicorn, and why."""

FOLD = "a folded field is read in two ways"
CODING = "the only transfer coding is one chunked"
HYPHEN = "a field name with an underscore is another's with a hyphen to some servers"
HOST = "no name and no address has `=` in it"
CONNECT = "the gateway is no proxy of its callers' choice"
BOUND = "gunicorn's bounds are lower"
TRAILER = "trailers are dropped, whatever they say"

# What gunicorn takes and the gateway refuses.
STRICTER = {
    "valid/005": "a fragment is not sent (RFC 9112, section 3.2)",
    "valid/100": "an empty segment is read in two ways",
    "valid/025": CODING,
    "valid/025_line": CODING,
    "valid/029": CODING,
    "valid/030": CODING,
    "valid/rfc9112_smuggle_gzip_chunked_01": CODING,
    "valid/rfc9112_smuggle_te_identity_chunked_01": CODING,
    "valid/028": "a space before a colon (gunicorn has to be told to take it)",
    "valid/040": HYPHEN,
    "valid/040_compat": HYPHEN,
    "valid/compat_obs_fold": FOLD,
    "valid/compat_obs_fold_huge": FOLD,
    "valid/002": HOST,
    "valid/003": HOST,
    "valid/099": "its body ends long before its Content-Length",
    "valid/pp_03": "a proxy that introduces callers introduces each",
    "valid/rfc9112_leading_crlf_01": "no client in use sends an empty line first",
    "valid/rfc9112_target_absolute_userinfo_01": "a URI with a password is not sent (RFC 9110, section 4.2.4)",
    "valid/rfc9112_target_asterisk_options_01": "there is nothing to ask the gateway about itself",
    "valid/rfc9112_target_authority_connect_01": CONNECT,
    "valid/rfc9112_target_authority_ipv6_01": CONNECT,
}

# What gunicorn refuses and the gateway takes.
LENIENT = {
    "invalid/003c": "the method is a token (RFC 9110, section 9.1), and policies allow none that is not in capitals by name",
    "invalid/006": BOUND,
    "invalid/007": BOUND,
    "invalid/008": BOUND,
    "invalid/010": BOUND,
    "invalid/017": BOUND,
    "invalid/limit_header_default_01": BOUND,
    "invalid/019": "what callers say of proxies before them is not looked at, and not passed on",
    "invalid/chunked_05": "is wrong in HTTP/1.0, and in order in HTTP/1.1",
    "invalid/rfc9110_trailer_forbidden_cl_01": TRAILER,
    "invalid/rfc9110_trailer_forbidden_host_01": TRAILER,
    "invalid/rfc9110_trailer_forbidden_te_01": TRAILER,
}

# What reaches the origin is not what gunicorn reads.
OTHERWISE = {
    # A method's letters stay as they are (RFC 9110, section 9.1); gunicorn has to be told to raise them.
    "valid/031compat": {"method": "-blargh"},
}
