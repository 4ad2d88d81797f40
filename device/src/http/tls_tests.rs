//! Handshakes of a device whose clock is told what to say.

use std::{env, fs, sync::Arc, time::Duration};

use rcgen::date_time_ymd;
use rustls::{CertificateError, ClientConnection, Error, ServerConnection, pki_types::UnixTime};
use trust::Clock;

use super::tls::{Tls, TlsFiles};
use site::{Identity, Site};

#[path = "../../tests/front/site.rs"]
#[expect(dead_code, reason = "the rest is for the tests through the front door")]
mod site;

const YEAR_3000: Duration = Duration::from_secs(32_503_680_000);

fn never_set() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(60))
}

/// One handshake in memory, with an endpoint that shows `shown`.
fn handshake(clock: &Arc<Clock>, site: &Site, shown: &Identity) -> Result<(), Error> {
    let folder = env::temp_dir().join(format!("longshore-device-{}-{:p}", std::process::id(), site));
    fs::create_dir_all(&folder).unwrap();
    let authorities = site.authority_file(&folder);
    let tls = Tls::load(TlsFiles { authorities, identity: None, token: None }, Arc::clone(clock)).unwrap();
    fs::remove_dir_all(folder).unwrap();
    let mut device = ClientConnection::new(tls.client(), "127.0.0.1".try_into().unwrap()).unwrap();
    let mut endpoint = ServerConnection::new(site.server(shown)).unwrap();
    while device.is_handshaking() {
        let mut flight = Vec::new();
        device.write_tls(&mut flight).unwrap();
        endpoint.read_tls(&mut flight.as_slice()).unwrap();
        endpoint.process_new_packets()?;
        let mut flight = Vec::new();
        while endpoint.wants_write() {
            endpoint.write_tls(&mut flight).unwrap();
        }
        device.read_tls(&mut flight.as_slice()).unwrap();
        device.process_new_packets()?;
    }
    Ok(())
}

fn refusal(error: Result<(), Error>) -> CertificateError {
    let Err(Error::InvalidCertificate(refusal)) = error else { panic!("{error:?}") };
    refusal
}

#[test]
fn a_clock_that_was_never_set_refuses_no_certificate_that_holds() {
    let site = Site::new("site");
    let clock = Clock::told_by(never_set);
    handshake(&clock, &site, &site.endpoint(|_| {})).unwrap();
    let begins = |params: &mut rcgen::CertificateParams| params.not_before = date_time_ymd(3000, 1, 1);
    assert!(clock.now() < YEAR_3000);
    handshake(&clock, &site, &site.endpoint(begins)).unwrap();
    assert_eq!(clock.now(), YEAR_3000, "an authority says that this moment has been");
    let ended = site.endpoint(|params| params.not_after = date_time_ymd(2999, 1, 1));
    let refused = refusal(handshake(&clock, &site, &ended));
    assert!(matches!(refused, CertificateError::ExpiredContext { .. }), "{refused:?}");
}

#[test]
fn a_clock_that_was_never_set_is_no_leave_for_strangers_and_the_expired() {
    let site = Site::new("site");
    let clock = Clock::told_by(never_set);
    let later = Site::new("other").endpoint(|params| params.not_before = date_time_ymd(3000, 1, 1));
    let refused = refusal(handshake(&clock, &site, &later));
    assert_eq!(refused, CertificateError::UnknownIssuer);
    assert!(clock.now() < YEAR_3000, "a stranger tells no time");
    let ended = site.endpoint(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let refused = refusal(handshake(&clock, &site, &ended));
    assert!(matches!(refused, CertificateError::ExpiredContext { .. }), "{refused:?}");
}

#[test]
fn a_clock_that_may_be_right_is_believed() {
    let site = Site::new("site");
    let later = site.endpoint(|params| params.not_before = date_time_ymd(3000, 1, 1));
    let refused = refusal(handshake(&Clock::new(), &site, &later));
    assert!(matches!(refused, CertificateError::NotValidYetContext { .. }), "{refused:?}");
}
