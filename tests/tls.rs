//! The TLS room against rustls's ordinary, buffered API as the oracle: both sides, both versions,
//! every way to split the bytes.

use std::io::{Read, Write};
use std::sync::Arc;

use proptest::prelude::*;
use rustls::{AlertDescription, CertificateError, Error, HandshakeKind, SupportedProtocolVersion};
use sluice::base::buffers::Buffer;
use sluice::base::limits::{BUFFER_BYTES, TLS_FRAGMENT_BYTES};
use sluice::base::secret::Secret;
use sluice::tls::{self, Door, Progress, Roots, Server, Session, TlsConfigError, TlsError};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];
const NAME: &str = "upstream.example";

/// A certificate authority and a certificate that it signed for [`NAME`].
struct Identity {
    root: String,
    certificate: String,
    key: String,
}

impl Identity {
    fn new() -> Identity {
        Identity::valid_until(2100)
    }

    fn valid_until(year: i32) -> Identity {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root_key = rcgen::KeyPair::generate().unwrap();
        let root = params.self_signed(&root_key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, root_key);
        let mut params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        Identity {
            root,
            certificate: params.signed_by(&key, &issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn our_door(&self) -> Arc<Door> {
        Door::new(server(&self.certificate, &self.key).unwrap())
    }

    fn our_server(&self) -> Ours {
        Ours::server(&self.our_door())
    }

    fn our_client_config(&self) -> Arc<rustls::ClientConfig> {
        let roots = Roots::Pem(self.root.clone().into_bytes());
        tls::client_config(&roots).unwrap()
    }

    fn our_client(&self, name: &str) -> Ours {
        Ours::client(&self.our_client_config(), name)
    }

    fn server_oracle(
        &self,
        version: &'static SupportedProtocolVersion,
        tune: impl FnOnce(&mut rustls::ServerConfig),
    ) -> Oracle {
        Oracle::server(&self.server_config(version, tune))
    }

    fn server_config(
        &self,
        version: &'static SupportedProtocolVersion,
        tune: impl FnOnce(&mut rustls::ServerConfig),
    ) -> Arc<rustls::ServerConfig> {
        use rustls_pki_types::pem::PemObject;
        let chain = rustls_pki_types::CertificateDer::from_pem_slice(self.certificate.as_bytes());
        let key = rustls_pki_types::PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain.unwrap()], key.unwrap())
            .unwrap();
        tune(&mut config);
        Arc::new(config)
    }

    fn client_oracle(&self, version: &'static SupportedProtocolVersion, alpn: &[&str]) -> Oracle {
        Oracle::client(&self.client_config(version, alpn))
    }

    fn client_config(
        &self,
        version: &'static SupportedProtocolVersion,
        alpn: &[&str],
    ) -> Arc<rustls::ClientConfig> {
        self.client_config_of(provider(), version, alpn)
    }

    fn client_config_of(
        &self,
        provider: Arc<rustls::crypto::CryptoProvider>,
        version: &'static SupportedProtocolVersion,
        alpn: &[&str],
    ) -> Arc<rustls::ClientConfig> {
        use rustls_pki_types::pem::PemObject;
        let mut roots = rustls::RootCertStore::empty();
        let root = rustls_pki_types::CertificateDer::from_pem_slice(self.root.as_bytes());
        roots.add(root.unwrap()).unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// A listener with one certificate.
fn server(certificate: &str, key: &str) -> Result<Server, TlsConfigError> {
    let shown = tls::Certificate {
        chain: certificate.as_bytes(),
        key: &Secret::new(key.as_bytes().to_vec()),
    };
    Server::new(&[shown], None, None)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Our session with the buffers that a connection would lend it.
struct Ours {
    session: Session,
    cipher: Buffer,
    plain: Buffer,
    out: Vec<u8>,
    got: Vec<u8>,
}

impl Ours {
    fn server(door: &Arc<Door>) -> Ours {
        Ours::new(Session::server(door).unwrap())
    }

    fn client(config: &Arc<rustls::ClientConfig>, name: &str) -> Ours {
        let name = tls::server_name(name).unwrap();
        Ours::new(Session::client(Arc::clone(config), name).unwrap())
    }

    fn new(session: Session) -> Ours {
        Ours {
            session,
            cipher: Buffer::with_capacity(BUFFER_BYTES),
            plain: Buffer::with_capacity(BUFFER_BYTES),
            out: Vec::new(),
            got: Vec::new(),
        }
    }

    /// Lets `bytes` arrive, and opens all that can be opened.
    fn feed(&mut self, mut bytes: &[u8]) -> Result<Progress, TlsError> {
        loop {
            let count = self.cipher.append(bytes);
            bytes = &bytes[count..];
            let progress = self
                .session
                .open(&mut self.cipher, &mut self.plain, &mut self.out)?;
            self.got.extend_from_slice(self.plain.filled());
            self.plain.consume(self.plain.filled().len());
            if progress != Progress::PlainFull && bytes.is_empty() {
                return Ok(progress);
            }
        }
    }

    fn seal(&mut self, slices: &[&[u8]]) -> Result<(), TlsError> {
        self.session
            .seal(&mut self.cipher, slices.iter().copied(), &mut self.out)
    }

    fn close(&mut self) -> Result<(), TlsError> {
        self.session.close(&mut self.cipher, &mut self.out)
    }
}

struct Oracle(rustls::Connection);

impl Oracle {
    fn client(config: &Arc<rustls::ClientConfig>) -> Oracle {
        let name = NAME.try_into().unwrap();
        let client = rustls::ClientConnection::new(Arc::clone(config), name).unwrap();
        Oracle(client.into())
    }

    fn server(config: &Arc<rustls::ServerConfig>) -> Oracle {
        let server = rustls::ServerConnection::new(Arc::clone(config)).unwrap();
        Oracle(server.into())
    }

    /// Lets `bytes` arrive; answers the plain bytes in them.
    fn feed(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut got = Vec::new();
        while !bytes.is_empty() {
            self.0.read_tls(&mut bytes).unwrap();
            let arrived = self.0.process_new_packets()?.plaintext_bytes_to_read();
            let start = got.len();
            got.resize(start + arrived, 0);
            self.0.reader().read_exact(&mut got[start..]).unwrap();
        }
        Ok(got)
    }

    fn out(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut out).unwrap();
        }
        out
    }

    fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.set_buffer_limit(None);
        self.0.writer().write_all(bytes).unwrap();
        self.out()
    }
}

/// Cuts what one side sent into what the other side reads at once.
type Split<'a> = &'a mut dyn FnMut(usize) -> usize;

fn whole(length: usize) -> usize {
    length
}

fn single(_: usize) -> usize {
    1
}

fn pieces<'a>(mut bytes: &'a [u8], split: Split<'_>) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(split(bytes.len()).clamp(1, bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// Carries bytes both ways until neither side has any; answers what the oracle opened.
fn exchange(ours: &mut Ours, oracle: &mut Oracle, split: Split<'_>) -> Result<Vec<u8>, TlsError> {
    let mut got = Vec::new();
    ours.feed(b"")?;
    loop {
        let (to_ours, to_oracle) = (oracle.out(), std::mem::take(&mut ours.out));
        if to_ours.is_empty() && to_oracle.is_empty() {
            return Ok(got);
        }
        for piece in pieces(&to_oracle, split) {
            got.extend(oracle.feed(piece).map_err(TlsError::Protocol)?);
        }
        for piece in pieces(&to_ours, split) {
            ours.feed(piece)?;
        }
    }
}

fn pairs(identity: &Identity) -> Vec<(Ours, Oracle)> {
    let mut pairs = Vec::new();
    for version in VERSIONS {
        let client = identity.client_oracle(version, &["http/1.1"]);
        pairs.push((identity.our_server(), client));
        let server = identity.server_oracle(version, |config| {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        });
        pairs.push((identity.our_client(NAME), server));
    }
    pairs
}

fn connected(identity: &Identity) -> Vec<(Ours, Oracle)> {
    let mut pairs = pairs(identity);
    for (ours, oracle) in &mut pairs {
        exchange(ours, oracle, &mut whole).unwrap();
        assert!(!ours.session.is_handshaking());
    }
    pairs
}

fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7) as u8).collect()
}

/// Handshake, bytes both ways, and a clean end both ways.
fn a_whole_conversation(ours: &mut Ours, oracle: &mut Oracle, length: usize, split: Split<'_>) {
    assert!(ours.session.is_handshaking());
    exchange(ours, oracle, split).unwrap();
    assert!(!ours.session.is_handshaking() && !oracle.0.is_handshaking());
    assert_eq!(ours.session.version(), oracle.0.protocol_version());
    assert_eq!(ours.session.alpn(), Some(&b"http/1.1"[..]));

    let sent = payload(length);
    let (head, body) = sent.split_at(length / 3);
    ours.seal(&[head, b"", body]).unwrap();
    oracle.0.set_buffer_limit(None);
    oracle.0.writer().write_all(&sent).unwrap();
    assert!(exchange(ours, oracle, split).unwrap() == sent);
    assert!(ours.got == sent);

    assert!(!ours.session.peer_closed());
    assert!(matches!(ours.session.on_eof(), Err(TlsError::Truncated)));
    oracle.0.send_close_notify();
    exchange(ours, oracle, split).unwrap();
    assert!(ours.session.peer_closed() && ours.session.on_eof().is_ok());
    ours.seal(&[b"still open this way"]).unwrap();
    ours.close().unwrap();
    let last = exchange(ours, oracle, split).unwrap();
    assert_eq!(last, b"still open this way");
    assert!(oracle.0.process_new_packets().unwrap().peer_has_closed());
}

#[test]
fn converses_whole() {
    for (mut ours, mut oracle) in pairs(&Identity::new()) {
        a_whole_conversation(&mut ours, &mut oracle, 1 << 20, &mut whole);
    }
}

#[test]
fn converses_byte_by_byte() {
    for (mut ours, mut oracle) in pairs(&Identity::new()) {
        a_whole_conversation(&mut ours, &mut oracle, 40_000, &mut single);
    }
}

#[test]
fn converses_through_a_plain_buffer_smaller_than_a_record() {
    for (mut ours, mut oracle) in pairs(&Identity::new()) {
        ours.plain = Buffer::with_capacity(100);
        a_whole_conversation(&mut ours, &mut oracle, 100_000, &mut whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn converses_however_it_is_split(sizes in prop::collection::vec(1_usize..9000, 1..40)) {
        let mut turns = sizes.iter().cycle();
        let mut split = |_| *turns.next().unwrap();
        for (mut ours, mut oracle) in pairs(&Identity::new()) {
            a_whole_conversation(&mut ours, &mut oracle, 70_000, &mut split);
        }
    }

    /// Whatever a peer does to its bytes: an error or silence, never a panic, never other bytes.
    #[test]
    fn altered_bytes_never_pass(at in any::<prop::sample::Index>(), by in 1_u8.., split in 1_usize..4000) {
        let identity = Identity::new();
        for (mut ours, mut oracle) in pairs(&identity) {
            ours.feed(b"").unwrap();
            let _ = oracle.feed(&std::mem::take(&mut ours.out));
            let mut flight = oracle.out();
            if !flight.is_empty() {
                let at = at.index(flight.len());
                flight[at] ^= by;
                let _ = pieces(&flight, &mut |_| split).into_iter().try_for_each(|piece| ours.feed(piece).map(drop));
            }
            prop_assert!(ours.got.is_empty());
        }
        for (mut ours, mut oracle) in connected(&identity) {
            let mut records = oracle.seal(&payload(20_000));
            let at = at.index(records.len());
            records[at] ^= by;
            let _ = pieces(&records, &mut |_| split).into_iter().try_for_each(|piece| ours.feed(piece).map(drop));
            prop_assert!(payload(20_000).starts_with(&ours.got) && ours.got.len() < 20_000);
            prop_assert!(ours.session.on_eof().is_err());
        }
    }
}

#[test]
fn who_comes_back_resumes_however_the_bytes_are_split() {
    let identity = Identity::new();
    // Cores share the configuration and nothing else.
    let door = identity.our_door();
    let splits: [fn(usize) -> usize; 2] = [whole, single];
    for (version, split) in VERSIONS
        .into_iter()
        .flat_map(|version| splits.map(|split| (version, split)))
    {
        let caller = identity.client_config(version, &["http/1.1"]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (mut ours, mut oracle) = (Ours::server(&door), Oracle::client(&caller));
            a_whole_conversation(&mut ours, &mut oracle, 100, &mut { split });
            assert_eq!(oracle.0.handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

#[test]
fn the_listener_chooses_the_cipher() {
    let identity = Identity::new();
    let door = identity.our_door();
    let mut weakest_first = rustls::crypto::ring::default_provider();
    weakest_first.cipher_suites.reverse();
    let weakest_first = Arc::new(weakest_first);
    for version in VERSIONS {
        let caller = identity.client_config_of(weakest_first.clone(), version, &["http/1.1"]);
        let (mut ours, mut oracle) = (Ours::server(&door), Oracle::client(&caller));
        a_whole_conversation(&mut ours, &mut oracle, 100, &mut whole);
        let suite = oracle
            .0
            .negotiated_cipher_suite()
            .map(|suite| suite.suite());
        let suite = format!("{suite:?}");
        assert!(suite.contains("AES_256_GCM"), "{suite}");
    }
}

#[test]
fn an_upstream_that_gives_tickets_is_resumed() {
    let identity = Identity::new();
    for version in VERSIONS {
        let config = identity.our_client_config();
        let upstream = identity.server_config(version, |config| {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        });
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (mut ours, mut oracle) = (Ours::client(&config, NAME), Oracle::server(&upstream));
            a_whole_conversation(&mut ours, &mut oracle, 100, &mut single);
            assert_eq!(oracle.0.handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

#[test]
fn our_two_sides_agree() {
    let identity = Identity::new();
    let (mut client, mut server) = (identity.our_client(NAME), identity.our_server());
    client.feed(b"").unwrap();
    while client.session.is_handshaking() || server.session.is_handshaking() {
        server.feed(&std::mem::take(&mut client.out)).unwrap();
        client.feed(&std::mem::take(&mut server.out)).unwrap();
    }
    client.seal(&[b"hello"]).unwrap();
    client.close().unwrap();
    let end = server.feed(&std::mem::take(&mut client.out)).unwrap();
    assert_eq!(
        (end, server.got.as_slice()),
        (Progress::PeerClosed, &b"hello"[..])
    );
}

/// The lengths of the records in `bytes`.
fn records(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [23, 3, 3, high, low, rest @ ..] = bytes {
        let length = usize::from(*high) << 8 | usize::from(*low);
        lengths.push(length);
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty());
    lengths
}

#[test]
fn small_slices_share_records() {
    let small = [b'x'; 10];
    let large = payload(TLS_FRAGMENT_BYTES * 2 + 5);
    for (mut ours, mut oracle) in connected(&Identity::new()) {
        for (slices, want) in [
            (vec![], 0),
            (vec![&b""[..]; 3], 0),
            (vec![&small[..]; 100], 1),
            (vec![&small[..]; 4000], 3),
            (vec![&large[..]], 3),
            (vec![&small[..], &large[..], &small[..]], 3),
            (vec![&large[..], &large[..]], 6),
        ] {
            ours.out.extend_from_slice(b"kept");
            ours.seal(&slices).unwrap();
            let sealed = ours.out.split_off(4);
            assert_eq!(ours.out.split_off(0), b"kept");
            let lengths = records(&sealed);
            assert!(lengths.len() <= want, "{} of {want}", lengths.len());
            assert_eq!(oracle.feed(&sealed).unwrap(), slices.concat());
        }
    }
}

/// A message in pieces is kept by rustls as places in the buffer: sealing in between must show it
/// the same buffer, or it would look outside of it.
#[test]
fn seals_amid_a_message_in_pieces() {
    let identity = Identity::new();
    let mut ours = identity.our_client(NAME);
    let mut oracle = identity.server_oracle(&rustls::version::TLS13, |config| {
        config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        config.max_fragment_size = Some(40);
    });
    let (mut sealed, mut opened) = (0, 0);
    ours.feed(b"").unwrap();
    for _ in 0..4 {
        opened += oracle.feed(&std::mem::take(&mut ours.out)).unwrap().len();
        for byte in oracle.out() {
            ours.feed(&[byte]).unwrap();
            if !ours.session.is_handshaking() {
                ours.seal(&[b"x"]).unwrap();
                sealed += 1;
            }
        }
    }
    assert!(sealed > 100, "tickets came in pieces: {sealed}");
    assert_eq!(opened, sealed);
    ours.feed(&oracle.seal(b"and it still works")).unwrap();
    assert_eq!(ours.got, b"and it still works");
}

#[test]
fn follows_key_updates() {
    for (mut ours, mut oracle) in connected(&Identity::new()) {
        if ours.session.version() != Some(rustls::ProtocolVersion::TLSv1_3) {
            continue;
        }
        for round in [b"one", b"two", b"six"] {
            oracle.0.refresh_traffic_keys().unwrap();
            let records = oracle.seal(round);
            ours.feed(&records).unwrap();
            ours.seal(&[round]).unwrap();
            let got = oracle.feed(&std::mem::take(&mut ours.out)).unwrap();
            assert_eq!(got, round);
        }
        assert_eq!(ours.got, b"onetwosix");
    }
}

/// Lets our client meet a server, and answers what each of the two says of it.
fn meet(mut client: Ours, mut server: Oracle) -> (TlsError, Error) {
    let ours = exchange(&mut client, &mut server, &mut whole).unwrap_err();
    assert!(!client.out.is_empty(), "the alert is handed out");
    (ours, server.feed(&client.out).unwrap_err())
}

#[test]
fn refuses_a_certificate_of_the_wrong_name_or_authority_or_time() {
    for version in VERSIONS {
        let identity = Identity::new();
        let server = identity.server_oracle(version, |_| ());
        let (ours, theirs) = meet(identity.our_client("other.example"), server);
        assert!(ours.to_string().contains("other.example"), "{ours}");
        assert!(matches!(theirs, Error::AlertReceived(_)));

        let server = identity.server_oracle(version, |_| ());
        let (ours, theirs) = meet(Identity::new().our_client(NAME), server);
        assert!(matches!(
            ours,
            TlsError::Protocol(Error::InvalidCertificate(_))
        ));
        assert!(matches!(theirs, Error::AlertReceived(_)));

        let expired = Identity::valid_until(2001);
        let server = expired.server_oracle(version, |_| ());
        let (ours, theirs) = meet(expired.our_client(NAME), server);
        let TlsError::Protocol(Error::InvalidCertificate(why)) = ours else {
            panic!("{ours}")
        };
        assert!(matches!(why, CertificateError::ExpiredContext { .. }));
        let want = AlertDescription::CertificateExpired;
        assert_eq!(theirs, Error::AlertReceived(want));
    }
}

#[test]
fn refuses_another_protocol_but_not_silence_about_it() {
    let identity = Identity::new();
    for version in VERSIONS {
        let (mut ours, mut oracle) = (
            identity.our_server(),
            identity.client_oracle(version, &["h2"]),
        );
        assert!(exchange(&mut ours, &mut oracle, &mut whole).is_err());
        let want = AlertDescription::NoApplicationProtocol;
        let told = oracle.feed(&ours.out).unwrap_err();
        assert_eq!(told, Error::AlertReceived(want));

        let (mut ours, mut oracle) = (identity.our_server(), identity.client_oracle(version, &[]));
        exchange(&mut ours, &mut oracle, &mut whole).unwrap();
        assert_eq!(ours.session.alpn(), None);
        assert!(!ours.session.is_handshaking());
    }
}

#[test]
fn names_what_is_not_tls_however_it_is_split() {
    let identity = Identity::new();
    for split in [whole, single] {
        let feed = |mut ours: Ours, bytes: &[u8]| {
            let error = pieces(bytes, &mut { split })
                .into_iter()
                .find_map(|piece| ours.feed(piece).err());
            (error.unwrap(), ours)
        };
        let (error, ours) = feed(identity.our_server(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(matches!(error, TlsError::PlainText));
        assert!(ours.out.is_empty(), "no alert for one who cannot read it");
        let (error, _) = feed(
            identity.our_client(NAME),
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
        );
        assert!(matches!(error, TlsError::PlainText));
        let (error, _) = feed(identity.our_server(), &[0x80, 0x2e, 1, 0, 2, 0, 0]);
        assert!(matches!(error, TlsError::NotTls), "{error}");
    }
}

#[test]
fn bounds_a_handshake() {
    // One message announced as 64 KiB, in as many records as it takes.
    let mut ours = Identity::new().our_server();
    let mut flood = vec![22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff];
    flood.resize(5 + 0x4000, 0);
    for _ in 0..4 {
        flood.extend_from_slice(&[22, 3, 1, 0x40, 0]);
        flood.resize(flood.len() + 0x4000, 0);
    }
    let error = ours.feed(&flood).unwrap_err();
    assert!(matches!(error, TlsError::MessageTooLong), "{error}");
}

#[test]
fn an_error_is_for_ever() {
    for (mut ours, mut oracle) in connected(&Identity::new()) {
        let good = oracle.seal(b"good");
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        let error = ours.feed(&bad).unwrap_err();
        assert!(matches!(error, TlsError::Protocol(Error::DecryptError)));
        let told = oracle.feed(&std::mem::take(&mut ours.out)).unwrap_err();
        assert_eq!(told, Error::AlertReceived(AlertDescription::BadRecordMac));
        assert!(matches!(ours.feed(&good), Err(TlsError::Broken)));
        assert!(matches!(ours.seal(&[b"x"]), Err(TlsError::Broken)));
        assert!(matches!(ours.close(), Err(TlsError::Broken)));
        assert!(ours.got.is_empty() && ours.out.is_empty());
    }
}

#[test]
fn seals_only_between_handshake_and_close() {
    let mut early = Identity::new().our_client(NAME);
    assert!(matches!(early.seal(&[b"x"]), Err(TlsError::Handshaking)));
    for (mut ours, _) in connected(&Identity::new()) {
        ours.close().unwrap();
        let length = ours.out.len();
        ours.close().unwrap();
        assert_eq!(ours.out.len(), length, "close is said once");
        assert!(matches!(ours.seal(&[b"x"]), Err(TlsError::Closed)));
    }
}

#[test]
fn what_follows_the_peers_close_is_dropped() {
    for (mut ours, mut oracle) in connected(&Identity::new()) {
        oracle.0.send_close_notify();
        let mut records = oracle.seal(b"");
        records.extend_from_slice(b"anything");
        assert_eq!(ours.feed(&records).unwrap(), Progress::PeerClosed);
        assert_eq!(ours.feed(b"more").unwrap(), Progress::PeerClosed);
        assert!(ours.got.is_empty() && ours.cipher.is_empty());
    }
}

#[test]
fn configuration_errors_say_what_is_wrong() {
    let (one, other) = (Identity::new(), Identity::new());
    let server = |certificate: &str, key: &str| server(certificate, key).err().unwrap();
    let junk = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    use TlsConfigError as E;
    assert!(matches!(server("", &one.key), E::NoCertificate));
    assert!(matches!(server(&one.key, &one.key), E::NoCertificate));
    assert!(matches!(server(junk, &one.key), E::CertificatePem(_)));
    assert!(matches!(
        server(no_certificate, &one.key),
        E::Certificate(_)
    ));
    assert!(matches!(server(&one.certificate, ""), E::NoKey));
    assert!(matches!(
        server(&one.certificate, &one.certificate),
        E::NoKey
    ));
    assert!(matches!(server(&one.certificate, no_key), E::Key(_)));
    assert!(matches!(server(&one.certificate, &other.key), E::Mismatch));
    let client = |pem: &str| tls::client_config(&Roots::Pem(pem.into())).err().unwrap();
    assert!(matches!(client(""), E::NoRoots));
    assert!(matches!(client(junk), E::RootPem(_)));
    assert!(matches!(client(no_certificate), E::Root(_)));
    let native = tls::client_config(&Roots::Native);
    assert!(matches!(native, Ok(_) | Err(E::NoRoots)));
}

#[test]
fn server_names_are_names_or_addresses() {
    for good in ["upstream.example", "10.0.0.7", "::1", "[::1]"] {
        assert!(tls::server_name(good).is_ok(), "{good}");
    }
    for bad in ["", "a b", "user@host", "host:443", "[::1"] {
        assert!(tls::server_name(bad).is_err(), "{bad}");
    }
}
