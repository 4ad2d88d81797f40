use crate::proxy::http1::{
    framing::Body,
    head::{Fault, check},
};

const HEADERS_MAX: usize = 8;

#[track_caller]
fn reads(head: &str, want: Body) {
    assert_eq!(check(head.as_bytes(), HEADERS_MAX), Ok(want), "{head:?}");
}

#[track_caller]
fn refuses(head: &str) {
    let got = check(head.as_bytes(), HEADERS_MAX);
    assert!(matches!(got, Err(Fault::Broken(_))), "{head:?}: {got:?}");
}

#[test]
fn one_framing_is_read() {
    reads("GET /v2 HTTP/1.1\r\nHost: a:80\r\n\r\n", Body::Length(0));
    reads("GET /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", Body::Length(0));
    reads("POST /x HTTP/1.1\r\nhOsT: [::1]:80\r\ncontent-length:\t42 \r\n\r\n", Body::Length(42));
    reads("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", Body::CHUNKED);
    reads("POST /x HTTP/1.0\r\nContent-Length: 7\r\n\r\n", Body::Length(7));
    reads("GET http://A.example:80/v2 HTTP/1.1\r\nHost: a.example:80\r\n\r\n", Body::Length(0));
}

#[test]
fn two_readings_are_refused() {
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: \r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: Chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "Transfer-Encoding: chunked\u{c}\r\n",
        "Transfer-Encoding:\r\n",
        "Host: a\r\n",
        "Content-Length : 3\r\n",
        " folded\r\n",
        "no colon\r\n",
        ": empty\r\n",
        "X: nul\0\r\n",
    ] {
        refuses(&format!("POST /x HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
    }
}

#[test]
fn the_request_line_has_one_form() {
    for line in [
        "get /v2 HTTP/1.1",
        "CONNECT a:80 HTTP/1.1",
        "BREW /v2 HTTP/1.1",
        "GET  /v2 HTTP/1.1",
        "GET /v2 HTTP/1.1 ",
        "GET /v2 HTTP/2.0",
        "GET /v2",
        "GET /a b HTTP/1.1",
        "GET v2 HTTP/1.1",
        "GET * HTTP/1.1",
        "GET http://b/v2 HTTP/1.1",
        "GET http://a@b/v2 HTTP/1.1",
        "GET https://a/v2 HTTP/1.1",
        "GET http://169.254.169.254/latest HTTP/1.1",
        "",
    ] {
        refuses(&format!("{line}\r\nHost: a\r\n\r\n"));
    }
}

#[test]
fn host_is_there_once_and_is_an_authority() {
    refuses("GET /v2 HTTP/1.1\r\n\r\n");
    refuses("GET /v2 HTTP/1.1\r\nHost:\r\n\r\n");
    refuses("GET /v2 HTTP/1.1\r\nHost: a, b\r\n\r\n");
    refuses("GET /v2 HTTP/1.1\r\nHost: a/b\r\n\r\n");
    refuses("GET /v2 HTTP/1.1\r\nHost: u@a\r\n\r\n");
    refuses("GET http://a/v2 HTTP/1.0\r\n\r\n");
}

#[test]
fn methods_without_a_body_have_none() {
    refuses("GET /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    refuses("DELETE /v2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    refuses("POST /v2 HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
}

#[test]
fn header_lines_are_counted() {
    let head = |lines: usize| format!("GET /v2 HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(lines - 1));
    reads(&head(HEADERS_MAX), Body::Length(0));
    assert_eq!(check(head(HEADERS_MAX + 1).as_bytes(), HEADERS_MAX), Err(Fault::TooLarge));
}
