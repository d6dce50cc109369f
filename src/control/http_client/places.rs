//! Where the control plane's requests never go: addresses that lead to this machine's own platform and
//! not to an issuer. A name that somebody else controls must not fetch the machine's credentials.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Metadata services that are not link-local: Azure's host, Alibaba's and, over IPv6, Amazon's.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether nothing is to be fetched from there: link-local addresses, where most metadata services
/// are, the others of those, and what is nobody's own address.
pub(super) fn is_forbidden(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let by_kind = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    by_kind || ip.is_unspecified() || ip.is_multicast() || METADATA.contains(&ip)
}

/// Whether a URL names such an address itself; names are judged by what they resolve to.
pub(super) fn leads_astray(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => is_forbidden(ip.into()),
        Some(Host::Ipv6(ip)) => is_forbidden(ip.into()),
        Some(Host::Domain(_)) | None => false,
    }
}

/// Whether a URL names this machine.
pub(in crate::control) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Resolves names as the system does, and leaves out addresses that are forbidden.
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|at| !is_forbidden(at.ip())).collect();
            match allowed.is_empty() {
                true => Err("its name resolves to no address that may be asked".into()),
                false => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_told_from_issuers() {
        for (url, forbidden) in [
            ("https://169.254.169.254/latest/meta-data", true),
            ("https://2852039166/", true),
            ("https://0xa9fea9fe/", true),
            ("https://169.254.0.1/", true),
            ("https://168.63.129.16/", true),
            ("https://100.100.100.200/", true),
            ("https://0.0.0.0/", true),
            ("https://255.255.255.255/", true),
            ("https://224.0.0.1/", true),
            ("https://[fe80::1]/", true),
            ("https://[fd00:ec2::254]/", true),
            ("https://[::ffff:169.254.169.254]/", true),
            ("https://[::]/", true),
            ("https://10.0.0.7/", false),
            ("https://127.0.0.1/", false),
            ("https://[::1]/", false),
            ("https://[2001:db8::1]/", false),
            ("https://issuer.example/", false),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(leads_astray(&parsed), forbidden, "{url}");
        }
    }

    #[test]
    fn this_machine_has_several_names() {
        for (url, loopback) in [
            ("https://localhost:9443/", true),
            ("https://a.localhost/", true),
            ("https://127.9.9.9/", true),
            ("https://[::1]/", true),
            ("https://[::ffff:127.0.0.1]/", true),
            ("https://localhost.example/", false),
            ("https://128.0.0.1/", false),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(is_loopback(&parsed), loopback, "{url}");
        }
    }
}
