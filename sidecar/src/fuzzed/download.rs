//! What a server of models says: where a part begins, how long the whole is, where to go instead.

use ureq::http::Uri;

use crate::model::get::{is_allowed, next, part_start, whole_length};

#[test]
fn fuzzed_ranges() {
    let examples: [&[u8]; 3] = [b"bytes 100-199/200", b"bytes */200", b"bytes 0-0/*"];
    fuzz::run(&examples, &["bytes ", "bytes */", "-", "/", "*", "+", " ", "00"], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (start, whole) = (part_start(&text), whole_length(&text));
        if let Some(start) = start {
            let rest = text.strip_prefix("bytes ").unwrap().trim_start_matches('0');
            let digits = if start == 0 { String::new() } else { start.to_string() };
            assert!(rest.starts_with(&format!("{digits}-")), "{start}");
        }
        if let Some(whole) = whole {
            let rest = text.strip_prefix("bytes */").unwrap().trim_start_matches('0');
            assert_eq!(rest, if whole == 0 { String::new() } else { whole.to_string() });
        }
        (start.is_some(), whole.is_some())
    });
}

#[test]
fn fuzzed_redirects() {
    let from: Uri = "https://models.example/person.onnx?x".parse().unwrap();
    let hosts = ["models.example".to_owned(), "cdn.example:8443".into()];
    let examples: [&[u8]; 4] = [
        b"/other.onnx",
        b"https://cdn.example:8443/x?y",
        b"//evil.example/x",
        b"https://models.example:443/z",
    ];
    let words = [
        "https://",
        "http://",
        "//",
        "/",
        "@",
        ":443",
        ":8443",
        "models.example",
        "evil.example",
        "\\",
        "#",
        "?",
        "..",
        "%2f",
    ];
    fuzz::run(&examples, &words, |bytes| {
        let location = String::from_utf8_lossy(bytes);
        let to = next(&from, &location).filter(|to| is_allowed(to, &hosts));
        if let Some(to) = &to {
            assert_eq!(to.scheme_str(), Some("https"));
            let place = (to.host().unwrap().to_ascii_lowercase(), to.port_u16().unwrap_or(443));
            assert!([("models.example".into(), 443), ("cdn.example".into(), 8443)].contains(&place), "{to}");
            assert!(!to.authority().unwrap().as_str().contains('@'), "{to}");
        }
        to.is_some()
    });
}
