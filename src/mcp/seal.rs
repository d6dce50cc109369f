//! What a client holds for the gateway and must not read, change, or pass to another: session ids,
//! request states, endpoints. Sealed, so that any replica with the key can take it back.
//!
//! ```text
//! text   = base64url(tag of the key's id, 4 | nonce, 24 | ciphertext | tag, 16)
//! key    = HKDF-Expand(configured key, "sluice seal 1" | nonce[..12])
//! sealed = AES-256-GCM(key, nonce[12..], plain), over purpose, key, principal and connection
//! ```
//!
//! Each text has a key of its own, so that how many are sealed at random under one configured key
//! does not matter (NIST SP 800-38D, section 8.3, allows 2^32 under one). The principal is not in
//! the text: whose it is not cannot open it, and cannot tell why.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest;
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, Prk};
use ring::rand::{SecureRandom, SystemRandom};

use super::revision::Revision;
use crate::base::limits::{MCP_SESSION_BYTES, MCP_STATE_BYTES, SESSION_KEY_BYTES, TARGET_BYTES};
use crate::base::secret::Secret;

/// SHA-256 of who a principal is; see [`Principal::digest`](crate::auth::Principal::digest).
pub type Digest = [u8; 32];

/// Seals and opens. One per configuration; cheap to share, and used without a lock.
pub struct Sealer {
    keys: Vec<Key>,
    random: SystemRandom,
}

struct Key {
    tag: [u8; TAG],
    master: Prk,
}

/// What a session of the older revisions is, beside whose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionState<'a> {
    /// The upstream's own session id, visible ASCII.
    pub upstream: &'a str,
    /// Where the upstream was, for those that know a session at one address only.
    pub address: Option<SocketAddr>,
    /// The replica that runs the server, for servers of the gateway's own; else 0.
    pub replica: u64,
    /// What both ends settled on.
    pub revision: Revision,
    /// When it was opened, in seconds since 1970.
    pub opened: u64,
}

/// A text that is nothing of ours, or is not for whoever brings it: which of these, nobody learns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not sealed here for this caller")]
pub struct NotOurs;

/// Why something is not sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// It is too long, or has letters that it must not have.
    #[error("an upstream's id or state cannot be sealed")]
    Unfit,
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
    /// A key of another length, two keys whose ids are alike, or no key.
    #[error("session keys must be of 32 bytes, with different ids")]
    Keys,
}

/// What a text is for: one sealed for one purpose opens for no other.
#[derive(Clone, Copy)]
enum Purpose {
    Session = 1,
    State = 2,
    Endpoint = 3,
}

const TAG: usize = 4;
const SALT: usize = 12;
const NONCE: usize = SALT + NONCE_LEN;
const LABEL: &[u8] = b"sluice seal 1";
const REVISION: usize = 10;

impl Sealer {
    /// With these keys: the first seals, all open.
    pub fn new<'a>(
        keys: impl IntoIterator<Item = (&'a str, &'a Secret)>,
    ) -> Result<Sealer, SealError> {
        let mut list: Vec<Key> = Vec::new();
        for (id, key) in keys {
            let tag = tag(id);
            let alike = list.iter().any(|key| key.tag == tag);
            if alike || key.expose().len() != SESSION_KEY_BYTES {
                return Err(SealError::Keys);
            }
            let master = Prk::new_less_safe(HKDF_SHA256, key.expose());
            list.push(Key { tag, master });
        }
        if list.is_empty() {
            return Err(SealError::Keys);
        }
        Ok(Sealer {
            keys: list,
            random: SystemRandom::new(),
        })
    }

    /// Seals a session: the `Mcp-Session-Id` that the client gets.
    pub fn seal_session(
        &self,
        session: &SessionState<'_>,
        connection: &str,
        principal: &Digest,
    ) -> Result<String, SealError> {
        let visible = session.upstream.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || session.upstream.len() > MCP_SESSION_BYTES {
            return Err(SealError::Unfit);
        }
        let bound = Bound::new(Purpose::Session, connection, principal);
        self.lock(&bound, |plain| session.write(plain))
    }

    /// Opens a session id that this principal brings to this connection. What it says stands in
    /// `scratch`.
    pub fn open_session<'s>(
        &self,
        text: &[u8],
        connection: &str,
        principal: &Digest,
        scratch: &'s mut Vec<u8>,
    ) -> Result<SessionState<'s>, NotOurs> {
        let bound = Bound::new(Purpose::Session, connection, principal);
        let plain = self.unlock(text, &bound, scratch)?;
        SessionState::read(plain).ok_or(NotOurs)
    }

    /// Wraps an upstream's `requestState`, given out at `issued`, in seconds since 1970.
    pub fn seal_state(
        &self,
        state: &str,
        issued: u64,
        connection: &str,
        principal: &Digest,
    ) -> Result<String, SealError> {
        if state.len() > MCP_STATE_BYTES {
            return Err(SealError::Unfit);
        }
        let bound = Bound::new(Purpose::State, connection, principal);
        self.lock(&bound, |plain| {
            plain.extend_from_slice(&issued.to_be_bytes());
            plain.extend_from_slice(state.as_bytes());
        })
    }

    /// The upstream's `requestState`, and when it was given out.
    pub fn open_state<'s>(
        &self,
        text: &[u8],
        connection: &str,
        principal: &Digest,
        scratch: &'s mut Vec<u8>,
    ) -> Result<(&'s str, u64), NotOurs> {
        let bound = Bound::new(Purpose::State, connection, principal);
        let mut plain = self.unlock(text, &bound, scratch)?;
        let issued = u64::from_be_bytes(take(&mut plain).ok_or(NotOurs)?);
        let state = std::str::from_utf8(plain).map_err(|_| NotOurs)?;
        Ok((state, issued))
    }

    /// Wraps the path and query that a server of HTTP+SSE names in its `endpoint` event.
    pub fn seal_endpoint(
        &self,
        target: &str,
        connection: &str,
        principal: &Digest,
    ) -> Result<String, SealError> {
        // Base64 makes it longer, and it must fit a target again.
        if target.len() > TARGET_BYTES / 2 {
            return Err(SealError::Unfit);
        }
        let bound = Bound::new(Purpose::Endpoint, connection, principal);
        self.lock(&bound, |plain| plain.extend_from_slice(target.as_bytes()))
    }

    /// The path and query of the server's endpoint.
    pub fn open_endpoint<'s>(
        &self,
        text: &[u8],
        connection: &str,
        principal: &Digest,
        scratch: &'s mut Vec<u8>,
    ) -> Result<&'s str, NotOurs> {
        let bound = Bound::new(Purpose::Endpoint, connection, principal);
        let plain = self.unlock(text, &bound, scratch)?;
        std::str::from_utf8(plain).map_err(|_| NotOurs)
    }

    fn lock(
        &self,
        bound: &Bound<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<String, SealError> {
        let key = self.keys.first().ok_or(SealError::Keys)?;
        let mut nonce = [0; NONCE];
        self.random
            .fill(&mut nonce)
            .map_err(|_| SealError::Random)?;
        let mut plain = Vec::new();
        write(&mut plain);
        let sealed = key.derive(&nonce).and_then(|(aead, short)| {
            aead.seal_in_place_append_tag(short, bound.under(key), &mut plain)
        });
        sealed.map_err(|_| SealError::Unfit)?;
        let mut whole = Vec::with_capacity(TAG + NONCE + plain.len());
        whole.extend_from_slice(&key.tag);
        whole.extend_from_slice(&nonce);
        whole.extend_from_slice(&plain);
        Ok(URL_SAFE_NO_PAD.encode(whole))
    }

    /// Opens a text into `scratch`. A key that is not there costs what one that is there costs.
    fn unlock<'s>(
        &self,
        text: &[u8],
        bound: &Bound<'_>,
        scratch: &'s mut Vec<u8>,
    ) -> Result<&'s [u8], NotOurs> {
        const LONGEST: usize = 2 * (MCP_STATE_BYTES + MCP_SESSION_BYTES);
        scratch.clear();
        if text.len() > LONGEST {
            return Err(NotOurs);
        }
        let decoded = URL_SAFE_NO_PAD.decode_vec(text, scratch);
        decoded.map_err(|_| NotOurs)?;
        let (tag, rest) = scratch.split_first_chunk_mut::<TAG>().ok_or(NotOurs)?;
        let (nonce, sealed) = rest.split_first_chunk_mut::<NONCE>().ok_or(NotOurs)?;
        let known = self.keys.iter().find(|key| key.tag == *tag);
        let key = known.or(self.keys.first()).ok_or(NotOurs)?;
        let (aead, short) = key.derive(nonce).map_err(|_| NotOurs)?;
        let opened = aead.open_in_place(short, bound.under(key), sealed);
        match (opened, known) {
            (Ok(plain), Some(_)) => Ok(plain),
            _ => Err(NotOurs),
        }
    }
}

impl Key {
    /// The key and nonce of one text.
    fn derive(&self, nonce: &[u8; NONCE]) -> Result<(LessSafeKey, Nonce), Unspecified> {
        let (salt, short) = nonce.split_at(SALT);
        let info = [LABEL, salt];
        let derived = self.master.expand(&info, &AES_256_GCM)?;
        let key = LessSafeKey::new(UnboundKey::from(derived));
        Ok((key, Nonce::try_assume_unique_for_key(short)?))
    }
}

/// What is authenticated beside the text: where it may be opened, and by whom.
struct Bound<'a> {
    purpose: Purpose,
    connection: &'a str,
    principal: &'a Digest,
}

impl<'a> Bound<'a> {
    fn new(purpose: Purpose, connection: &'a str, principal: &'a Digest) -> Bound<'a> {
        Bound {
            purpose,
            connection,
            principal,
        }
    }

    fn under(&self, key: &Key) -> Aad<digest::Digest> {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(LABEL);
        context.update(&[self.purpose as u8]);
        context.update(&key.tag);
        context.update(self.principal);
        context.update(self.connection.as_bytes());
        Aad::from(context.finish())
    }
}

/// What stands for a key's id in a text: ids are the operator's words, and of any length.
fn tag(id: &str) -> [u8; TAG] {
    let digest = digest::digest(&digest::SHA256, id.as_bytes());
    let mut tag = [0; TAG];
    for (byte, from) in tag.iter_mut().zip(digest.as_ref()) {
        *byte = *from;
    }
    tag
}

impl SessionState<'_> {
    fn write(&self, plain: &mut Vec<u8>) {
        plain.extend_from_slice(self.revision.as_str().as_bytes());
        plain.extend_from_slice(&self.opened.to_be_bytes());
        plain.extend_from_slice(&self.replica.to_be_bytes());
        match self.address {
            None => plain.push(0),
            Some(SocketAddr::V4(address)) => {
                plain.push(4);
                plain.extend_from_slice(&address.ip().octets());
                plain.extend_from_slice(&address.port().to_be_bytes());
            }
            Some(SocketAddr::V6(address)) => {
                plain.push(6);
                plain.extend_from_slice(&address.ip().octets());
                plain.extend_from_slice(&address.port().to_be_bytes());
                plain.extend_from_slice(&address.scope_id().to_be_bytes());
            }
        }
        plain.extend_from_slice(self.upstream.as_bytes());
    }

    fn read(mut plain: &[u8]) -> Option<SessionState<'_>> {
        let revision = Revision::parse(&take::<REVISION>(&mut plain)?)?;
        let opened = u64::from_be_bytes(take(&mut plain)?);
        let replica = u64::from_be_bytes(take(&mut plain)?);
        let address = match take(&mut plain)? {
            [0] => None,
            [4] => {
                let ip = IpAddr::from(take::<4>(&mut plain)?);
                let port = u16::from_be_bytes(take(&mut plain)?);
                Some(SocketAddr::new(ip, port))
            }
            [6] => {
                let ip = take::<16>(&mut plain)?.into();
                let port = u16::from_be_bytes(take(&mut plain)?);
                let scope = u32::from_be_bytes(take(&mut plain)?);
                Some(SocketAddrV6::new(ip, port, 0, scope).into())
            }
            _ => return None,
        };
        Some(SessionState {
            upstream: std::str::from_utf8(plain).ok()?,
            address,
            replica,
            revision,
            opened,
        })
    }
}

fn take<const N: usize>(plain: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = plain.split_first_chunk::<N>()?;
    *plain = rest;
    Some(*taken)
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer of {} keys", self.keys.len())
    }
}

impl std::fmt::Debug for SessionState<'_> {
    /// Without the upstream's id, which is as good as the session.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionState")
            .field("address", &self.address)
            .field("replica", &self.replica)
            .field("revision", &self.revision)
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}
