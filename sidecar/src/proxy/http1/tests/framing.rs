use crate::proxy::http1::{
    framing::{Allow, Body},
    head::Fault,
    tests::Reader,
};

const GET: &str = "GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n";
const CHUNKED: &str = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Feeds a text in pieces of every size up to 7 and whole: where the network cuts must not matter.
#[track_caller]
fn scan(text: &str) -> Result<bool, Fault> {
    let mut results = (1..8).chain([text.len().max(1)]).map(|size| {
        let mut reader = Reader::new(8, 200);
        text.as_bytes()
            .chunks(size)
            .try_for_each(|piece| reader.feed(piece))
            .map(|()| reader.unfinished() > 0)
    });
    let first = results.next().unwrap();
    assert!(results.all(|other| other == first), "{text:?}: cutting changes the result");
    first
}

#[test]
fn requests_follow_each_other() {
    let sized = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /";
    assert_eq!(scan(&format!("{GET}{sized}{GET}")), Ok(false));
    assert_eq!(scan(&format!("{CHUNKED}3;x=y\r\nabc\r\n00\r\n\r\n{GET}")), Ok(false));
    assert_eq!(scan(&format!("{GET}GET /v2 HT")), Ok(true));
    assert_eq!(scan(""), Ok(false));
}

#[test]
fn a_body_is_not_read_as_a_request() {
    let smuggled = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nget / BAD";
    assert_eq!(scan(&format!("{smuggled}{GET}")), Ok(false));
    assert!(scan(&format!("{GET}get / BAD\r\n\r\n")).is_err());
}

#[test]
fn bare_line_ends_and_leading_ones_are_refused() {
    for text in [
        "\r\nGET /v2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "\nGET /v2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /v2 HTTP/1.1\nHost: a\r\n\r\n",
        "GET /v2 HTTP/1.1\r\nHost: a\n\r\n",
        "GET /v2 HTTP/1.1\r\nHost: a\r\n\n",
        "GET /v2 HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        "GET /v2 HTTP/1.1\r\nHost: a\r\r\n\r\n",
    ] {
        assert!(matches!(scan(text), Err(Fault::Broken(_))), "{text:?}");
        assert!(matches!(scan(&format!("{GET}{text}")), Err(Fault::Broken(_))), "second: {text:?}");
    }
}

#[test]
fn chunks_have_one_form() {
    for body in [
        "\r\n",
        "x\r\n",
        "3\nabc\r\n",
        "3\r\nabcd\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "-1\r\n",
        "+1\r\n",
        " 3\r\nabc\r\n",
        "0x3\r\nabc\r\n",
        "100000000\r\n",
        "0\r\nTrailer: x\r\n\r\n",
        "3;\u{1}\r\nabc\r\n",
        "0\r\n\n",
    ] {
        assert!(matches!(scan(&format!("{CHUNKED}{body}")), Err(Fault::Broken(_))), "{body:?}");
    }
    assert!(scan(&format!("{CHUNKED}1;{}\r\n", "x".repeat(300))).is_err(), "long extension");
}

#[test]
fn a_head_has_a_length() {
    let head = |pad: usize| format!("GET /v2 HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(pad));
    let rest = head(0).len();
    assert_eq!(scan(&head(200 - rest)), Ok(false));
    assert_eq!(scan(&head(201 - rest)), Err(Fault::TooLarge));
}

#[test]
fn the_data_of_a_body_comes_out_and_nothing_else() {
    let read = |body: &str| {
        let mut reader = Reader::new(8, 200);
        reader.feed(format!("{CHUNKED}{body}").as_bytes()).unwrap();
        String::from_utf8(reader.data).unwrap()
    };
    assert_eq!(read("3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /"), "abcde");
    assert_eq!(read("5\r\nab"), "ab");
}

#[test]
fn lines_behind_the_last_chunk_are_read_past_in_a_response_only() {
    let all = |text: &str, allow| {
        let mut body = Body::CHUNKED;
        body.skip(text.as_bytes(), allow).map(|length| (length, body.is_over()))
    };
    let text = "0\r\nX-Sum: 1\r\nY:\r\n\r\n";
    assert_eq!(all(text, Allow::Trailers), Ok((text.len(), true)));
    assert!(all(text, Allow::NoTrailers).is_err());
    assert_eq!(all("0\r\nX: 1\r\n", Allow::Trailers), Ok((9, false)));
    assert!(all("0\r\nX: 1\n\r\n", Allow::Trailers).is_err(), "bare LF");
    assert!(all(&format!("0\r\nX: {}", "y".repeat(9000)), Allow::Trailers).is_err(), "no end");
}
