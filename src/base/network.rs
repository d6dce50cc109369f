//! Networks of addresses: who is trusted to speak for others, and by what connections are counted.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// All addresses that begin with the same bits. Those of version 4 stand among those of version 6 as
/// RFC 4291, section 2.5.5.2, maps them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Network {
    bits: u128,
    /// Of `bits`, from the front.
    length: u8,
}

/// The bits before a mapped address of version 4.
const MAPPED: u8 = 96;

impl Network {
    /// The network that somebody at this address is likely to have to themselves: the address, or 64
    /// bits of version 6 (RFC 6177).
    #[must_use]
    pub fn around(ip: IpAddr) -> Network {
        let length = match ip.to_canonical() {
            IpAddr::V4(_) => 128,
            IpAddr::V6(_) => 64,
        };
        Network {
            bits: bits(ip) & mask(length),
            length,
        }
    }

    /// Whether the address is in it.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        bits(ip) & mask(self.length) == self.bits
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// Why a text is no network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoNetwork {
    /// It is not an address, or one with the length of a prefix.
    Syntax,
    /// The address has bits beyond the prefix: it is not clear what was meant.
    HostBits,
}

impl fmt::Display for NoNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoNetwork::Syntax => "expected an address or a network, such as `10.0.0.0/8` or `::1`",
            NoNetwork::HostBits => "the address has bits beyond its prefix",
        })
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Network, NoNetwork> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().map_err(|_| NoNetwork::Syntax)?;
        let (before, whole) = match ip {
            IpAddr::V4(_) => (MAPPED, 32),
            IpAddr::V6(_) => (0, 128),
        };
        let length = match length {
            None => whole,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().map_err(|_| NoNetwork::Syntax)?
            }
            Some(_) => return Err(NoNetwork::Syntax),
        };
        if length > whole {
            return Err(NoNetwork::Syntax);
        }
        // A mapped address is one of version 4, however it is written.
        let bits = match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => Ipv6Addr::to_bits(ip),
        };
        let length = before + length;
        if bits & !mask(length) != 0 {
            return Err(NoNetwork::HostBits);
        }
        Ok(Network { bits, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_begins_like_them() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::a00:1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.7/32", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "255.1.1.1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.1"),
        ] {
            let parsed: Network = network.parse().expect(network);
            assert!(parsed.contains(inside.parse().expect(inside)), "{network}");
            assert!(
                !parsed.contains(outside.parse().expect(outside)),
                "{network}"
            );
        }
        let everything: Network = "::/0".parse().expect("everything");
        assert!(everything.contains("127.0.0.1".parse().expect("an address")));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for (text, why) in [
            ("", NoNetwork::Syntax),
            ("10.0.0.0/33", NoNetwork::Syntax),
            ("10.0.0.0/", NoNetwork::Syntax),
            ("10.0.0.0/+8", NoNetwork::Syntax),
            ("10.0.0/8", NoNetwork::Syntax),
            ("010.0.0.0/8", NoNetwork::Syntax),
            ("::/129", NoNetwork::Syntax),
            ("example.com", NoNetwork::Syntax),
            ("10.0.0.1/8", NoNetwork::HostBits),
            ("2001:db8::1/64", NoNetwork::HostBits),
        ] {
            assert_eq!(text.parse::<Network>(), Err(why), "{text}");
        }
    }

    #[test]
    fn neighbours_are_counted_together_where_one_has_the_whole_network() {
        let around = |text: &str| Network::around(text.parse().expect(text));
        assert_eq!(around("192.0.2.7"), around("::ffff:192.0.2.7"));
        assert_ne!(around("192.0.2.7"), around("192.0.2.8"));
        assert_eq!(around("2001:db8::1"), around("2001:db8::ffff:1"));
        assert_ne!(around("2001:db8::1"), around("2001:db8:0:1::1"));
    }
}
