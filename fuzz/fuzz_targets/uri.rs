//! Targets: the canonical form is a fixed point, and holds nothing that two servers read apart.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::http::canonical;

fuzz_target!(|target: &[u8]| {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let Ok(once) = canonical(target, &mut first) else {
        return;
    };
    let again = canonical(once.as_str().as_bytes(), &mut second);
    assert_eq!(again, Ok(once));
    let path = once.path();
    assert!(path.starts_with('/') && !path.contains("//") && !path.contains([';', '\\', '?', '#']));
    assert!(
        !path
            .split('/')
            .any(|segment| segment == "." || segment == "..")
    );
    for encoded in ["%2F", "%5C", "%00", "%0A", "%0D", "%2E", "%41"] {
        assert!(!path.to_ascii_uppercase().contains(encoded));
    }
    assert!(once.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    // Who reads URLs as browsers do finds nothing to change, but that it encodes quotes in queries.
    let url = url::Url::parse(&format!("http://h{}", once.as_str())).expect("a URL");
    let query = once.query().map(|query| query.replace('\'', "%27"));
    assert_eq!((url.path(), url.query()), (path, query.as_deref()));
});
