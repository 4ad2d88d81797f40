//! `traceparent` of W3C Trace Context: pure. In: a header line. Out: the trace and the span in it, if somebody records them.

use http::{HeaderMap, HeaderValue};

pub const TRACEPARENT: &str = "traceparent";

/// Whose child a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    pub trace: String,
    pub span: String,
}

impl Parent {
    /// `None` where there is none, where it is not one, and where nobody records it: the first of the chain decides that.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(TRACEPARENT).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        let mut parts = line.to_str().ok()?.split('-');
        let version = parts.next().filter(|version| is_hexadecimal(version, 2) && *version != "ff")?;
        let trace = parts.next().filter(|trace| is_id(trace, 32))?;
        let span = parts.next().filter(|span| is_id(span, 16))?;
        let flags = parts.next().filter(|flags| is_hexadecimal(flags, 2))?;
        // A later version may say more.
        let is_whole = version != "00" || parts.next().is_none();
        let is_sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
        (is_whole && is_sampled).then(|| Self { trace: trace.into(), span: span.into() })
    }

    /// The line for who comes after.
    pub fn line(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("00-{}-{}-01", self.trace, self.span)).ok()
    }
}

fn is_hexadecimal(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_id(text: &str, length: usize) -> bool {
    is_hexadecimal(text, length) && text.bytes().any(|byte| byte != b'0')
}
