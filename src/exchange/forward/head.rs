//! The request head as the upstream gets it.

use crate::base::credential::Credential;
use crate::exchange::inbound::Judged;
use crate::exchange::{Core, fields};
use crate::http::{HeadWriter, RequestHead, WriteError};

/// The head that goes upstream, `Host` first: the caller's listed fields, then the gateway's own.
///
/// Caller and configuration were checked before, so only a credential can be unwritable.
pub(in crate::exchange) fn head(
    head: &RequestHead,
    bytes: &[u8],
    judged: &Judged,
    credential: Option<&Credential>,
    core: &mut Core,
) -> Result<Vec<u8>, WriteError> {
    let mut target = core.pool.lend_text();
    target.extend_from_slice(judged.connection.upstream.base_path.as_bytes());
    target.extend_from_slice(&judged.target);
    let mut text = core.pool.lend_text();
    let written = write_head(&mut text, &target, head, bytes, judged, credential);
    core.pool.give_back_text(target);
    match written {
        Ok(()) => Ok(text),
        Err(why) => {
            core.pool.give_back_text(text);
            Err(why)
        }
    }
}

/// Nothing of the caller's that is not listed, that is meant for this hop, or that the credential
/// stands for.
fn write_head(
    out: &mut Vec<u8>,
    target: &[u8],
    head: &RequestHead,
    bytes: &[u8],
    judged: &Judged,
    credential: Option<&Credential>,
) -> Result<(), WriteError> {
    let connection = &judged.connection;
    let mut writer = HeadWriter::request(out, head.method(bytes), target)?;
    writer.field("Host", connection.upstream.authority.as_bytes())?;
    for field in head.entries(bytes).filter(|field| !field.hop_by_hop) {
        let ours =
            credential.is_some_and(|credential| credential.field.eq_ignore_ascii_case(field.name));
        let masked = connection.masks.is_some();
        if !ours && fields::request_passes(field.name, &connection.forward, masked) {
            writer.field(field.name, field.value)?;
        }
    }
    if let Some(credential) = credential {
        writer.field(&credential.field, credential.value.expose())?;
    }
    writer.body(head.body())?;
    writer.finish().map(|_| ())
}
