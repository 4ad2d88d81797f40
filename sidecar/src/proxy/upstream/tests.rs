use tokio::net::TcpListener;

use super::*;

#[tokio::test]
async fn a_connection_that_idled_for_a_minute_is_not_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::new(Address::Tcp(listener.local_addr().unwrap().to_string()), 4);
    let keep = async || upstream.lease(Link::connect(&upstream.address).await.unwrap()).give_back();
    keep().await;
    assert!(upstream.pop(Instant::now() + IDLE_MAX / 2, IDLE_MAX).is_some());
    keep().await;
    assert!(
        upstream.pop(Instant::now() + IDLE_MAX / 2, IDLE_MAX_FOR_ONE_TRY).is_none(),
        "too old for one try"
    );
    keep().await;
    assert!(upstream.pop(Instant::now() + IDLE_MAX, IDLE_MAX).is_none());
    assert!(upstream.idle.lock().unwrap().is_empty(), "nothing old stays behind");
}
