//! Heads, scanned as they arrive.

use std::fmt::Debug;

/// The verdict on `bytes`, after making sure that no way of arriving changes it: at once, in two
/// pieces cut at `cut`, and byte by byte. `scan` is given a scanner and everything so far.
pub fn any_way<S, H, E>(
    bytes: &[u8],
    cut: usize,
    fresh: impl Fn() -> S,
    scan: impl Fn(&mut S, &[u8]) -> Result<Option<H>, E>,
    len: impl Fn(&H) -> usize,
) -> Result<Option<H>, E>
where
    E: PartialEq + Debug,
{
    let whole = scan(&mut fresh(), bytes);
    let arrives = |ends: &[usize]| {
        let mut scanner = fresh();
        let mut ends = ends.iter();
        let verdict = ends.find_map(|end| scan(&mut scanner, &bytes[..*end]).transpose());
        let verdict = verdict.transpose();
        match (&whole, &verdict) {
            (Ok(Some(one)), Ok(Some(same))) => assert_eq!(len(one), len(same)),
            (Ok(None), Ok(None)) => {}
            (Err(one), Err(same)) => assert_eq!(one, same),
            (one, other) => {
                let say = |it: &Result<Option<H>, E>| match it {
                    Ok(head) => format!("head: {}", head.is_some()),
                    Err(error) => format!("{error:?}"),
                };
                panic!("{} at once, else {}", say(one), say(other));
            }
        }
    };
    let cut = cut % (bytes.len() + 1);
    arrives(&[cut, bytes.len()]);
    if bytes.len() <= 256 {
        arrives(&Vec::from_iter(0..=bytes.len()));
    }
    whole
}
