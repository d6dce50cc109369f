//! Proxies that what the gateway says to others goes through.

use std::net::IpAddr;
use std::sync::Arc;

use crate::base::secret::Secret;

/// An HTTP proxy that makes tunnels (`CONNECT`, RFC 9110, section 9.3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Host name or address, brackets of an IPv6 address removed.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The value of `Proxy-Authorization`.
    pub authorization: Option<Secret>,
    /// What is reached without it.
    pub direct: Vec<Direct>,
}

/// Hosts that are reached without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direct {
    /// A name, lower case, and all names below it.
    Name(String),
    /// The addresses whose first bits are these.
    Network(IpAddr, u32),
}

impl Proxy {
    /// Whether it is the way to `host`, a name or an address.
    #[must_use]
    pub fn leads_to(&self, host: &str) -> bool {
        !self.direct.iter().any(|direct| direct.covers(host))
    }
}

impl Direct {
    /// A name or `.name`, an address, or a network such as `10.0.0.0/8`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Direct> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        if let Ok(address) = address.trim_matches(['[', ']']).parse::<IpAddr>() {
            let all = width(address);
            let bits = bits.unwrap_or(all);
            return (bits <= all).then_some(Direct::Network(address, bits));
        }
        let name = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
        let is_name = !name.is_empty()
            && (name.bytes()).all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        is_name.then_some(Direct::Name(name))
    }

    fn covers(&self, host: &str) -> bool {
        match self {
            Direct::Name(name) => {
                let host = host.to_ascii_lowercase();
                let above = host.strip_suffix(name.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            Direct::Network(network, bits) => {
                let host = host.trim_matches(['[', ']']).parse::<IpAddr>();
                host.is_ok_and(|host| same_bits(*network, host, *bits))
            }
        }
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => u32::BITS,
        IpAddr::V6(_) => u128::BITS,
    }
}

/// Whether the first bits of two addresses of one family are the same.
fn same_bits(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let differing = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= bits
}
