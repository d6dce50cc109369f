//! When a certificate of ours is good: peers would refuse it at another time, and the operator
//! should hear of it first. rustls does not look at what we show ourselves.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};

use super::TlsConfigError;
use crate::base::clock::Wall;

/// The time a certificate is made for, both ends included, in seconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// The first second.
    pub not_before: u64,
    /// The last second.
    pub not_after: u64,
}

impl Validity {
    /// Reads it from the first certificate of a PEM text.
    ///
    /// # Errors
    /// When there is no certificate in it.
    pub fn of(certificate: &[u8]) -> Result<Validity, TlsConfigError> {
        let der = CertificateDer::from_pem_slice(certificate).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsConfigError::NoCertificate,
            other => TlsConfigError::CertificatePem(other),
        })?;
        let unreadable = rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding);
        Validity::of_der(&der).ok_or(TlsConfigError::Certificate(unreadable))
    }

    /// Reads it from a certificate; nothing where that cannot be read.
    pub(super) fn of_der(certificate: &[u8]) -> Option<Validity> {
        read(certificate)
    }

    /// Judges the certificate at a time.
    ///
    /// # Errors
    /// When it is good no more, or not yet.
    pub fn judge(&self, now: Wall) -> Result<(), TlsConfigError> {
        let now = now.unix_seconds();
        if now > self.not_after {
            return Err(TlsConfigError::Expired);
        }
        if now < self.not_before {
            return Err(TlsConfigError::NotYetValid);
        }
        Ok(())
    }
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// RFC 5280, section 4.1: validity follows version (which may be missing), serial number,
/// signature algorithm and issuer.
fn read(der: &[u8]) -> Option<Validity> {
    let (certificate, _) = expect(SEQUENCE, der)?;
    let (mut rest, _) = expect(SEQUENCE, certificate)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    for _ in ["serial number", "signature", "issuer"] {
        rest = element(rest)?.2;
    }
    let (validity, _) = expect(SEQUENCE, rest)?;
    let (tag, not_before, rest) = element(validity)?;
    let not_before = seconds(tag, not_before)?;
    let (tag, not_after, _) = element(rest)?;
    Some(Validity {
        not_before,
        not_after: seconds(tag, not_after)?,
    })
}

/// The first element of `der`: tag, content, what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let digits = usize::from(first & 0x7f);
        if !(1..=3).contains(&digits) {
            return None;
        }
        let (big_endian, after) = rest.split_at_checked(digits)?;
        length = big_endian
            .iter()
            .fold(0, |length, &digit| length << 8 | usize::from(digit));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

fn expect(want: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(der)?;
    (tag == want).then_some((content, rest))
}

/// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` (RFC 5280, section 4.1.2.5).
fn seconds(tag: u8, text: &[u8]) -> Option<u64> {
    let (digits, zone) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if zone != b"Z" || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    };
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => match number(&digits[..2]) {
            short @ 0..50 => (2000 + short, &digits[2..]),
            short => (1900 + short, &digits[2..]),
        },
        (GENERALIZED_TIME, 14) => (number(&digits[..4]), &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| number(&rest[at..at + 2]);
    let days = days(year, part(0), part(2))?;
    Some(days * 86_400 + part(4) * 3_600 + part(6) * 60 + part(8))
}

/// Days from 1970-01-01 to a date; a date before it counts as it.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March here, so that a leap day is the last of its year.
    let (year, month) = match month {
        1 | 2 => (year.checked_sub(1)?, month + 9),
        _ => (year, month - 3),
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    const TO_1970: u64 = 719_468;
    Some((year * 365 + leap_days + day_of_year).saturating_sub(TO_1970))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_of_time() {
        let at = |tag, text: &str| seconds(tag, text.as_bytes());
        assert_eq!(at(GENERALIZED_TIME, "19700101000000Z"), Some(0));
        assert_eq!(at(UTC_TIME, "700101000001Z"), Some(1));
        assert_eq!(at(UTC_TIME, "261122210000Z"), Some(1_795_381_200));
        assert_eq!(at(GENERALIZED_TIME, "20000229120000Z"), Some(951_825_600));
        assert_eq!(at(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        for bad in [
            "",
            "Z",
            "26112221000Z",
            "261122210000",
            "261322210000Z",
            "26112x210000Z",
        ] {
            assert_eq!(at(UTC_TIME, bad), None, "{bad}");
        }
    }

    #[test]
    fn reads_a_certificate_and_judges_it() {
        let mut params = rcgen::CertificateParams::new(vec!["a.example".into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2024, 2, 29);
        params.not_after = rcgen::date_time_ymd(2055, 3, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let validity = Validity::of(certificate.pem().as_bytes()).unwrap();
        let want = [params.not_before, params.not_after].map(|time| time.unix_timestamp());
        assert_eq!(validity.not_before, u64::try_from(want[0]).unwrap());
        assert_eq!(validity.not_after, u64::try_from(want[1]).unwrap());

        let judge = |second: u64| validity.judge(Wall(second * 1_000_000_000));
        assert!(judge(validity.not_before).is_ok() && judge(validity.not_after).is_ok());
        let early = judge(validity.not_before - 1);
        assert!(matches!(early, Err(TlsConfigError::NotYetValid)));
        let late = judge(validity.not_after + 1);
        assert!(matches!(late, Err(TlsConfigError::Expired)));

        // Cut anywhere: no answer, no panic.
        let der = certificate.der();
        assert!((0..der.len()).all(|length| read(&der[..length]).is_none()));
    }

    #[test]
    fn no_certificate_has_no_validity() {
        let missing = Validity::of(b"");
        assert!(matches!(missing, Err(TlsConfigError::NoCertificate)));
    }
}
