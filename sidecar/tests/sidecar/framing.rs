//! What is ambiguous never reaches the parser, let alone the model server.

use crate::{
    harness::{BOTH, HEAD, Sidecar, infer},
    server::Server,
};

#[test]
fn each_ambiguity_is_400_and_the_end_of_the_connection() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = Sidecar::over(over, &server, |_| {});
        let requests = [
            ("two lengths", format!("{HEAD}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}")),
            (
                "length and coding",
                format!("{HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ),
            (
                "two codings",
                format!("{HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ),
            ("another coding", format!("{HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
            ("two hosts", format!("{HEAD}Host: b\r\nContent-Length: 0\r\n\r\n")),
            ("no host", "GET /v2 HTTP/1.1\r\n\r\n".into()),
            ("another authority", "GET http://b/v2 HTTP/1.1\r\nHost: a\r\n\r\n".into()),
            ("body on GET", "GET /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}".into()),
            ("lower-case method", "get /v2 HTTP/1.1\r\nHost: a\r\n\r\n".into()),
            ("unknown method", "BREW /v2 HTTP/1.1\r\nHost: a\r\n\r\n".into()),
            ("bare LF", "GET /v2 HTTP/1.1\nHost: a\n\n".into()),
            ("bare CR", "GET /v2 HTTP/1.1\r\nHost: a\rX: b\r\n\r\n".into()),
            ("leading CRLF", "\r\nGET /v2 HTTP/1.1\r\nHost: a\r\n\r\n".into()),
            ("folded line", "GET /v2 HTTP/1.1\r\nHost: a\r\n b\r\n\r\n".into()),
        ];
        for (count, (what, request)) in requests.iter().enumerate() {
            let mut client = sidecar.client();
            let reply = client.ask(request);
            reply.refused(400, "malformed");
            assert_eq!(reply.header("connection"), Some("close"), "{what}");
            assert!(client.is_closed(), "{what}");
            assert_eq!(sidecar.count("malformed"), count as u64 + 1, "{what}");
        }
        assert_eq!(server.inferences().len(), 0);
    }
}

#[test]
fn a_second_request_is_looked_at_as_closely_as_the_first() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = Sidecar::over(over, &server, |_| {});
        let mut client = sidecar.client();
        assert_eq!(client.ask(&infer("", "{}")).outcome(), "served");
        let smuggled = format!("{HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        client.ask(&smuggled).refused(400, "malformed");
        assert!(client.is_closed());
        assert_eq!(server.inferences().len(), 1);
    }
}

#[test]
fn a_broken_chunk_is_malformed() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = Sidecar::over(over, &server, |_| {});
        let mut client = sidecar.client();
        client
            .ask(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"))
            .refused(400, "malformed");
        assert_eq!(server.inferences().len(), 0);
    }
}

#[test]
fn chunks_and_absolute_targets_that_are_clear_are_served() {
    for over in BOTH {
        let server = Server::start();
        let sidecar = Sidecar::over(over, &server, |_| {});
        let mut client = sidecar.client();
        let chunked = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n");
        assert_eq!(client.ask(&chunked).outcome(), "served");
        let absolute = "POST http://a/v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nf";
        assert_eq!(client.ask(absolute).outcome(), "served");
        let seen = server.inferences();
        assert_eq!(seen[0].body, b"abcde");
        assert_eq!(
            (seen[0].header("content-length"), seen[0].header("transfer-encoding")),
            (Some("5"), None)
        );
        assert_eq!(seen[1].line, "POST /v2/models/m/infer HTTP/1.1");
    }
}
